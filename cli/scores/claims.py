"""`pasture claims list|show|run`: findings of the literature, made again."""

from __future__ import annotations

from typing import Annotated

import typer

from ..listing import Json, Name, catalogue
from ..shared.console import show_rows

claims = catalogue(
    "pasture.benchmarks.claims:CLAIMS",
    "Claims of the literature, each tried here.",
    "what is claimed, by whom, how it is tried, its options",
)


@claims.command("run")
def run_claim(
    name: Name,
    seeds: Annotated[int | None, typer.Option(min=1, help="Independent tries. [default: the claim's]")] = None,
    set: Annotated[list[str] | None, typer.Option("--set", help="An option of the claim, as key=value; repeat it.")] = None,
    json: Json = False,
) -> None:
    """Try a claim: it holds, it does not hold, or it cannot be told from this many seeds, each by an interval."""
    from inspect import signature

    from ...benchmarks.claims import CLAIMS
    from ...core.errors import InputError
    from ...core.options import check_types
    from ..shared.material import settings_from

    entry, claim = CLAIMS.entry(name), CLAIMS.load(name)
    options = settings_from(set or ())
    known = [each for each in signature(claim.run).parameters if each != "seeds"]
    for option in options:
        if option not in known:
            raise InputError(f"the claim {name!r} has no option {option!r}; its options: {', '.join(known)}")
    check_types(claim.run, options, f"the claim {name!r}")
    count = claim.seeds if seeds is None else seeds
    rows, outcome = claim.judged(claim.run(count, **options))
    facts = {"claim": entry.summary, "paper": entry.paper, "seeds": count, "outcome": outcome.value}
    show_rows(rows, json, title=name, facts=facts)
