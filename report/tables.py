"""A ranking for the terminal. Names are `Text`, never markup, so a method called `[red]` is printed as that."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..core.results import MethodResult, RankingResult
from .headline import abstained, agreement, verdict
from .text import interval, number, percent, visible

COLUMNS = ("method", "win rate %", "n", "abst.", "gold %", "value", "KL")
"""What fits in 80 columns; lengths, labels and times are on the page. `gold %` and `value`: win rate and mean utility by gold."""

LOST = "labels abst."
"""Training labels that abstained, of all: a column in place of `value` where there are any."""


def ranking_table(result: RankingResult) -> Table:
    """One row a method, best first."""
    level = f"{result.methods[0].win_rate.level:.0%}" if result.methods else "95%"
    title = Text(f"Win rate against fixed answers, {visible(result.world)} world ({level} intervals)")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    has_lost = any(each.label_abstentions for each in result.methods)
    names = [LOST if has_lost and name == "value" else name for name in COLUMNS]
    for name in names:
        is_name = name == "method"
        table.add_column(
            name, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold", min_width=12 if is_name else None
        )
    for each in result.methods:
        cells = dict(zip(COLUMNS, _cells(each), strict=True)) | {LOST: f"{each.label_abstentions or 0}/{each.labels}"}
        table.add_row(*(Text(cells[name]) for name in names))
    return table


def ranking_summary(result: RankingResult) -> RenderableType:
    """The table, and what it says in words."""
    lines = (verdict(result), *abstained(result), agreement(result))
    made = f"Labelled by {visible(result.feedback)}; judged by {visible(result.evaluator)}."
    return Group(ranking_table(result), *(Text(line) for line in (*lines, made) if line))


def _cells(each: MethodResult) -> list[str]:
    return [
        visible(each.method),
        f"{percent(each.win_rate.value)} {interval(each.win_rate, 100, 1)}",
        str(each.win_rate.n),
        str(each.win_rate.abstentions),
        percent(each.gold_win_rate.value),
        number(each.gold_value.value),
        number(each.kl.value),
    ]
