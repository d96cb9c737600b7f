"""Rows of a file and back, by its suffix: JSON lines, JSON, Parquet, CSV (the text ones also .gz), and Hugging Face folders.

A path without a suffix is a folder of the `datasets` library (`save_to_disk`). Files are written whole or not at all.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from ..errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]

READABLE = ".jsonl, .json, .csv (these also with .gz), .parquet, or a folder saved by the `datasets` library"


ROWS_AT_ONCE = 1000
"""Of a Parquet file that is read as it comes."""
ROWS_A_GROUP = 10_000
"""Of a Parquet file that is written in batches, so that its bytes do not depend on how the rows came."""


def read_rows(path: Path | str) -> list[Row]:
    """All rows, in order. Raises InputError for a missing or empty file, an unknown suffix and a row that cannot be read."""
    return list(iter_rows(path))


def iter_rows(path: Path | str) -> Iterator[Row]:
    """`read_rows`, one after another: of .jsonl, .csv (also .gz) and .parquet few are in memory at a time. Errors come
    when the rows before them are read."""
    path = Path(path)
    if path.is_dir():
        rows = _read_folder(path)
    elif not path.is_file():
        raise InputError(f"no file {str(path)!r}; give a file: {READABLE}")
    else:
        rows = _reader(path)(path)
    number = 0
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"{str(path)!r}, row {number} is {_shown(row)}; a row is an object with named columns")
        yield row
    if not number:
        raise InputError(f"{str(path)!r} is empty; it holds at least one row")


def write_rows(path: Path | str, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Writes `rows`, whole or not at all, in the columns of `schema` (also where there are no rows)."""
    write_batches(path, [rows], schema)


def write_batches(path: Path | str, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    """`write_rows` of rows that come in batches; one of them in memory at a time for .parquet and .jsonl (also .gz)."""
    path = Path(path)
    write = _writer(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, batches, schema)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error}); give another path") from error


def check_writable(path: Path | str, nested: bool = False) -> None:
    """Raises InputError for whatever would make `write_rows` fail after the work: an unknown suffix, lists in a CSV, or a folder
    that cannot be made or written."""
    path = Path(path)
    _writer(path)
    if nested and _kind(path) == ".csv":
        raise InputError(f"{str(path)!r} is to hold conversations, which a CSV cannot; give a .jsonl or .parquet")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Makes the folder of the file `path`. Raises InputError where it cannot be made or written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error}); give another path") from error
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{str(path)!r} cannot be written: the folder {str(path.parent)!r} is read-only; give another path")


def tables_in(folder: Path) -> list[Path]:
    """The readable files of a folder, by name; none of one that is itself a saved data set."""
    if (folder / "dataset_info.json").is_file():
        return []
    return sorted(each for each in folder.iterdir() if each.is_file() and _kind(each) in _readers())


def stem_of(path: Path) -> str:
    """The file's name without its suffixes: `prefs` of `prefs.jsonl.gz`."""
    name = path.name.removesuffix(".gz")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name


def _kind(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower() if path.suffix.lower() != ".parquet" else ".parquet"


def _readers() -> dict[str, Callable[[Path], Iterable[Row]]]:
    return {".jsonl": _read_jsonl, ".ndjson": _read_jsonl, ".json": _read_json, ".csv": _read_csv, ".parquet": _read_parquet}


def _reader(path: Path) -> Callable[[Path], Iterable[Row]]:
    readers = _readers()
    if _kind(path) not in readers:
        raise InputError(f"{str(path)!r} has the suffix {path.suffix!r}; readable are: {READABLE}")
    return readers[_kind(path)]


@contextmanager
def _text(path: Path, newline: str = "") -> Iterator[TextIO]:
    """The file's text, read as it is wanted; lines end as `newline` says (see `open`), and nothing is translated."""
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline=newline) as file:
            yield cast(TextIO, file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} cannot be read ({error}); it is UTF-8 text, gzipped if it ends in .gz") from error


