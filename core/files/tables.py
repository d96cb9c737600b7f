"""Rows of a file and back, by its suffix: JSON lines, JSON, Parquet, CSV (the text ones also .gz), and Hugging Face folders.

A path without a suffix is a folder of the `datasets` library (`save_to_disk`); one with Parquet files, as the Hub has them, is read
too. Files are written whole or not at all. In a CSV an empty cell is null, and `""` an empty text, as other writers have it."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..text import one_line
from .reading import Row, cause, check_regular, datasets_library, once, opened, reading
from .writing import WRITERS, check_folder, writing

if TYPE_CHECKING:
    import pyarrow as pa


READABLE = ".jsonl, .json, .csv (these also with .gz), .parquet, or a folder saved by the `datasets` library"
ROWS_AT_ONCE = 1000  # of a Parquet file that is read as it comes
SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")
"""One of these stands in a folder that the `datasets` library saved."""
SPLIT = re.compile(r"(.+)-\d{5}-of-\d{5}(-[0-9a-f]+)?")  # the name of a Parquet file of the Hub: a split, and which part of it
CELL = re.compile(r'("(?:[^"]|"")*"|[^,]*)(?:,|\Z)')


def read_rows(path: Path | str) -> list[Row]:
    """All rows, in order. Raises InputError for a missing or empty file, an unknown suffix and a row that cannot be read."""
    return list(iter_rows(path))


def iter_rows(path: Path | str) -> Iterator[Row]:
    """`read_rows`, one after another: of .jsonl, .csv (also .gz) and .parquet few are in memory at a time. Errors come
    when the rows before them are read."""
    path = Path(path)
    with reading(path, f"a file: {READABLE}"):
        number = 0
        for number, row in enumerate(_reader(path)(path), 1):
            if not isinstance(row, Mapping):
                what = f"{str(path)!r}, row {number} is {one_line(json.dumps(row))}"
                raise InputError(f"{what}; a row is an object with named columns")
            yield row
    if not number:
        raise InputError(f"{str(path)!r} is empty; it holds at least one row")


def write_rows(path: Path | str, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Writes `rows`, whole or not at all, in the columns of `schema` (also where there are no rows)."""
    write_batches(path, [rows], schema)


