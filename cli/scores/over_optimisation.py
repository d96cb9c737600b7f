"""`pasture over-optimisation`: does optimising the proxy harm gold, under noise, and do ensembles help?"""

from pathlib import Path
from typing import Annotated

from typer import Option

from ...benchmarks.claims.over_optimisation import over_optimisation as measure
from ...benchmarks.claims.over_optimisation import trained_policies
from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.results import RankingResult
from ..shared.console import json_text, show_rows
from ..shared.options import Json


def over_optimisation(
    world: Annotated[str, Option(help="A world with closed forms.")] = "exact-overoptimised",
    flip: Annotated[list[float] | None, Option(help="Share of labels flipped, below 0.5; repeat it. [default: 0 and 0.25]")] = None,
    labels: Annotated[int, Option(min=2, help="Labelled pairs per seed.")] = 1000,
    seeds: Annotated[int, Option(min=1, help="Independent worlds and label sets; intervals are over them.")] = 20,
    ranking: Annotated[
        Path | None, Option(help="Also show the trained policies of this ranking.json of `pasture rank`, by KL.")
    ] = None,
    out: Annotated[Path | None, Option(help="Also write the JSON to this file.")] = None,
    json: Json = False,
) -> None:
    """Gold against KL as the reference is optimised against fitted rewards, with Gao's fits."""
    policies = trained_policies(RankingResult.load(ranking), world) if ranking else []
    if out is not None and out.suffix.lower() != ".json":
        raise InputError(f"--out {str(out)!r} has the suffix {out.suffix!r}; it is .json")
    result = measure(world, flip or (0.0, 0.25), labels, seeds)
    rows, records = [*result.rows(), *policies], result.as_json()
    if out is not None:
        write_atomically(out, json_text({"measures": [each.as_json() for each in rows]} | records))
    title = f"{result.world}: gold over the reference; {result.labels} labels, {result.seeds} seeds"
    show_rows(rows, json, title=title, more=records, wide=True)
