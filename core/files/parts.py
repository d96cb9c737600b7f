"""Preferences written while they are made, in parts beside the file that they become: memory is bounded, finished work is on disk,
and a run that was killed goes on after its last part."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..records import Abstention, Comparison, Preference
from ..seeds import digest
from .preferences import COLUMNS, Written, comparison_of, preference_schema, undecided_path, write_preferences
from .reading import read_json, reading
from .tables import Row, check_writable, read_rows, write_batches
from .writing import write_atomically

ASKED = "asked.json"
DAMAGED = "another path, or delete the folder of the parts: replies are in the store"


class _Part(NamedTuple):
    path: Path
    first: int
    end: int
    """Items [first, end)."""
    digest: str
    """Of the pairs, so that a run that goes on is seen to go on with the same."""


class PreferenceParts:
    """Results on their way to `path`, in the folder `<path>.parts` until `finish` makes the file that `write_preferences` would.

    asked: what made the results (annotator, engine, seed ...); parts of another run are refused. rows, seconds: a part is written
    when it has so many results, or when the last one was written so long ago. note: what else is to be known of the results of a
    part, as JSON, for it is not all in the file (`notes`). Raises InputError for a path that cannot be written and for a folder
    that holds something else. Nothing is made before the first part."""

    def __init__(
        self,
        path: Path | str,
        asked: Mapping[str, Any],
        rows: int = 20_000,
        seconds: float = 30.0,
        note: Callable[[Sequence[Preference | Abstention]], Any] | None = None,
    ) -> None:
        if rows < 1:
            raise InputError(f"parts of {rows} rows were asked for; a part has at least 1")
        self.path = Path(path)
        check_writable(self.path)
        self.folder = self.path.with_name(f"{self.path.name}.parts")
        self._rows, self._seconds, self._note = rows, seconds, note
        self._waiting: list[Preference | Abstention] = []
        self._written_at = time.monotonic()
        self._asked = json.loads(json.dumps(dict(asked), sort_keys=True, default=str))
        self._check_asked()
        self._parts = self._found()

    @property
    def done(self) -> int:
        """How many results are on disk."""
        return self._parts[-1].end if self._parts else 0

    def left(self, items: Iterable[Comparison]) -> Iterator[Comparison]:
        """The items that have no result on disk. Raises InputError where those that have one are not the first of `items`."""
        remaining = iter(items)
        for part in self._parts:
            shown = list(islice(remaining, part.end - part.first))
            if _digest(shown) != part.digest:
                what = f"{str(part.path)!r} holds results of other pairs than rows {part.first} to {part.end - 1}"
                raise InputError(f"{what}; delete {str(self.folder)!r}, or give another path")
        return remaining

    def add(self, said: Preference | Abstention) -> None:
        """Takes the next result, in the order of the items."""
        self._waiting.append(said)
        if len(self._waiting) >= self._rows or time.monotonic() - self._written_at > self._seconds:
            self.flush()

    def flush(self) -> None:
        """Writes what waits; from then on a kill does not lose it."""
        if self._found() != self._parts:
            what = f"another run changed {str(self.folder)!r} at the same time"
            raise InputError(f"{what}; let one of them end, or give another path")
        if self._waiting:
            first, end = self.done, self.done + len(self._waiting)
            pairs = _digest([comparison_of(each) for each in self._waiting])
            part = _Part(self.folder / f"{first:010d}-{end:010d}-{pairs}.parquet", first, end, pairs)
            if not self._parts:
                write_atomically(self.folder / ASKED, json.dumps(self._asked, indent=1))
            if self._note:
                write_atomically(_note_path(part), json.dumps(self._note(self._waiting)))
            write_preferences(part.path, self._waiting, first)  # ties and abstentions first, then the file that says it is there
            self._parts.append(part)
            self._waiting = []
        self._written_at = time.monotonic()

    def notes(self) -> Iterator[Any]:
        """What `note` said of each part on disk, those of an earlier run among them, in order."""
        return (read_json(_note_path(part), DAMAGED) for part in self._parts)

    def keep(self, count: int) -> None:
        """Takes all parts but the first `count` away: their items are `left` again."""
        while len(self._parts) > count:  # from the last on: a kill leaves parts that follow one another
            self._parts.pop().path.unlink()

    def finish(self) -> Written:
        """Joins the parts, a part in memory at a time for .parquet and .jsonl, and takes their folder away."""
        import pyarrow.parquet as pq

        self.flush()
        chats = any(map(_is_chats, self._parts))
        check_writable(self.path, nested=chats)
        schema, beside = preference_schema(chats), undecided_path(self.path)
        decided = sum(pq.read_metadata(part.path).num_rows for part in self._parts)
        undecided = self.done - decided
        for path, rows_of, count in ((beside, _undecided, undecided), (self.path, _decided, 1)):
            if count:
                batches = (rows_of(part) for part in self._parts)
                write_batches(path, ([_as_chat(row) for row in rows] for rows in batches) if chats else batches, schema)
        if not undecided:
            beside.unlink(missing_ok=True)  # of an earlier run
        self.keep(0)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        return Written(self.path, decided, beside if undecided else None, undecided)

    def _check_asked(self) -> None:
        here, asked = self.folder / ASKED, self._asked
        with reading(self.folder, DAMAGED):
            if self.folder.exists() and not self.folder.is_dir():
                raise NotADirectoryError("it is not a folder")
            before = dict(read_json(here, DAMAGED)) if here.is_file() else asked
        for name in sorted(set(asked) | set(before)):
            if before.get(name) != asked.get(name):
                what = f"{str(self.folder)!r} holds results of a run with {name} {before.get(name)!r}, and this one has"
                raise InputError(f"{what} {asked.get(name)!r}; finish that one, delete the folder, or give another path")

    def _found(self) -> list[_Part]:
        """The parts on disk, in order."""
        parts: list[_Part] = []
        for path in sorted(self.folder.glob("*.parquet")):
            with reading(path, DAMAGED):
                first, end, pairs = path.stem.split("-")
                part = _Part(path, int(first), int(end), pairs)
            if part.first != (parts[-1].end if parts else 0):
                raise InputError(f"{str(path)!r} does not go on where the part before it ends; delete {str(self.folder)!r}")
            parts.append(part)
        return parts


def _note_path(part: _Part) -> Path:
    return part.path.with_suffix(".note.json")


def _digest(pairs: Sequence[Comparison]) -> str:
    texts = (text for pair in pairs for text in (pair.prompt.id, pair.left.text, pair.right.text))
    return digest("part", len(pairs), *texts).hex()[:16]


def _is_chats(part: _Part) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(part.path, DAMAGED):
        return pa.types.is_list(pq.read_schema(part.path).field("prompt").type)


def _decided(part: _Part) -> Sequence[Row]:
    import pyarrow.parquet as pq

    with reading(part.path, DAMAGED):
        return pq.read_table(part.path, columns=list(COLUMNS)).to_pylist()


def _undecided(part: _Part) -> Sequence[Row]:
    path = undecided_path(part.path)
    return read_rows(path) if path.is_file() else []


def _as_chat(row: Row) -> Row:
    """The row with its texts as conversations: what it would be had another pair of its part been one."""
    roles = {"prompt": "user", **dict.fromkeys(("chosen", "rejected", "left", "right"), "assistant")}
    texts = {key: value for key, value in row.items() if key in roles and isinstance(value, str)}
    return {**row, **{key: [{"role": roles[key], "content": value}] for key, value in texts.items()}}
