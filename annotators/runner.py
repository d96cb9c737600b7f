"""Asks one annotator about many items at once, and pays for nothing twice.

All items of a window are driven together. Their requests are collected, answered from the store where it holds them, put in
prefix order, and sent to the engine in large batches; each reply is in the store before the annotator sees it, so a kill
loses only what was in flight. Results come back in the order of the items. Nothing depends on window, order or sharding.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..core.errors import BudgetExceeded, EngineError, PastureError
from ..core.ledger import UNLIMITED, Budget, Ledger, Quote, approximate_tokens
from ..core.protocols import Annotator, Engine
from ..core.records import NOTHING, Abstention, Comparison, Feedback, Item, Preference, Reason, Usage
from ..core.requests import Reply, Request
from ..core.seeds import rng_for
from ..core.store import Store
from .desk import Answer, Desk

Progress = Callable[[int, int, Usage], None]
"""Called with items done, items in all, and what was spent so far; a few times a second at most."""

PROGRESS_SECONDS = 0.1
COLLECTED_OBJECTS = 100_000


class AnnotatorFailed(PastureError):
    """An annotator raised something unexpected, or returned something that is no answer to its item."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """One answer an item, in the order of the items, duplicates included."""

    results: tuple[Feedback | Abstention, ...]
    annotator: str
    engine: str
    """Name of the engine; blank where there was none."""
    usage: Usage
    seconds: float

    @property
    def preferences(self) -> tuple[Preference, ...]:
        return tuple(each for each in self.results if isinstance(each, Preference))

    @property
    def abstentions(self) -> tuple[Abstention, ...]:
        return tuple(each for each in self.results if isinstance(each, Abstention))

    @property
    def reasons(self) -> Counter[str]:
        """How many abstentions there are, by reason."""
        return Counter(each.reason.value for each in self.abstentions)


def annotate(
    items: Sequence[Item],
    annotator: Annotator,
    *,
    engine: Engine | None = None,
    store: Store | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Progress | None = None,
    window: int = 4096,
) -> Annotations:
    """Asks `annotator` about every item.

    store: paid-for replies are read from it and kept in it; None keeps them for this call only.
    seed: of the annotator's random draws, with its name and the item. budget: where the next request might pass it, the items
    that are left abstain as `over budget`. window: items in work at once. May be called inside a running event loop.

    An engine's failure on a request makes that item an abstention. Raises AnnotatorFailed where the annotator itself breaks,
    StoreError, and InputError where an annotator asks and there is no engine; finished replies are in the store by then.
    """
    if window < 1:
        raise ValueError(f"window is {window}; it is at least 1")
    run = _Run(items, annotator, Desk(engine, store, Ledger(budget or UNLIMITED, engine.prices if engine else (0.0, 0.0))), seed)
    started = time.perf_counter()
    with _rare_collections():
        _complete(run.all(window, progress))
    results = tuple(run.results)
    assert len(results) == len(items)
    return Annotations(results, annotator.name, engine.name if engine else "", run.desk.spent, time.perf_counter() - started)


def price(items: Sequence[Item], annotator: Annotator, engine: Engine | None, store: Store | None = None, seed: int = 0) -> Quote:
    """What `annotate` would buy: renders every request and asks the engine nothing."""
    quoting = _Quoting(engine) if engine else None
    annotations = annotate(items, annotator, engine=quoting, store=store, seed=seed)
    asked = quoting.asked if quoting else []
    tokens = [approximate_tokens(request) for request in asked]
    prompt, completion = sum(each for each, _ in tokens), sum(each for _, each in tokens)
    dollars = Ledger(prices=engine.prices if engine else (0.0, 0.0)).dollars(prompt, completion)
    return Quote(len(items), len(asked), annotations.usage.cached, prompt, completion, dollars)


class _Quoting:
    """Stands in for an engine whose price is wanted: notes each request and answers none."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.prices = engine.prices
        self.asked: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        self.asked.extend(requests)
        for index in range(len(requests)):
            yield index, EngineError("not asked: only the price is wanted")


