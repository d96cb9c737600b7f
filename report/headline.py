"""A ranking in a few sentences, each true of the numbers beside it."""

from __future__ import annotations

from ..core.results import MethodResult, RankingResult
from .text import interval, number, percent, visible

MANY = 4
"""Names that a sentence can hold."""


def winner(result: RankingResult) -> MethodResult | None:
    """The method with the highest win rate; None where none is defined."""
    judged = [each for each in result.methods if each.win_rate.value is not None]
    return max(judged, key=lambda each: each.win_rate.value or 0.0, default=None)


def verdict(result: RankingResult) -> str:
    """Which method came first, and by how much."""
    best = winner(result)
    if best is None:
        return "No method has a win rate: nothing was judged."
    rate = best.win_rate
    return f"{visible(best.method)} came first: it won {percent(rate.value)} % of its comparisons {interval(rate, 100, 1)}."


def rivals_within_reach(result: RankingResult) -> str:
    """Which methods' intervals overlap the first one's, which is a hint and not a test of their difference."""
    best = winner(result)
    if best is None or best.win_rate.low is None:
        return ""
    near = [
        visible(each.method)
        for each in result.methods
        if each is not best and each.win_rate.high is not None and each.win_rate.high >= best.win_rate.low
    ]
    if not near:
        return "Its interval lies above all others."
    if len(near) > MANY:
        return f"Its interval overlaps with those of {len(near)} other methods."
    return f"Its interval overlaps with that of {_listed(near)}."


def agreement(result: RankingResult) -> str:
    """Does the ranking agree with the known truth?"""
    rho, tau = result.spearman, result.kendall
    if rho.value is None:
        return f"Its agreement with the gold ranking is {rho.how}."
    return (
        f"Spearman correlation with the gold ranking: {number(rho.value)} {interval(rho)}; "
        f"Kendall's tau {number(tau.value)} {interval(tau)}."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
