"""A ranking for the terminal. Names are `Text`, never markup, so a method called `[red]` is printed as that."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..core.records import Estimate
from ..core.results import MethodResult, RankingResult
from .headline import agreement, rivals_within_reach, verdict
from .text import duration, interval, number, percent, visible

COLUMNS = ("", "method", "win rate %", "interval", "n", "abst.", "gold win %", "gold value", "KL", "tokens", "labels", "time")


def ranking_table(result: RankingResult) -> Table:
    """One row a method, best first."""
    level = f"{result.methods[0].win_rate.level:.0%}" if result.methods else "95%"
    table = Table(
        title=Text(f"Win rate against fixed answers, {visible(result.world)} world ({level} intervals)"), title_justify="left"
    )
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=name != "method", overflow="fold")
    for place, each in enumerate(result.methods, start=1):
        table.add_row(*(Text(cell) for cell in _cells(place, each)))
    return table


def ranking_summary(result: RankingResult) -> RenderableType:
    """The table, and what it says in words."""
    lines = (verdict(result), rivals_within_reach(result), agreement(result))
    made = f"Labelled by {visible(result.feedback)}; judged by {visible(result.evaluator)}."
    return Group(ranking_table(result), *(Text(line) for line in (*lines, made) if line))


def _cells(place: int, each: MethodResult) -> list[str]:
    return [
        str(place),
        visible(each.method),
        percent(each.win_rate.value),
        interval(each.win_rate, 100, 1),
        str(each.win_rate.n),
        str(each.win_rate.abstentions),
        _percent_with_error(each.gold_win_rate),
        number(each.gold_value.value),
        number(each.kl.value),
        number(each.length, 1),
        str(each.labels),
        duration(each.seconds),
    ]


def _percent_with_error(estimate: Estimate) -> str:
    error = estimate.standard_error
    return percent(estimate.value) + (f" ± {percent(error)}" if error is not None else "")
