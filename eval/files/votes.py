"""Votes of several workers in files: three columns (worker, item, label), or preferences on pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import InputError
from ...core.files.cells import given, name_of
from ...core.files.labels import read_labels
from ...core.files.tables import Row, read_rows
from ...core.records import Abstention, Preference, Reason
from ...core.text import listed
from ..labels.votes import Votes, votes, votes_of_feedback

WORKERS, ITEMS, LABELS = ("worker", "annotator", "performer"), ("item", "task", "id"), ("label", "answer")
"""Names of the three columns; the first of each that is there is taken."""


def read_votes(path: Path) -> Votes:
    """The votes of a file. A label that is null or empty is an abstention. Preferences are votes by `annotator` on the pair. Raises
    InputError naming file, row and column."""
    rows = read_rows(path)
    names = [next((name for name in known if name in rows[0]), None) for known in (WORKERS, ITEMS, LABELS)]
    if None not in names:
        workers, items, labels = ([_name(row, str(name), path, at) for at, row in enumerate(rows, 1)] for name in names)
        return votes(workers, items, [label or None for label in labels])
    if {"chosen", "p_left", "preference"} & set(rows[0]):
        return votes_of_feedback(_feedback(path))
    raise InputError(
        f"{str(path)!r} has the columns {listed(rows[0])}; give a worker ({', '.join(WORKERS)}), an item "
        f"({', '.join(ITEMS)}) and a label ({', '.join(LABELS)}), or preferences on pairs with their `annotator`"
    )


def _name(row: Row, column: str, path: Path, at: int) -> str:
    where = f"{str(path)!r}, row {at}"
    if column in LABELS:
        return name_of(row.get(column), f"{where}: `{column}`")
    return name_of(given(row, column, where), f"{where}: `{column}`")


def _feedback(path: Path) -> Sequence[Preference | Abstention]:
    return [
        Abstention(pair, Reason.NOT_APPLICABLE, annotator or "file")
        if math.isnan(p_left)
        else Preference(pair, p_left, annotator or "file")
        for pair, p_left, _, annotator in read_labels(path)
    ]
