"""Files opened so that everything that cannot be read becomes one InputError: what decoders and the file system refuse, pipes and
devices, Git LFS pointers, and compressed files that inflate beyond a bound."""

import gzip
import io
import json
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast

from pydantic import ValidationError

from ..errors import InputError, PastureError
from ..text import one_line, sound

INFLATED_AT_LEAST, INFLATED_TIMES = 2**30, 50
"""A compressed file may hold so many bytes, or so many times its own size where that is more."""
LFS = b"version https://git-lfs.github.com/spec"
Row = Mapping[str, Any]


@contextmanager
def reading(path: Path | str, expected: str) -> Iterator[None]:
    """Turns whatever a decoder raises within into an InputError that names `path`, the cause, and what was `expected`. Decoders
    raise of every kind (RecursionError for deep nesting, ValueError for integers of 4,300 digits, OverflowError for years past
    9999, classes of their own), so all but Pasture's own errors are caught; nothing but decoding belongs within."""
    try:
        yield
    except PastureError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"no file {shown_path(path)}; give {expected}") from error
    except Exception as error:
        raise InputError(f"{shown_path(path)} cannot be read ({cause(error)}); give {expected}") from error


def read_text(path: Path | str, expected: str) -> str:
    """The whole text of a UTF-8 file, a byte-order mark left out. Raises InputError for what cannot be read."""
    with reading(path, expected), opened(path) as file:
        return file.read()


def read_toml(path: Path | str, expected: str) -> dict[str, Any]:
    """The table of a TOML file. Raises InputError for what cannot be read."""
    with reading(path, expected):
        return tomllib.loads(read_text(path, expected))


def read_json(path: Path | str, expected: str) -> Any:
    """The value of a JSON file, of any type. Raises InputError for what cannot be read."""
    with reading(path, expected):
        return json.loads(read_text(path, expected), object_pairs_hook=once)


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys differ. Raises ValueError for a key that is there twice, of which one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has the key {next(each for each in names if names.count(each) > 1)!r} twice")
    return found


@contextmanager
def opened(path: Path | str, newline: str | None = None) -> Iterator[TextIO]:
    """The text of a regular file, unpacked where the path ends in .gz; within `reading`. newline: as in `open`."""
    check_regular(path)
    with Path(path).open("rb") as file, io.TextIOWrapper(_unpacked(file, path), encoding="utf-8-sig", newline=newline) as text:
        yield text


def check_regular(path: Path | str) -> None:
    """Raises OSError for a folder, a pipe and a device, ValueError for a pointer of Git LFS; within `reading`."""
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(f"it is a {'folder' if stat.S_ISDIR(mode) else 'pipe or a device'}, not a regular file")
    with Path(path).open("rb") as file:
        if file.read(len(LFS)) == LFS:
            raise ValueError("it is a pointer of Git LFS, not the data: fetch the data with `git lfs pull`")


def _unpacked(file: IO[bytes], path: Path | str) -> BinaryIO:
    if not str(path).lower().endswith(".gz"):
        return cast(BinaryIO, file)
    return cast(BinaryIO, io.BufferedReader(_Inflated(gzip.GzipFile(fileobj=file), Path(path).stat().st_size)))


class _Inflated(io.RawIOBase):
    """Bytes of a compressed file, up to the bound."""

    def __init__(self, file: gzip.GzipFile, packed: int) -> None:
        self._file, self._left = file, max(INFLATED_AT_LEAST, INFLATED_TIMES * packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            what = f"it inflates to more than {INFLATED_AT_LEAST >> 30} GiB and {INFLATED_TIMES} times its size"
            raise ValueError(f"{what}; unpack it yourself")
        buffer[: len(data)] = data
        return len(data)


def is_file(path: Path | str) -> bool:
    """Whether there is such a file; False for what cannot be a path, such as a name of 300 characters."""
    return exists(path) and Path(path).is_file()


def exists(path: Path | str) -> bool:
    """Whether there is such a file or folder; False for what cannot be a path."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def shown_path(path: Path | str) -> str:
    """A path as messages name it, cut where it is very long."""
    text = sound(str(path))
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}..."


def cause(error: BaseException) -> str:
    """Why something failed, on one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, OSError) and error.strerror:
        return sound(error.strerror).lower()
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} = {one_line(first['input'])}: {first['msg']}"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text: {error.reason} at byte {error.start}"
    text = " ".join(sound(str(error)).split())
    if "integer string conversion" in text:
        return "it holds an integer of more than 4,300 digits"
    words = text if len(text) <= 200 else f"{text[:200]}..."
    return words if isinstance(error, OSError | ValueError) and words else f"{type(error).__name__}: {words}"


def datasets_library() -> Any:
    """The package `datasets`. Raises InputError where it is not installed."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        what = "a folder is read and written by the package `datasets`, which is not installed"
        raise InputError(f"{what}; try: pip install 'pasture[train]', or use a .parquet file") from error
    return datasets