class _Run:
    def __init__(self, items: Sequence[Item], annotator: Annotator, desk: Desk, seed: int) -> None:
        self.items = items
        self.annotator = annotator
        self.name = annotator.name
        self.desk = desk
        self.seed = seed
        self.results: list[Feedback | Abstention] = [_UNANSWERED] * len(items)
        self.done = 0

    async def all(self, window: int, progress: Progress | None) -> None:
        room = asyncio.Semaphore(window)
        labels = self.desk.ledger.budget.labels
        try:
            async with asyncio.TaskGroup() as group:
                desk = group.create_task(self.desk.work())
                clock = group.create_task(self._report(progress)) if progress else None
                async with asyncio.TaskGroup() as work:
                    for index, item in enumerate(self.items):
                        if labels is not None and index >= labels:
                            why = f"the budget of {labels} labels is used up; raise it with --budget-labels"
                            self.results[index] = Abstention(item, Reason.OVER_BUDGET, self.name, why)
                            self.done += 1
                            continue
                        await room.acquire()
                        work.create_task(self._one(index, item, room))
                desk.cancel()
                if clock:
                    clock.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            self.desk.close()
        if progress:
            progress(self.done, len(self.items), self.desk.spent)

    async def _report(self, progress: Progress) -> None:
        while True:
            progress(self.done, len(self.items), self.desk.spent)
            await asyncio.sleep(PROGRESS_SECONDS)

    async def _one(self, index: int, item: Item, room: asyncio.Semaphore) -> None:
        try:
            self.results[index] = await self._answered(item)
        finally:
            self.done += 1
            room.release()

    async def _answered(self, item: Item) -> Feedback | Abstention:
        """The answer to one item. A reply from the store that cannot be read was left by a run that was killed between keeping
        and reading it, so it is taken out and asked for once more."""
        result, asked = await self._asked(item)
        usage = asked.usage
        if self._rejected(result, asked):
            result, asked = await self._asked(item)
            usage += asked.usage
            self._rejected(result, asked)
        return result if usage == result.usage else _with_usage(result, usage)

    def _rejected(self, result: Feedback | Abstention, asked: Asked) -> bool:
        """Has the unreadable replies behind an abstention taken out of the store. True where one came from there."""
        if not isinstance(result, Abstention) or result.reason is not Reason.UNPARSABLE:
            return False
        keys = {self.desk.key(each) for each in result.unread}
        unread = [each for each in asked.answers if not keys or each.key in keys]
        self.desk.reject(unread)
        return any(each.was_held for each in unread)

    async def _asked(self, item: Item) -> tuple[Feedback | Abstention, Asked]:
        asked = Asked(self.desk)
        try:
            result = await self.annotator.annotate(item, asked, rng_for(self.seed, self.name, item.key))
        except BudgetExceeded as error:
            return Abstention(item, Reason.OVER_BUDGET, self.name, str(error)), asked
        except EngineError as error:
            return Abstention(item, Reason.ENGINE_FAILED, self.name, str(error)), asked
        except PastureError:
            raise
        except Exception as error:
            raise AnnotatorFailed(
                f"the annotator {self.name!r} failed on the item {item.key}: {type(error).__name__}: {error}; mend it and run "
                "again: finished replies are kept"
            ) from error
        _check(result, item, self.name)
        return result, asked


class Asked:
    """The `ask` that one item's annotator is handed: passes requests to the desk and notes what they cost."""

    __slots__ = ("_desk", "answers", "usage")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.answers: list[Answer] = []
        self.usage = NOTHING

    async def __call__(self, request: Request) -> Reply:
        answer = await self._desk.ask(request)
        self.answers.append(answer)
        self.usage = self.usage + answer.usage if len(self.answers) > 1 else answer.usage
        return answer.reply


def _with_usage(result: Feedback | Abstention, usage: Usage) -> Feedback | Abstention:
    if type(result) is Preference:  # the common case, at a third of the price of `replace`
        r = result
        return Preference(r.comparison, r.p_left, r.annotator, r.persona, r.strength, r.rationale, usage, r.parts)
    return replace(result, usage=usage)


def _check(result: Any, item: Item, name: str) -> None:
    """An answer is a record, and a preference is about the comparison as it was shown."""
    if type(result) is Preference and result.comparison is item:
        return
    if not isinstance(result, Feedback | Abstention):
        raise AnnotatorFailed(
            f"the annotator {name!r} returned {type(result).__name__} for the item {item.key}; it returns a Preference, another "
            "kind of feedback, or an Abstention"
        )
    about = result.comparison if isinstance(result, Preference) else result.item if isinstance(result, Abstention) else item
    if about is not item and about != item:
        turned = isinstance(about, Comparison) and about.swapped() == item
        raise AnnotatorFailed(
            f"the annotator {name!r} answered about something other than the item {item.key} that it was given"
            + ("; it is the swapped pair: return the preference's .swapped()" if turned else "")
        )


def _first(group: BaseExceptionGroup) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Lets the cycle collector run rarely: the many small records of a run hold no cycles, and looking for some took a fifth of
    the time of everything but the engine."""
    thresholds = gc.get_threshold()
    gc.set_threshold(max(COLLECTED_OBJECTS, thresholds[0]) if thresholds[0] else 0, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _complete(work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` to its end in a loop of its own; in a thread of its own where this one has a running loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    failure: list[BaseException] = []

    def aside() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 (it is raised again in the caller's thread)
            failure.append(error)

    thread = threading.Thread(target=aside, name="pasture-runner")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


_UNANSWERED: Any = None
