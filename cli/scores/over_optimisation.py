"""`pasture over-optimisation`: does optimising the proxy harm gold, under noise, and do ensembles help?"""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import Annotated

import typer

from ..shared.console import plain


def over_optimisation(
    world: Annotated[str, typer.Option(help="A world with closed forms.")] = "exact-overoptimised",
    flip: Annotated[
        list[float] | None, typer.Option(help="Share of labels flipped, below 0.5; repeat it. [default: 0 and 0.25]")
    ] = None,
    labels: Annotated[int, typer.Option(min=2, help="Labelled pairs a seed.")] = 1000,
    seeds: Annotated[int, typer.Option(min=1, help="Independent worlds and label sets; intervals are over them.")] = 20,
    ranking: Annotated[
        Path | None, typer.Option(help="Also show the trained policies of this ranking.json of `pasture rank`, by KL.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Gold against KL as the reference is optimised against fitted rewards, with Gao's fits."""
    from dataclasses import asdict

    from ...benchmarks.claims.over_optimisation import over_optimisation as measure
    from ...benchmarks.claims.over_optimisation import policies_table, table, trained_policies
    from ...core.errors import InputError
    from ...core.files.writing import write_atomically
    from ...core.results import RankingResult

    policies = trained_policies(RankingResult.load(ranking), world) if ranking else []
    if out is not None and out.suffix.lower() != ".json":
        raise InputError(f"--out {str(out)!r} has the suffix {out.suffix!r}; it is .json")
    result = measure(world, flip or (0.0, 0.25), labels, seeds)
    told = result.as_json() | ({"policies": [asdict(each) for each in policies]} if ranking else {})
    text = encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1)
    if out is not None:
        write_atomically(out, text + "\n")
    typer.echo(text if json else plain(table(result) + (policies_table(policies) if ranking else "")))