def write_batches(path: Path | str, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    """`write_rows` of rows that come in batches; one of them in memory at a time for .parquet and .jsonl (also .gz)."""
    path = Path(path)
    with writing(path):
        _writer(path)(path, batches, schema)


def check_writable(path: Path | str, nested: bool = False) -> None:
    """Raises InputError for whatever would make `write_rows` fail after the work: an unknown suffix, lists in a CSV, or a folder
    that cannot be made or written."""
    path = Path(path)
    _writer(path)
    if nested and _kind(path) == ".csv":
        raise InputError(f"{str(path)!r} is to hold conversations, which a CSV cannot; give a .jsonl or .parquet")
    check_folder(path)


def tables_in(folder: Path) -> list[Path]:
    """The readable files of a folder, by name; none of one that is itself a saved data set."""
    with reading(folder, "a folder of files"):
        if (folder / SAVED[0]).is_file():
            return []
        return sorted(each for each in folder.iterdir() if each.is_file() and _kind(each) in READERS)


def stem_of(path: Path) -> str:
    """The file's name without its suffixes: `prefs` of `prefs.jsonl.gz`."""
    name = path.name.removesuffix(".gz")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name


def is_saved(folder: Path) -> bool:
    """Whether the `datasets` library saved this folder."""
    return any((folder / name).is_file() for name in SAVED)


def parquets_in(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of those in it, by name, as the Hub has them."""
    return sorted(folder.rglob("*.parquet"))


def _kind(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower() if path.suffix.lower() != ".parquet" else ".parquet"


def _reader(path: Path) -> Callable[[Path], Iterable[Row]]:
    if path.is_dir():
        return _read_folder
    if not path.exists() or _kind(path) in READERS:
        return READERS.get(_kind(path), _read_jsonl)
    raise InputError(f"{str(path)!r} has the suffix {path.suffix!r}; readable are: {READABLE}")


def _read_jsonl(path: Path) -> Iterator[Row]:
    with opened(path, newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line, object_pairs_hook=once)
                except (ValueError, RecursionError) as error:
                    why = error.msg if isinstance(error, json.JSONDecodeError) else cause(error)
                    shown = one_line(line.removesuffix("\n"))
                    raise InputError(f"{str(path)!r}, line {number} is not JSON that can be read ({why}): {shown}") from error
                yield row


def _read_json(path: Path) -> list[Row]:
    with opened(path, newline="") as file:
        text = file.read()
    try:
        rows = json.loads(text, object_pairs_hook=once) if text.strip() else []
    except json.JSONDecodeError as error:
        raise InputError(f"{str(path)!r} is not JSON ({error.msg}, line {error.lineno}); one object per line is .jsonl") from error
    if not isinstance(rows, list):
        raise InputError(f"{str(path)!r} holds {one_line(json.dumps(rows))}; a .json file holds an array of objects")
    return rows


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    with opened(path, newline="") as file:
        record: list[str] = []  # the lines of the row that is read
        reader = csv.reader((record.append(line) or line for line in file), strict=True)
        rows = filter(None, reader)  # lines without a cell are no rows
        try:
            names = next(rows, [])
            _check_columns(names)
            record.clear()
            for number, cells in enumerate(rows, 1):
                if len(cells) > len(names):
                    raise InputError(f"{str(path)!r}, row {number} has more fields than the header; quote fields that hold commas")
                missing = [None] * (len(names) - len(cells))
                yield dict(zip(names, [*(_or_null(cells, record) if "" in cells else cells), *missing], strict=True))
                record.clear()
        except csv.Error as error:
            raise InputError(f"{str(path)!r}, line {reader.line_num} is not CSV: {error}") from error


def _or_null(cells: Sequence[str], record: Sequence[str]) -> list[str | None]:
    """The cells of a row, those that hold nothing as null: not even the quotes of an empty text."""
    written = CELL.findall("".join(record).strip("\r\n"))
    return [cell if cell or given else None for cell, given in zip(cells, written, strict=False)]


def _check_columns(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"the column {twice[0]!r} is there twice")


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    check_regular(path)
    with pq.ParquetFile(path) as file:
        _check_columns(file.schema_arrow.names)
        for batch in file.iter_batches(ROWS_AT_ONCE):
            yield from batch.to_pylist()


READERS: Mapping[str, Callable[[Path], Iterable[Row]]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
"""By the suffix of a path, what reads its rows."""


def _read_folder(path: Path) -> Iterable[Row]:
    if not is_saved(path):
        return _read_parquets(path)
    datasets = datasets_library()
    found = datasets.load_from_disk(str(path))
    if isinstance(found, datasets.DatasetDict):
        if len(found) != 1:
            splits = ", ".join(str(path / split) for split in found)
            raise InputError(f"the data set {str(path)!r} has {len(found)} splits; give one of: {splits}")
        found = next(iter(found.values()))
    return found.to_list()


def _read_parquets(folder: Path) -> Iterator[Row]:
    paths = parquets_in(folder)
    if not paths:
        raise InputError(f"the folder {str(folder)!r} holds neither a saved data set (`save_to_disk`) nor Parquet files")
    splits = {found[1] if (found := SPLIT.fullmatch(path.stem)) else path.stem for path in paths}
    if len(splits) > 1:
        what = f"the folder {str(folder)!r} holds Parquet files of {len(splits)} splits ({', '.join(sorted(splits)[:5])})"
        raise InputError(f"{what}; give one file, or a folder with the files of one split")
    for path in paths:
        yield from _read_parquet(path)


def _writer(path: Path) -> Callable[[Path, Iterable[Sequence[Row]], pa.Schema], None]:
    if _kind(path) not in WRITERS:
        what = f"{str(path)!r} has the suffix {path.suffix!r}"
        raise InputError(f"{what}; writable are: .jsonl, .json, .csv (also .gz), .parquet, or none")
    return WRITERS[_kind(path)]
