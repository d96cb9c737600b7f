"""`pasture compare`: the difference of two models judged against the same baseline on the same prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..shared.console import estimate_of, plain, print_json


def compare(
    first: Annotated[Path, typer.Argument(help="Verdicts: AlpacaEval's annotations, or preferences of `pasture annotate`.")],
    second: Annotated[Path, typer.Argument(help="Verdicts about another model, against the same baseline.")],
    level: Annotated[float, typer.Option(help="Of the interval.")] = 0.95,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Which of two models won more? Paired by prompt, because two separate intervals say too little."""
    from ...core.errors import InputError
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
    rates = [win_rate_from_scores(s.scores_N, s.clusters_N, s.abstentions, level) for s in (one.scores, other.scores)]
    difference = paired_difference([one.scores], [other.scores], level)
    shown: dict[str, Any] = {
        "first": one.model or str(first),
        "second": other.model or str(second),
        "baseline": one.baseline or other.baseline or None,
        "win_rate_first": estimate_of(rates[0]),
        "win_rate_second": estimate_of(rates[1]),
        "difference": estimate_of(difference),
    }
    if json:
        print_json(shown)
        return
    for name, rate in zip((shown["first"], shown["second"]), rates, strict=True):
        typer.echo(plain(f"{name}: {_words(estimate_of(rate))}"))
    typer.echo(plain(f"difference: {_words(estimate_of(difference))}"))
    if "p" in difference.extra:
        typer.echo(plain(f"p {difference.extra['p']:.3g} ({difference.how})"))


def _words(estimate: dict[str, Any]) -> str:
    counts = f"n {estimate['n']}, abstentions {estimate['abstentions']}"
    if estimate["value"] is None:
        return f"{estimate['how']}; {counts}"
    if estimate["low"] is None:
        return f"{100 * estimate['value']:.2f} points, no interval ({estimate['how']}); {counts}"
    return f"{100 * estimate['value']:.2f} points [{100 * estimate['low']:.2f}, {100 * estimate['high']:.2f}]; {counts}"
