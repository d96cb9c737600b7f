"""Votes of several workers in files: three columns (worker, item, label), or preferences on pairs."""

from pathlib import Path

from ...core.errors import InputError
from ...core.files.cells import given, name_of
from ...core.files.labels import read_labels
from ...core.files.tables import Row, read_rows
from ...core.text import listed
from ..labels.votes import Votes, votes, votes_of

WORKERS, ITEMS, LABELS = ("worker", "annotator", "performer"), ("item", "task", "id"), ("label", "answer")
"""Names of the three columns; the first of each that is there is taken."""


def read_votes(path: Path) -> Votes:
    """The votes of a file. A label that is null or empty is an abstention. Preferences are votes by `annotator` on the pair. Raises
    InputError naming file, row and column."""
    rows = read_rows(path)
    names = [next((name for name in known if name in rows[0]), "") for known in (WORKERS, ITEMS, LABELS)]
    if all(names):
        cells = [[_name(row, name, f"{str(path)!r}, row {at}") for at, row in enumerate(rows, 1)] for name in names]
        return votes(cells[0], cells[1], [label or None for label in cells[2]])
    if {"chosen", "p_left", "preference"} & set(rows[0]):
        return votes_of(each._replace(judge=each.judge or "file") for each in read_labels(path))
    what = f"{str(path)!r} has the columns {listed(rows[0])}; give a worker ({', '.join(WORKERS)}), an item ({', '.join(ITEMS)})"
    raise InputError(f"{what} and a label ({', '.join(LABELS)}), or preferences on pairs with their `annotator`")


def _name(row: Row, column: str, where: str) -> str:
    return name_of(row.get(column) if column in LABELS else given(row, column, where), f"{where}: `{column}`")
