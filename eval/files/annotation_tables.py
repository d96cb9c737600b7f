"""AlpacaEval's annotations of several models and judges in one table: a file, or a Hugging Face data set (a folder of the
`datasets` library, or one of Parquet files, as the Hub has them).

Departure from a folder of annotations: rows tell model, judge and baseline (`generator_2`, `annotator`, `generator_1`).
"""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError, UnknownName
from ...core.files.tables import Row, read_rows
from .alpaca_eval import Judgments, judgments_of_rows

SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")


def is_table(path: Path) -> bool:
    """Whether a path is one table: a file, a saved data set, or a folder with Parquet files and no annotations.json or CSV."""
    if not path.is_dir():
        return path.is_file()
    if any((path / name).is_file() for name in SAVED):
        return True
    return bool(_parquets(path)) and not any(any(path.rglob(pattern)) for pattern in ("annotations.json*", "*__*.csv*"))


def read_table(path: Path) -> list[Row]:
    """All rows; those of a folder's Parquet files one file after the other, by name."""
    if path.is_dir() and not any((path / name).is_file() for name in SAVED):
        return [row for each in _parquets(path) for row in read_rows(each)]
    return read_rows(path)


def judgments_of_table(rows: list[Row], path: Path, judge: str | None = None) -> list[Judgments]:
    """By judge, model and baseline; those of one judge if named. `path` is what errors call the rows. Raises InputError for what
    `read_judgments` refuses, and for rows that do not name their model; UnknownName for a judge that is not there."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for number, row in enumerate(rows, 1):
        if not row.get("generator_2"):
            raise InputError(
                f"{str(path)!r}, row {number} names no model; give battles (model_a, model_b, winner), or judgments with "
                "generator_1, generator_2, preference"
            )
        name = (str(row.get("annotator") or ""), str(row["generator_2"]), str(row.get("generator_1") or ""))
        groups.setdefault(name, []).append(row)
    judges = {name[0] for name in groups}
    if judge is not None and judge not in judges:
        raise UnknownName("judge", judge, judges)
    return [judgments_of_rows(some, path) for name, some in sorted(groups.items()) if judge in (None, name[0])]


def _parquets(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))
