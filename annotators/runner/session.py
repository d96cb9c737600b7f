"""A session: the engine, the store, the seed, the budget and the progress of one piece of work, made once and passed down.

Everything that asks annotators asks through one: commands make it from their options, benchmarks and methods are handed it. Its
budget counts over all that is asked through it. `annotate`, `annotate_stream` and `price` are a session of one call."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypedDict, TypeVar, Unpack

from ...core.errors import BudgetExceeded, EngineError
from ...core.ledger import UNLIMITED, Budget, Ledger, Quote
from ...core.protocols import Annotator, Ask, Engine, Rng, Unread
from ...core.records import NOTHING, Abstention, Completion, Directive, Item, Prompt, Reason, Usage
from ...core.store import Store
from .desk import Desk
from .pricing import played
from .run import Progress, Run
from .stream import Annotations, Stream

Watch = Callable[[str, int, int, Usage], None]
"""Called with who is asked, items done, items in all (0 where that is not known), and what was spent on them so far."""

Result = TypeVar("Result")
_ITEM = Completion(Prompt("a task"), "")  # what a task is about, for the runner


class Session:
    """How items are put to annotators.

    engine: answers their requests; None for annotators that ask none. store: paid-for replies are read from it and kept in it; None
    keeps them for one call only. seed: of the annotators' random draws. budget: over all that is asked; what does not fit abstains
    as `over budget` (its `labels` are the first items of each call). progress: told how far each call is. window: items in work at
    once."""

    quote = Quote(0)  # the price of what was asked in a `DrySession`; nothing elsewhere

    def __init__(
        self,
        engine: Engine | None = None,
        store: Store | None = None,
        seed: int = 0,
        budget: Budget | None = None,
        progress: Watch | None = None,
        window: int = 4096,
    ) -> None:
        if window < 1:
            raise ValueError(f"window is {window}; it is at least 1")
        self.engine, self.store, self.seed, self.progress, self.window = engine, store, seed, progress, window
        self.ledger = ledger_of(engine, budget or UNLIMITED)
        self._before = 0

    @property
    def spent(self) -> Usage:
        """What the engine was paid through this session; cached replies are not in it."""
        return self.ledger.usage

    def ask(self, items: Sequence[Item], annotator: Annotator, seed: int | None = None) -> Annotations:
        """One answer per item, in their order. seed: in place of the session's. An engine's failure on a request makes that item an
        abstention. Raises AnnotatorFailed where the annotator itself breaks, StoreError, and InputError where an annotator asks and
        there is no engine; finished replies are in the store by then."""
        started = time.perf_counter()
        stream = self.stream(items, annotator, seed)
        results = tuple(stream)
        assert len(results) == len(items)
        return Annotations(results, annotator.name, stream.engine, stream.usage, time.perf_counter() - started)

    def ask_all(self, items: Sequence[Item], annotator: Annotator, seed: int | None = None) -> Annotations:
        """As `ask`. Raises BudgetExceeded where the budget ended before all were asked, for callers that need all answers."""
        refused = self.ledger.refused
        said = self.ask(items, annotator, seed)
        if self.ledger.refused > refused:
            missed = [each for each in said.abstentions if each.reason is Reason.OVER_BUDGET]
            why = f": {missed[0].detail}" if missed else ""
            raise BudgetExceeded(f"the budget was used up before {annotator.name!r} had judged all {len(items)} items{why}")
        return said

    def stream(self, items: Iterable[Item], annotator: Annotator, seed: int | None = None) -> Stream:
        """As `ask`, one result after another, in memory that does not grow with the number of items.

        items: may be an iterator; it is read as there is room. No work is done while nobody waits for a result. A store in memory
        (`store=None`) holds all replies of the call: give a file where an engine is asked about very many items. What `ask` raises
        is raised after the results that came before it."""
        watch, before, name = self.progress, self._before, annotator.name
        told = watch and (lambda done, total, spent: watch(name, before + done, total and before + total, spent))
        desk = Desk(self.engine, self.store, self.ledger)
        return Stream(Run(items, annotator, desk, self.seed if seed is None else seed, self.window, told))

    def run_task(self, name: str, task: Callable[[Ask], Awaitable[Result]]) -> Result:
        """What `task(ask)` returns: one piece of work that asks in many steps, kept, budgeted and resumed as any other. Where the
        result has abstentions as its `silent`, replies of theirs that could not be read leave the store. Raises what the task
        raises, of which EngineError, BudgetExceeded and Unread are not faults of the task."""
        doing = _Task(name, task)
        self.ask([_ITEM], doing)
        if doing.error is not None:
            raise doing.error
        return doing.results[-1]

    def price(self, items: Sequence[Item], annotator: Annotator) -> Quote:
        """What `ask` would buy at most (see `pricing`). The engine is asked nothing, and the store stays as it is."""
        if self.engine is None:
            self.ask(items, annotator)  # which raises where one that asks has no engine
            return Quote(len(items))
        return played(items, annotator, self.engine.name, self.store, self.seed, self.ledger)[0]

    def price_task(self, name: str, task: Callable[[Ask], Awaitable[Any]]) -> Quote:
        """What `run_task` would buy at most."""
        return self.price([_ITEM], _Task(name, task))

    def answered_before(self, count: int) -> None:
        """Items that an earlier run has answered count against the budget of labels, and in the progress."""
        self._before, budget = count, self.ledger.budget
        if budget.labels is not None:
            self.ledger.budget = replace(budget, labels=max(0, budget.labels - count))

    def tell(self, what: str, done: int, total: int) -> None:
        """Says how far work is that asks nobody, where the session's progress is shown."""
        if self.progress:
            self.progress(what, done, total, NOTHING)


