"""The runner's desk: where requests wait, are answered from the store, and go to the engine in batches.

Two waiting requests of one content are one request. A reply is in the store before anyone sees it. The engine works in a
thread, so that replies are kept as they come and annotators that wait for something else go on."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...core.errors import EngineError, InputError, PastureError, StoreError
from ...core.ledger import Ledger
from ...core.protocols import Engine
from ...core.records import Usage
from ...core.requests import Reply, Request
from ...core.store import Paid, Store
from .feed import Feed

QUIET_PASSES = 3  # passes of the event loop without a new request before a batch is thought to be complete
CACHED = Usage(cached=1)


class Answer(NamedTuple):
    """A reply with its store key, whether it came out of the store, and what it cost the one who waited."""

    key: bytes
    reply: Reply
    was_held: bool
    usage: Usage


class _Ticket:
    """One request, and the tasks that wait for it."""

    __slots__ = ("key", "request", "waiting")

    def __init__(self, key: bytes, request: Request) -> None:
        self.key, self.request = key, request
        self.waiting: list[asyncio.Future[Answer]] = []

    def answer(self, reply: Reply, was_held: bool, usage: Usage) -> None:
        """The first who waits is charged; to the others it is as good as cached."""
        for future in self.waiting:
            if not future.done():
                future.set_result(Answer(self.key, reply, was_held, usage))
            usage = CACHED

    def fail(self, error: PastureError) -> None:
        """What was paid for a useless answer goes with the error to the first who waits."""
        for future in self.waiting:
            if not future.done():
                future.set_exception(error)
            if isinstance(error, EngineError) and error.usage is not None:
                error = EngineError(str(error))


class Desk:
    """Answers the requests of one run. All but the engine's thread belongs to the event loop in which `work` runs."""

    def __init__(self, engine: Engine | None, store: Store | None, ledger: Ledger) -> None:
        self.ledger, self.engine_name = ledger, engine.name if engine else ""
        self._engine, self._given, self._before = engine, store, ledger.usage
        self._own: Store | None = None
        self._tickets: dict[bytes, _Ticket] = {}
        self._fresh: list[_Ticket] = []
        self._misses: list[_Ticket] = []
        self._wake = asyncio.Event()
        self._cached = 0
        self._unread: dict[bytes, Reply] = {}
        self._removed: set[bytes] = set()
        self._to_remove: list[bytes] = []

    @property
    def spent(self) -> Usage:
        """By this run: the ledger may be shared by several, one after another."""
        return self.ledger.usage - self._before + Usage(cached=self._cached)

    @property
    def store(self) -> Store:
        """The given store, or one in memory that is made when it is first needed."""
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = Store()
        return self._own

    def key(self, request: Request) -> bytes:
        return request.key(self.engine_name)

    async def ask(self, request: Request) -> Answer:
        key = self.key(request)
        if key in self._unread:  # a duplicate of an item whose reply could not be read: the same reply, not a second purchase
            self._cached += 1
            return Answer(key, self._unread[key], False, CACHED)
        ticket = self._tickets.get(key)
        if ticket is None:
            ticket = self._tickets[key] = _Ticket(key, request)
            self._fresh.append(ticket)
            self._wake.set()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        ticket.waiting.append(future)
        answer = await future
        self._cached += answer.usage.cached
        return answer

    def reject(self, answers: Iterable[Answer]) -> None:
        """Takes replies that could not be read out of the store: at once for this run, in the file with the next write. One that
        was bought in this run is remembered until its end. One that an earlier run left is forgotten, and asked for again; it is
        taken out once, so that a duplicate of the item does not take out the new reply."""
        for answer in answers:
            if answer.was_held and answer.key in self._removed:
                continue
            if answer.was_held:
                self._removed.add(answer.key)
            else:
                self._unread[answer.key] = answer.reply
            self._to_remove.append(answer.key)

    async def work(self) -> None:
        """Serves what is asked, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._fresh:
                await self._quiet()
                self._look_up()
            if self._misses:
                await self._buy()
            if self._misses:
                self._wake.set()

    def close(self) -> None:
        try:
            self._remove()
        finally:
            if self._own is not None:
                self._own.close()
                self._own = None

    async def _quiet(self) -> None:
        """Lets every annotator that can go on go on, so that a batch is as large as it can be."""
        seen, passes = -1, 0
        while passes < QUIET_PASSES:
            await asyncio.sleep(0)
            passes = passes + 1 if len(self._fresh) == seen else 0
            seen = len(self._fresh)

    def _look_up(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._remove()
        held = self.store.get_many(ticket.key for ticket in fresh)
        for ticket in fresh:
            if ticket.key in held:
                del self._tickets[ticket.key]
                ticket.answer(held[ticket.key], True, CACHED)
            else:
                self._misses.append(ticket)

    def _remove(self) -> None:
        if self._to_remove:
            removed, self._to_remove = self._to_remove, []
            self.store.reject(removed)

    async def _buy(self) -> None:
        """Sends what the budget allows, in prefix order; what will never fit fails."""
        if self._engine is None:
            way_out = "--engine vllm --model NAME, or --engine actor, which plays one in the text world"
            raise InputError(f"the annotator asks an engine and none was given; name one, for instance {way_out}")
        count = self.ledger.affordable([ticket.request for ticket in self._misses])
        batch, self._misses = self._misses[:count], self._misses[count:]
        if not batch:
            for ticket in self._misses:
                del self._tickets[ticket.key]
                ticket.fail(self.ledger.exceeded(ticket.request))
            self._misses = []
            return
        batch.sort(key=lambda ticket: [turn.content for turn in ticket.request.messages])
        await self._generate(self._engine, batch)

    async def _generate(self, engine: Engine, batch: list[_Ticket]) -> None:
        feed = Feed(engine, [ticket.request for ticket in batch], self.ledger)
        left = dict(enumerate(batch))
        try:
            while not feed.ended:
                await feed.bell.wait()
                self._receive(feed.take(), left)
        except BaseException as error:
            feed.stop()
            if not isinstance(error, StoreError):
                self._receive(feed.take(), left)
            raise
        if feed.error is not None:
            raise feed.error
        unanswered = EngineError(f"the engine {self.engine_name!r} ended without an answer to this request")
        for ticket in left.values():
            del self._tickets[ticket.key]
            ticket.fail(self.ledger.exceeded(ticket.request) if feed.over_budget else unanswered)

    def _receive(self, outcomes: Sequence[tuple[int, Reply | Exception]], left: dict[int, _Ticket]) -> None:
        """Keeps replies, then hands them out; an index that is not awaited stops the run."""
        replies, failures = list[tuple[_Ticket, Reply, Usage]](), list[tuple[_Ticket, Exception]]()
        unknown, lost = list[int](), list[Usage]()
        for index, outcome in outcomes:
            ticket = left.pop(index, None)
            if ticket is None:
                unknown.append(index)
            elif isinstance(outcome, Reply):
                replies.append((ticket, outcome, self.ledger.charge(outcome, ticket.request.model)))
            else:
                failures.append((ticket, outcome))
                if isinstance(outcome, EngineError) and outcome.usage is not None:  # answered, billed, and of no use
                    outcome.usage = self.ledger.charge(outcome.usage, ticket.request.model)
                    lost.append(outcome.usage)
        paid = [Paid(ticket.key, reply, usage.dollars) for ticket, reply, usage in replies]
        stands = self.store.put_many(paid, self.engine_name) if paid else {}
        if lost:
            self.store.lose(lost)
        for ticket, reply, usage in replies:
            del self._tickets[ticket.key]
            ticket.answer(stands.get(ticket.key, reply), False, usage)
        for ticket, error in failures:
            del self._tickets[ticket.key]
            ticket.fail(error if isinstance(error, PastureError) else EngineError(f"{type(error).__name__}: {error}"))
        if unknown:
            twice = f"answered request {unknown[0]} twice, or was never asked it"
            raise EngineError(f"the engine {self.engine_name!r} {twice}; correct the engine")
