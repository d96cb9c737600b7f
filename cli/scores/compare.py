"""`pasture compare`: the difference of two models judged against the same baseline on the same prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..shared.console import show_rows
from ..shared.options import Json


def compare(
    first: Annotated[Path, typer.Argument(help="Verdicts: AlpacaEval's annotations, or preferences of `pasture annotate`.")],
    second: Annotated[Path, typer.Argument(help="Verdicts about another model, against the same baseline.")],
    across_judges: Annotated[
        bool, typer.Option("--across-judges", help="Also of two judges; the difference is then theirs as much as the models'.")
    ] = False,
    level: Annotated[float, typer.Option(help="Of the interval.")] = 0.95,
    json: Json = False,
) -> None:
    """Which of two models won more? Paired by prompt, because two separate intervals say too little."""
    from ...core.errors import InputError
    from ...core.results import Measure, estimate_json
    from ...eval.files.verdicts import read_verdicts
    from ...eval.win_rates.difference import paired_difference
    from ...eval.win_rates.win_rate import win_rate_from_scores

    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}; it is in (0, 1), such as 0.95")
    one, other = read_verdicts(first), read_verdicts(second)
    if one.baseline and other.baseline and one.baseline != other.baseline:
        raise InputError(
            f"{str(first)!r} is against {one.baseline!r} and {str(second)!r} against {other.baseline!r}; give two with one baseline"
        )
    if one.prompt_column != other.prompt_column:
        raise InputError(
            f"{str(first)!r} names prompts by {one.prompt_column!r} and {str(second)!r} by {other.prompt_column!r}; name them alike"
        )
    if one.judges and other.judges and not one.judges & other.judges and not across_judges:
        judges = [", ".join(sorted(each.judges)[:3]) for each in (one, other)]
        raise InputError(
            f"{str(first)!r} was judged by {judges[0]} and {str(second)!r} by {judges[1]}: their difference is the judges' as "
            "much as the models'; give two files of one judge, or --across-judges"
        )
    rates = [win_rate_from_scores(s.scores_N, s.clusters_N, s.abstentions, level) for s in (one.scores, other.scores)]
    difference = paired_difference([one.scores], [other.scores], level, trained=False)
    names = (one.model or str(first), other.model or str(second))
    facts = {"first": names[0], "second": names[1], "baseline": one.baseline or other.baseline or None}
    facts |= {"judges": ", ".join(sorted(one.judges | other.judges)[:6]) or None}
    rows = [Measure("win rate", name, rate, "share") for name, rate in zip(names, rates, strict=True)]
    p = f"p {difference.extra['p']:.3g} ({difference.how})" if "p" in difference.extra else ""
    rows.append(Measure("paired difference", "difference", difference, "difference", "the first's win rate less the second's", p))
    keys = ("win_rate_first", "win_rate_second", "difference")  # as 0.1 had them
    more = {key: estimate_json(row.estimate) for key, row in zip(keys, rows, strict=True)}
    show_rows(rows, json, facts=facts, more=more)
