"""Rows of a result for the terminal, and the picture of one for a page. Names are `Text`, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..core.results import Measure
from .text import is_defined, shown, shown_interval, visible

COLUMNS = ("measure", "value", "interval", "n", "abst.")


def rows_table(rows: Sequence[Measure], title: str = "") -> Table:
    """One line per row, a section per group, and the group's name above it where there are several groups."""
    table = Table(title=Text(visible(title)) if title else None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        is_name = name == COLUMNS[0]
        table.add_column(
            name,
            justify="left" if is_name else "right",
            no_wrap=not is_name,
            overflow="fold",
            min_width=24 if is_name else None,
        )
    groups = [(name, list(group)) for name, group in groupby(rows, key=lambda each: each.group)]
    for name, group in groups:
        if len(groups) > 1 and name:
            table.add_row(Text(visible(name), style="bold"))
        for each in group:
            table.add_row(*(Text(cell) for cell in _cells(each)), end_section=each is group[-1])
    return table


def notes(rows: Sequence[Measure]) -> list[str]:
    """What each row shows, where a rule decided it; and why it is undefined or has no interval, where it is or has none."""
    said = []
    for row in rows:
        if not is_defined(row.estimate):
            said.append((row.name, row.finding or row.estimate.how))
        elif row.finding:
            said.append((row.name, row.finding))
        elif not shown_interval(row.estimate, row.unit):
            said.append((row.name, f"no interval ({row.estimate.how})"))
    return [f"{visible(name)}: {visible(words)}" for name, words in said]


def picture(row: Measure) -> Markup:
    """The value and its interval on the range that it can have, as an inline SVG; empty where there is none to draw. The middle of
    the range is marked: what a judge without a liking, or one that tosses coins, has."""
    found = row.estimate
    least = {"share": 0.0, "difference": -1.0, "kappa": -1.0, "correlation": -1.0}.get(row.unit)
    if found.value is None or not is_defined(found) or least is None:
        return Markup("")

    def place(value: float) -> str:
        return f"{100 * min(max((value - least) / (1 - least), 0.0), 1.0):.2f}"

    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return Markup(  # numbers of our own making, and nothing of a stranger's
        '<svg class="range-plot" viewBox="-3 0 106 12" aria-hidden="true">'
        '<line x1="0" x2="100" y1="6" y2="6" stroke="var(--line)"/><line x1="50" x2="50" y1="1" y2="11" stroke="var(--soft)"/>'
        f'<line x1="{place(low)}" x2="{place(high)}" y1="6" y2="6" stroke="var(--accent)" stroke-width="3" stroke-linecap="round"/>'
        f'<circle cx="{place(found.value)}" cy="6" r="3" fill="var(--accent)"/></svg>'
    )


def _cells(row: Measure) -> tuple[str, ...]:
    found = row.estimate
    value, ends = shown(found, row.unit), shown_interval(found, row.unit)
    return (visible(row.name), value, ends, str(found.n), str(found.abstentions))
