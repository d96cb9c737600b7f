"""Files written whole or not at all: text, and rows by the suffix of the path. A link stays a link, and a pipe or a device is
written through."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..text import sound
from .reading import Row, cause, datasets_library, shown_path

if TYPE_CHECKING:
    import pyarrow as pa


ROWS_A_GROUP = 10_000  # of a Parquet file that is written in batches, so that its bytes do not depend on how the rows came
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a cell begins with that a spreadsheet would run
WITNESS = ".complete.json"  # name and size of every file of a folder that is made once, written last


def write_atomically(path: Path, content: str | bytes) -> None:
    """Puts `content` at `path` by a rename, so that a reader or a kill never meets half of it. Raises InputError where it cannot be
    written."""
    with draft(path) as place:
        place.write_bytes(content if isinstance(content, bytes) else sound(content).encode())


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turns what the file system refuses within (a full disk, a name too long, no permission) into an InputError."""
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:  # the last of a path of a thousand folders
        raise InputError(f"{shown_path(path)} cannot be written ({cause(error)}); give another path") from error


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A path beside `path`, whose folder is made, that takes its place when the block ends well. What a link leads to is replaced,
    not the link; what goes to a pipe or a device is written to it. Raises InputError where that cannot be done."""
    with writing(path):
        if not path.name:
            raise OSError("it names no file")
        target = Path(os.path.realpath(path)) if path.is_symlink() else path  # `resolve` raises where links go round
        target.parent.mkdir(parents=True, exist_ok=True)
        through = target.exists() and not (target.is_file() or target.is_dir())
        folder = Path(tempfile.gettempdir()) if through else target.parent
        place = folder / f".{target.name.encode()[:100].decode(errors='ignore')}.{os.getpid()}.tmp"
        try:
            yield place
            if through:
                with place.open("rb") as source, os.fdopen(_end_of(target), "wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                place.replace(target)
        finally:
            place.unlink(missing_ok=True)


def _end_of(target: Path, seconds: float = 2.0) -> int:
    """A pipe or a device, open for writing. A pipe that nobody opens to read within some seconds is refused: it would hold the work
    up for ever."""
    patience = time.monotonic() + seconds
    while True:
        try:
            end = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > patience:
                raise OSError("nobody reads the pipe") from error
            time.sleep(0.02)
        else:
            os.set_blocking(end, True)
            return end


def check_folder(path: Path) -> None:
    """Makes the folder of the file `path`. Raises InputError where it, or a file of that name in it, cannot be made or written."""
    with writing(path):
        if not path.name or "\0" in path.name:
            raise OSError("it names no file")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and path.suffix:
            raise OSError("it is a folder")
        there = path if path.exists() and not stat.S_ISREG(path.stat().st_mode) else path.parent
        if not os.access(there, os.W_OK):
            raise OSError(f"{shown_path(there)} is read-only")


def cached_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, where `make(draft)` has written its files once: whole or not at all, by one process while others wait, and again
    where it was damaged. Raises InputError where the cache cannot be written."""
    from filelock import FileLock

    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if _is_whole(folder):  # another process made it while this one waited
                return folder
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                make(draft)
                (draft / WITNESS).write_text(json.dumps(_sizes(draft)), encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        what = f"the cache folder {str(folder.parent)!r} cannot be written ({error})"
        raise InputError(f"{what}; make room or give another one by setting PASTURE_CACHE") from error
    return folder


def _is_whole(folder: Path) -> bool:
    witness = folder / WITNESS
    try:
        return json.loads(witness.read_text(encoding="utf-8")) == _sizes(folder)
    except (OSError, ValueError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != WITNESS)
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def cell_for_people(value: Any) -> Any:
    """The value of a table that people open: text that a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _write_text(path: Path, data: bytes) -> None:
    write_atomically(path, gzip.compress(data, mtime=0) if _is_packed(path) else data)


def _json(value: Any, indent: int | None = None) -> bytes:
    # Half of a surrogate pair is written as the escape that JSON has for it.
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent) + "\n").encode(errors="backslashreplace")


def _write_jsonl(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    with ExitStack() as stack:
        out: Any = stack.enter_context(stack.enter_context(draft(path)).open("wb"))
        if _is_packed(path):
            out = stack.enter_context(gzip.GzipFile("", "wb", fileobj=out, mtime=0))
        for batch in batches:
            out.writelines(map(_json, batch))


def _write_json(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    _write_text(path, _json(list(chain.from_iterable(batches)), indent=1))


def _write_csv(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    """Text stands in quotes, so that an empty one and line ends survive; null is an empty cell; lists and tables are JSON."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(schema.names)
    for row in chain.from_iterable(batches):
        buffer.write(",".join(_cell(row.get(name)) for name in schema.names) + "\n")
    _write_text(path, sound(buffer.getvalue()).encode())


def _cell(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


def _write_parquet(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with draft(path) as place, pq.ParquetWriter(place, schema) as writer:
        rows = chain.from_iterable(batches)
        group = list(islice(rows, ROWS_A_GROUP))
        while True:  # a table without rows is written too
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            if not (group := list(islice(rows, ROWS_A_GROUP))):
                break


def _write_folder(path: Path, batches: Iterable[Sequence[Row]], schema: pa.Schema) -> None:
    import pyarrow as pa

    datasets = datasets_library()
    if path.exists() and not (path / "dataset_info.json").is_file():
        raise InputError(f"{str(path)!r} exists and is not a saved data set; give another path, or a suffix such as .parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    place, old = (path.with_name(f".{path.name}.{os.getpid()}.{ending}") for ending in ("tmp", "old"))
    try:
        datasets.Dataset(pa.Table.from_pylist(list(chain.from_iterable(batches)), schema=schema)).save_to_disk(str(place))
        if path.exists():
            path.rename(old)
        place.rename(path)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


WRITERS: Mapping[str, Callable[[Path, Iterable[Sequence[Row]], pa.Schema], None]] = {
    ".jsonl": _write_jsonl,
    ".json": _write_json,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    "": _write_folder,
}
"""By the suffix of a path, what writes rows there."""
