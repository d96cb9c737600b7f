"""AlpacaEval's annotations of several models and judges in one table: a file, or a Hugging Face data set (a folder of the
`datasets` library, or one of Parquet files, as the Hub has them).

Departure from a folder of annotations: rows tell model, judge and baseline (`generator_2`, `annotator`, `generator_1`).
"""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError, UnknownName
from ...core.files.cells import name_of
from ...core.files.tables import Row, is_saved, parquets_in, read_rows
from ...core.text import listed
from .alpaca_eval import Judgments, annotation_files, judgments_of_rows
from .exports import exported_rows, is_export


def is_table(path: Path) -> bool:
    """Whether a path is one table: a file, a saved data set, or a folder with Parquet files and no annotations.json or CSV."""
    if not path.is_dir():
        return path.is_file()
    if is_saved(path):
        return True
    return bool(parquets_in(path)) and not annotation_files(path) and not any(path.rglob("*__*.csv*"))


def read_table(path: Path) -> list[Row]:
    """All rows; those of a folder's Parquet files one file after the other, by name."""
    if path.is_dir() and not is_saved(path):
        return [row for each in parquets_in(path) for row in read_rows(each)]
    return read_rows(path)


def judgments_of_table(rows: list[Row], path: Path, judge: str | None = None) -> list[Judgments]:
    """By judge, model and baseline; those of one judge if named. `path` is what errors call the rows. Raises InputError for what
    `read_judgments` refuses, and for rows that do not name their model; UnknownName for a judge that is not there."""
    rows = exported_rows(path) if is_export(rows) else rows
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{str(path)!r}, row {number}"
        names = [name_of(row.get(name), f"{where}: `{name}`") for name in ("annotator", "generator_2", "generator_1")]
        if not names[1]:
            raise InputError(
                f"{where} names no model (its columns are {listed(row)}); give battles (model_a, model_b, winner), "
                "judgments (generator_1, generator_2, preference), or what `pasture annotate` wrote"
            )
        groups.setdefault((names[0], names[1], names[2]), []).append(row)
    judges = {name[0] for name in groups}
    if judge is not None and judge not in judges:
        raise UnknownName("judge", judge, judges)
    return [judgments_of_rows(some, path) for name, some in sorted(groups.items()) if judge in (None, name[0])]