class DrySession(Session):
    """A session that buys nothing: who is asked plays to the end with made-up answers, and `quote` is the price of all of it."""

    def ask(self, items: Sequence[Item], annotator: Annotator, seed: int | None = None) -> Annotations:
        if self.engine is None:
            self.quote += Quote(len(items))
            return super().ask(items, annotator, seed)
        seed = self.seed if seed is None else seed
        price, results = played(items, annotator, self.engine.name, self.store, seed, self.ledger)
        self.quote += price
        return Annotations(results, annotator.name, self.engine.name, NOTHING, 0.0)


class _Task(Generic[Result]):
    """A task in the place of an annotator of one item."""

    def __init__(self, name: str, task: Callable[[Ask], Awaitable[Result]]) -> None:
        self.name, self.task = name, task
        self.results: list[Result] = []
        self.error: Exception | None = None

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Directive | Abstention:
        self.error = None
        try:
            self.results.append(await self.task(ask))
        except Unread as unread:
            self.error = unread
            return replace(unread.because, item=item)
        except (BudgetExceeded, EngineError) as error:
            self.error = error
            raise
        silent: Any = getattr(self.results[-1], "silent", ())
        return Directive("", self.name, silent=silent)


def ledger_of(engine: Engine | None, budget: Budget = UNLIMITED) -> Ledger:
    """The ledger of what this engine is paid, at its prices."""
    return Ledger(budget, engine.prices, getattr(engine, "prices_by_model", None)) if engine else Ledger(budget)


class CallOptions(TypedDict, total=False):
    """Of a session of one call: those of `Session`, and `progress` without the name of the annotator."""

    engine: Engine | None
    store: Store | None
    seed: int
    budget: Budget | None
    progress: Progress | None
    window: int


def annotate(items: Sequence[Item], annotator: Annotator, **options: Unpack[CallOptions]) -> Annotations:
    """Asks `annotator` about every item (see `Session.ask`). May be called inside a running event loop."""
    return _session(options).ask(items, annotator)


def annotate_stream(items: Iterable[Item], annotator: Annotator, **options: Unpack[CallOptions]) -> Stream:
    """As `annotate`, one result after another in the order of the items (see `Session.stream`)."""
    return _session(options).stream(items, annotator)


def price(items: Sequence[Item], annotator: Annotator, engine: Engine | None, store: Store | None = None, seed: int = 0) -> Quote:
    """What `annotate` would buy (see `Session.price`); the engine is asked nothing."""
    return Session(engine, store, seed).price(items, annotator)


def _session(options: CallOptions) -> Session:
    told = options.pop("progress", None)
    return Session(**options, progress=told and (lambda name, done, total, spent: told(done, total, spent)))  # pyright: ignore[reportCallIssue]
