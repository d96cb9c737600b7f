"""The runner's desk: where requests wait, are answered from the store, and go to the engine in batches.

Two waiting requests of one content are one request. A reply is in the store before anyone sees it. The engine works in a
thread, so that replies are kept as they come and annotators that wait for something else go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.errors import EngineError, InputError, PastureError, StoreError
from ..core.ledger import Ledger
from ..core.protocols import Engine
from ..core.records import NOTHING, Usage
from ..core.requests import Reply, Request
from ..core.store import Paid, Store

QUIET_PASSES = 3
"""Passes of the event loop without a new request before a batch is thought to be complete."""
STOP_SECONDS = 10.0
"""How long an abandoned run waits for its engine to come to a stop."""
CACHED = Usage(cached=1)


class Answer(NamedTuple):
    """A reply with its store key, whether it came out of the store, and what it cost the one who waited."""

    key: bytes
    reply: Reply
    was_held: bool
    usage: Usage


class _Ticket:
    __slots__ = ("key", "request", "waiting")

    def __init__(self, key: bytes, request: Request) -> None:
        self.key = key
        self.request = request
        self.waiting: list[asyncio.Future[Answer]] = []

    def answer(self, reply: Reply, was_held: bool, usage: Usage) -> None:
        """The first who waits is charged; to the others it is as good as cached."""
        for future in self.waiting:
            if not future.done():
                future.set_result(Answer(self.key, reply, was_held, usage))
            usage = CACHED

    def fail(self, error: PastureError) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_exception(error)


class Desk:
    """Answers requests of one run. `ask` and `reject` belong to the event loop in which `work` runs."""

    def __init__(self, engine: Engine | None, store: Store | None, ledger: Ledger) -> None:
        self.engine = engine
        self.ledger = ledger
        self._model = engine.name if engine else ""
        self._given = store
        self._own: Store | None = None
        self._tickets: dict[bytes, _Ticket] = {}
        self._fresh: list[_Ticket] = []
        self._misses: list[_Ticket] = []
        self._rejected: dict[bytes, Reply] = {}
        self._cached = 0
        self._wake = asyncio.Event()

    @property
    def spent(self) -> Usage:
        return self.ledger.usage + Usage(cached=self._cached)

    @property
    def store(self) -> Store:
        """The given store, or one in memory that is made when it is first needed."""
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = Store()
        return self._own

    def key(self, request: Request) -> bytes:
        return request.key(self._model)

    async def ask(self, request: Request) -> Answer:
        key = self.key(request)
        if key in self._rejected:  # a duplicate of an item whose reply could not be read: the same reply, not a second purchase
            self._cached += 1
            return Answer(key, self._rejected[key], False, CACHED)
        ticket = self._tickets.get(key)
        if ticket is None:
            ticket = self._tickets[key] = _Ticket(key, request)
            self._fresh.append(ticket)
            self._wake.set()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        ticket.waiting.append(future)
        answer = await future
        if answer.usage is CACHED:
            self._cached += 1
        return answer

    def reject(self, keys: Iterable[bytes]) -> None:
        """Takes unreadable replies out of the store. One that was bought in this run is remembered until its end."""
        wanted = list(keys)
        if not wanted:
            return
        if self._bought.keys() & wanted:
            pass
        self.store.reject(wanted)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None
