"""An audit for the terminal, and as one HTML page that needs nothing else: no network, no other file, no JavaScript.

All text is a stranger's: Jinja escapes it, and control and direction characters are made visible. The page's policy (CSP) forbids
every request.
"""

from __future__ import annotations

from importlib.resources import files
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..core.files.writing import write_atomically
from ..core.records import Estimate
from ..eval.judges.judge_audit import AuditReport, Measure
from .text import UNKNOWN, interval, number, percent, visible

COLUMNS = ("measure", "value", "interval", "n", "abst.")


def audit_table(report: AuditReport) -> Table:
    """One row a measure. Names are `Text`, never markup."""
    table = Table(title=Text(f"Audit of {visible(report.annotator)}"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        is_name = name == COLUMNS[0]
        table.add_column(name, justify="left" if is_name else "right", no_wrap=True, min_width=22 if is_name else None)
    for _, group in groupby(report.measures, key=lambda each: each.group):
        rows = list(group)
        for each in rows:
            table.add_row(*(Text(cell) for cell in _cells(each)), end_section=each is rows[-1])
    return table


def audit_notes(report: AuditReport) -> list[str]:
    """Why what is undefined is, and how each attack ended."""
    return [
        f"{visible(each.name)}: {visible(each.means if each.group == 'attacks' else each.estimate.how)}"
        for each in report.measures
        if each.group == "attacks" or each.estimate.value is None
    ]


def audit_page(report: AuditReport) -> str:
    """The page's HTML. The same report gives the same bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"visible": visible, "value": shown_value, "interval": shown_interval, "picture": picture}
    groups = [(name, list(rows)) for name, rows in groupby(report.measures, key=lambda each: each.group)]
    return environment.from_string(_resource("audit.jinja")).render(
        report=report,
        groups=groups,
        css=Markup(_resource("page.css")),
    )


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Writes the page, whole or not at all, and returns its path."""
    write_atomically(path, audit_page(report))
    return path


def shown_value(measure: Measure) -> str:
    """A share in percent, a difference in points with its sign, kappa and dollars as they are; a dash where undefined."""
    value = measure.estimate.value
    if value is None:
        return UNKNOWN
    if measure.unit == "share":
        return f"{percent(value)} %"
    if measure.unit == "difference":
        return f"{'+' if value > 0 else ''}{number(100 * value, 1)} points"
    return f"${number(value)}" if measure.unit == "dollars" else number(value)


def shown_interval(measure: Measure) -> str:
    """In the unit of the value; empty where there is none."""
    scale, digits = (100, 1) if measure.unit in ("share", "difference") else (1, 2)
    return interval(measure.estimate, scale, digits)


def _cells(measure: Measure) -> tuple[str, ...]:
    found: Estimate = measure.estimate
    return (visible(measure.name), shown_value(measure), shown_interval(measure), str(found.n), str(found.abstentions))


def picture(measure: Measure) -> Markup:
    """The value and its interval on the range that it can have, as an inline SVG; empty where there is none to draw. The middle of
    the range is marked: what a judge without a liking, or one that tosses coins, has."""
    found = measure.estimate
    if found.value is None or measure.unit == "dollars":
        return Markup("")
    least = 0.0 if measure.unit == "share" else -1.0

    def place(value: float) -> str:
        return f"{100 * min(max((value - least) / (1 - least), 0.0), 1.0):.2f}"

    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return Markup(  # numbers of our own making, and nothing of a stranger's
        '<svg class="range-plot" viewBox="-3 0 106 12" aria-hidden="true">'
        '<line x1="0" x2="100" y1="6" y2="6" stroke="var(--line)"/><line x1="50" x2="50" y1="1" y2="11" stroke="var(--soft)"/>'
        f'<line x1="{place(low)}" x2="{place(high)}" y1="6" y2="6" stroke="var(--accent)" stroke-width="3" stroke-linecap="round"/>'
        f'<circle cx="{place(found.value)}" cy="6" r="3" fill="var(--accent)"/></svg>'
    )


def _resource(name: str) -> str:
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
