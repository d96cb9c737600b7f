"""Rows of a result for the terminal, and the picture of one for a page. Names are `Text`, never markup."""

from collections.abc import Container, Sequence
from itertools import groupby

from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..core.results import Measure
from .text import BARE, DIGITS, SCALES, is_defined, number, shown, shown_interval, visible

COLUMNS = ("measure", "value", "interval", "n", "abst.")


def rows_table(rows: Sequence[Measure], title: str = "") -> Table:
    """One line per row, a section per group, and the group's name above it where there are several groups."""
    table = empty_table(title, COLUMNS)
    groups = [(name, list(group)) for name, group in groupby(rows, key=lambda each: each.group)]
    for name, group in groups:
        if len(groups) > 1 and name:
            table.add_row(Text(visible(name), style="bold"))
        indent = "  " if len(groups) > 1 and name else ""
        for each in group:
            found = each.estimate
            cells = (shown(found, each.unit), shown_interval(found, each.unit), str(found.n), str(found.abstentions))
            table.add_row(Text(indent + visible(each.name)), *map(Text, cells), end_section=each is group[-1])
    return table


def wide_table(rows: Sequence[Measure], title: str = "", without_interval: Container[str] = (), counted: str = "") -> Table:
    """One line per group and one column per name, for groups that measure the same. without_interval: names whose column is narrow.
    counted: the name whose n and abstentions stand beside it; other counts are left out."""
    names = {each.name: each.unit for each in rows}
    found = {(each.group, each.name): each.estimate for each in rows}
    headings = [""]
    for name, unit in names.items():
        of_unit = {"share": " %", "difference": ", points"}.get(unit, "" if unit in BARE else f", {unit}")
        headings += [f"{name}{of_unit}", *(("n", "abst.") if name == counted else ())]
    table = empty_table(title, headings)
    for group in dict.fromkeys(each.group for each in rows):
        cells = []
        for name, unit in names.items():
            of = found.get((group, name))
            if of is None:
                cells += ["", "", ""] if name == counted else [""]
                continue
            value = number(of.value if of.value is None else SCALES.get(unit, 1.0) * of.value, DIGITS.get(unit, 2))
            cells.append(value if name in without_interval else f"{value} {shown_interval(of, unit)}".rstrip())
            cells += [str(of.n), str(of.abstentions)] if name == counted else []
        table.add_row(Text(visible(group)), *map(Text, cells))
    return table


def empty_table(title: str, columns: Sequence[str]) -> Table:
    """A table with a column of names and others of numbers."""
    table = Table(
        title=Text(visible(title)) if title else None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    for place, name in enumerate(columns):
        is_name = place == 0
        justify, width = ("left", 12) if is_name else ("right", None)
        table.add_column(Text(name), justify=justify, no_wrap=not is_name, overflow="fold", min_width=width)
    return table


def notes(rows: Sequence[Measure]) -> list[str]:
    """What each row shows, where a rule decided it; and why it is undefined or has no interval, where it is or has none."""
    said = []
    for row in rows:
        words = row.finding
        if not words and not is_defined(row.estimate):
            words = row.estimate.how
        elif not words and not shown_interval(row.estimate, row.unit):
            words = f"no interval ({row.estimate.how})"
        if words:
            named = row.name if sum(each.name == row.name for each in rows) == 1 else f"{row.group}: {row.name}"
            said.append(f"{visible(named)}: {visible(words)}")
    return said


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
