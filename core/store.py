"""The store: one SQLite file of paid-for replies, addressed by content, that survives a kill at any moment.

A reply is held under `Request.key(engine.name)`. What is held is never rewritten; a failure is never stored; a reply that
nobody could read is taken out again (`reject`), so that it is asked for again. `paid` only grows. Writes are one transaction
a batch in write-ahead mode: a killed process loses nothing that was committed (a power cut may lose the last moments, never
the file), and several processes may share one store."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .errors import StoreError
from .files.reading import cause, is_file
from .records import Usage
from .requests import Reply

SCHEMA_VERSION = 1
APPLICATION_ID = 0x50415354  # "PAST": tells our files from other people's SQLite files
BUSY_SECONDS = 60.0
KEYS_A_QUERY = 500
CACHE_KIB = 65536

SCHEMA = """
CREATE TABLE replies (
  key BLOB PRIMARY KEY, engine TEXT NOT NULL, reply TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, dollars REAL NOT NULL, made REAL NOT NULL
);
CREATE TABLE paid (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, dollars REAL NOT NULL
);
INSERT INTO paid VALUES (1, 0, 0, 0, 0.0);
"""


class Paid(NamedTuple):
    """A reply to be kept: the request's key, the reply, and its price in dollars."""

    key: bytes
    reply: Reply
    dollars: float


class Store:
    """Replies by request key, in the SQLite file at `path` (its folder is made), or in memory for `path=None`. Raises StoreError,
    with the path and the way out, for a folder that cannot be written, a full disk, a file that is not a store, and a store of a
    newer Pasture."""

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._name = "the store in memory" if path is None else f"the store at {str(path)!r}"
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except (OSError, RecursionError) as error:
                what = f"{self._name} cannot be made: {cause(error)}"
                raise StoreError(f"{what}; give a --store in a folder that can be written") from error
            if is_file(self.path) and not self.path.stat().st_mode & 0o222:
                raise StoreError(f"{self._name} is read-only; make it writable, or give another --store")
        with self._explained():
            # The runner may work in a private thread; it is the connection's only user at any time.
            self._db = sqlite3.connect(self.path or ":memory:", BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def _prepare(self) -> None:
        """Switches to write-ahead mode, checks whose file it is, and makes the tables of a new one."""
        _retry(lambda: self._db.execute("PRAGMA journal_mode = WAL"))  # the switch ignores the busy timeout
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        with self._transaction() as db:
            version, application = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id"))
            if application == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif application != APPLICATION_ID:
                raise StoreError(f"{self._name} is an SQLite file of something else; give another --store")
            elif version != SCHEMA_VERSION:
                what = f"{self._name} has schema {version}, and this Pasture reads schema {SCHEMA_VERSION}"
                raise StoreError(f"{what}; use the Pasture that wrote it, or give another --store")

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, Reply]:
        """The replies held under these keys, without those that are not held; a damaged row is taken out, and is not held."""
        wanted, damaged, found = list(keys), list[bytes](), dict[bytes, Reply]()
        with self._explained():
            for start in range(0, len(wanted), KEYS_A_QUERY):
                some = wanted[start : start + KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                for key, held in self._db.execute(f"SELECT key, CAST(reply AS BLOB) FROM replies WHERE key IN ({marks})", some):
                    try:
                        found[key] = _decode(held)
                    except (AttributeError, TypeError, ValueError, RecursionError):
                        damaged.append(key)
        self.reject(damaged)
        return found

    def put_many(self, paid: Sequence[Paid], engine: str) -> Mapping[bytes, Reply]:
        """Keeps replies and adds their price to `paid`, in one transaction. Returns the replies that were already held under those
        keys (another process was first): they stand, and a caller uses them in place of its own, so that a re-run gives the same
        answers."""
        now = time.time()
        rows = [(p.key, engine, _encode(p.reply), p.reply.prompt_tokens, p.reply.completion_tokens, p.dollars, now) for p in paid]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            kept = db.total_changes - before
            _pay(db, [Usage(1, 0, p.reply.prompt_tokens, p.reply.completion_tokens, p.dollars) for p in paid])
        if kept == len(rows):
            return {}
        own = {p.key: p.reply for p in paid}
        return {key: reply for key, reply in self.get_many(own).items() if reply != own[key]}

    def reject(self, keys: Iterable[bytes]) -> None:
        """Takes out replies that could not be read, so that they are never served again. They stay paid for."""
        if taken := [(key,) for key in keys]:
            with self._transaction() as db:
                db.executemany("DELETE FROM replies WHERE key = ?", taken)

    def lose(self, usages: Sequence[Usage]) -> None:
        """Adds to `paid` what was paid for answers that are of no use, and are not held."""
        with self._transaction() as db:
            _pay(db, usages)

    @property
    def paid(self) -> Usage:
        """Everything that was ever paid for into this store."""
        with self._explained():
            row = self._db.execute("SELECT requests, 0, prompt_tokens, completion_tokens, dollars FROM paid").fetchone()
        if row is None or not all(isinstance(each, int | float) for each in row):
            raise StoreError(f"{self._name} does not say what was paid, as its row of `paid` is damaged; give another --store")
        return Usage(*row)

    def __len__(self) -> int:
        with self._explained():
            return int(self._db.execute("SELECT count(*) FROM replies").fetchone()[0])

    def __bool__(self) -> bool:
        return True  # an empty store is a store: `if store` asks whether there is one

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._name} {_way_out(error)}") from error


def _pay(db: sqlite3.Connection, usages: Sequence[Usage]) -> None:
    names = ("requests", "prompt_tokens", "completion_tokens", "dollars")
    added = [sum(getattr(each, name) for each in usages) for name in names]
    db.execute(f"UPDATE paid SET {', '.join(f'{name} = {name} + ?' for name in names)}", added)


def _way_out(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte of an extended code is its kind
        case sqlite3.SQLITE_FULL:
            return "has no room left on its disk; all replies before this batch are kept: free space, or copy it and give --store"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"cannot be written ({error}); make its folder and file writable, or give another --store"
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return f"is not a sound SQLite file ({error}); move it away, or give another --store"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"was held by another process for {BUSY_SECONDS:g} s; end that process, or give another --store"
        case _:
            return f"failed ({error}); check its disk, or give another --store"


def _retry(action: Callable[[], Any]) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _encode(reply: Reply) -> str:
    said = [reply.text, reply.finish_reason, dict(reply.label_logprobs), reply.logprob]
    return json.dumps([*said, reply.prompt_tokens, reply.completion_tokens])


def _decode(held: Any) -> Reply:
    text, finish, labels, logprob, *tokens = json.loads(held)
    kinds = {type(each) for each in (*labels.values(), *tokens, 0 if logprob is None else logprob)}
    if not (isinstance(text, str) and isinstance(finish, str) and len(tokens) == 2 and kinds <= {int, float}):
        raise ValueError("it is not a reply")
    return Reply(text, finish, labels, logprob, *tokens)