def _read_jsonl(path: Path) -> Iterator[Row]:
    with _text(path, newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    shown = _shown(line.removesuffix("\n"))
                    raise InputError(f"{str(path)!r}, line {number} is no JSON ({error.msg}): {shown}") from error
                yield row


def _read_json(path: Path) -> list[Row]:
    with _text(path) as file:
        text = file.read()
    if not text.strip():
        return []
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{str(path)!r} is no JSON ({error.msg}, line {error.lineno}); one object a line is .jsonl") from error
    if not isinstance(rows, list):
        raise InputError(f"{str(path)!r} holds {_shown(rows)}; a .json file holds an array of objects")
    return rows


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    with _text(path) as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for number, row in enumerate(reader, 1):
                if None in row:  # the rest of a row that is too long
                    raise InputError(f"{str(path)!r}, row {number} has more fields than the header; quote fields that hold commas")
                yield row
        except csv.Error as error:
            raise InputError(f"{str(path)!r}, line {reader.line_num} is no CSV: {error}") from error


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{str(path)!r} is no readable Parquet file: {error}") from error


def _datasets() -> Any:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise InputError(
            "a folder is read and written by the package `datasets`, which is not installed; try: pip install 'pasture[train]', "
            "or use a .parquet file"
        ) from error
    return datasets


def _read_folder(path: Path) -> list[Row]:
    datasets = _datasets()
    try:
        found = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise InputError(f"the folder {str(path)!r} is no saved data set ({error}); expected one of `save_to_disk`") from error
    if isinstance(found, datasets.DatasetDict):
        if len(found) != 1:
            splits = ", ".join(str(path / split) for split in found)
            raise InputError(f"the data set {str(path)!r} has {len(found)} splits; give one of: {splits}")
        found = next(iter(found.values()))
    return found.to_list()


def _writer(path: Path) -> Callable[[Path, Iterable[Sequence[Row]], pa.Schema], None]:
    writers = {".jsonl": _write_jsonl, ".json": _write_json, ".csv": _write_csv, ".parquet": _write_parquet, "": _write_folder}
    if _kind(path) not in writers:
        raise InputError(
            f"{str(path)!r} has the suffix {path.suffix!r}; writable are: .jsonl, .json, .csv (also .gz), .parquet, or none"
        )
    return writers[_kind(path)]


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A path beside `path` that takes its place when the block ends well."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    data = text.encode()
    with _draft(path) as draft:
        draft.write_bytes(gzip.compress(data, mtime=0) if path.suffix.lower() == ".gz" else data)


def _write_jsonl(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    with _draft(path) as draft, draft.open("wb") as file:
        packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if path.suffix.lower() == ".gz" else nullcontext(file)
        with packed as out:
            for batch in batches:
                out.writelines((json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode() for row in batch)


def _write_json(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    _write_text(path, json.dumps(list(chain.from_iterable(batches)), ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def _write_csv(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    """Values that are no text, number or truth value are written as JSON."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, schema.names, lineterminator="\n")
    writer.writeheader()
    for row in chain.from_iterable(batches):
        writer.writerow({k: json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for k, v in row.items()})
    _write_text(path, buffer.getvalue())


def _write_parquet(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _draft(path) as draft, pq.ParquetWriter(draft, schema) as writer:
        rows = chain.from_iterable(batches)
        group = list(islice(rows, ROWS_A_GROUP))
        while True:  # a table without rows is written too
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            if not (group := list(islice(rows, ROWS_A_GROUP))):
                break


def _write_folder(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    import pyarrow as pa

    datasets = _datasets()
    if path.exists() and not (path / "dataset_info.json").is_file():
        raise InputError(f"{str(path)!r} exists and is no saved data set; give another path, or a suffix such as .parquet")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        datasets.Dataset(pa.Table.from_pylist(list(chain.from_iterable(batches)), schema=schema)).save_to_disk(str(draft))
        if path.exists():
            path.rename(old)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"{text[:60]!r}{'...' if len(text) > 60 else ''}"
