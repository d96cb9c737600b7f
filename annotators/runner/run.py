"""A run at work: items become tasks, tasks become results, and results come out in the order of the items."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sized
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from ...core.errors import BudgetExceeded, EngineError, PastureError, raised_in
from ...core.protocols import Annotator
from ...core.records import NOTHING, Abstention, Comparison, Directive, Feedback, Item, Preference, Reason, Usage
from ...core.requests import Reply, Request
from ...core.seeds import rng_for
from .desk import Answer, Desk

Progress = Callable[[int, int, Usage], None]
"""Called with items done, items in all (0 where that is not known), and what was spent so far; a few times a second at most."""

PROGRESS_SECONDS = 0.1
CHUNK, PATIENCE_SECONDS = 256, 0.05  # a stream hands out results when it has so many, or the first has waited so long
STRIDE = 32
"""Items that are begun before the loop goes round: progress and results wait no longer where an annotator's own code is slow."""
SHOWN_OF_A_PROMPT = 80  # characters of a prompt that an error shows
LEAD = 4  # windows of items that may be begun, the oldest of them not yet handed out


class AnnotatorFailed(PastureError):
    """An annotator raised something unexpected, or returned something that is not an answer to its item."""


class Run:
    """All items through one annotator, a window of them at a time; `take` hands out the results in their order."""

    def __init__(
        self, items: Iterable[Item], annotator: Annotator, desk: Desk, seed: int, window: int, progress: Progress | None
    ) -> None:
        self.items, self.annotator, self.name = items, annotator, annotator.name
        self.desk, self.seed, self.window, self.progress = desk, seed, window, progress
        self.done = 0
        self.ready = asyncio.Event()
        self._chunk = min(CHUNK, window)
        self._early: dict[int, Feedback | Abstention] = {}
        self._in_order: list[Feedback | Abstention] = []
        self._next = self._taken = 0
        self._room = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None

    def take(self) -> list[Feedback | Abstention]:
        """The results that come next in the order of the items, those that are there."""
        taken, self._in_order = self._in_order, []
        self._taken += len(taken)
        self.ready.clear()
        self._room.set()
        return taken

    async def all(self) -> None:
        working = asyncio.Semaphore(self.window)
        labels = self.desk.ledger.budget.labels
        try:
            async with asyncio.TaskGroup() as group:
                desk = group.create_task(self.desk.work())
                clock = group.create_task(self._report(self.progress)) if self.progress else None
                async with asyncio.TaskGroup() as work:
                    for index, item in enumerate(self.items):
                        while index - self._taken >= LEAD * self.window:
                            self._room.clear()
                            await self._room.wait()
                        if labels is not None and index >= labels:
                            why = f"the budget of {labels} labels is used up; raise it with --budget-labels"
                            self._settle(index, Abstention(item, Reason.OVER_BUDGET, self.name, why))
                            continue
                        await working.acquire()
                        work.create_task(self._one(index, item, working))
                        if index % STRIDE == 0:
                            await asyncio.sleep(0)
                desk.cancel()
                if clock:
                    clock.cancel()
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        finally:
            self.desk.close()
            if self._patience:
                self._patience.cancel()
        if self.progress:
            self._tell(self.progress)

    async def _report(self, progress: Progress) -> None:
        while True:
            self._tell(progress)
            await asyncio.sleep(PROGRESS_SECONDS)

    def _tell(self, progress: Progress) -> None:
        progress(self.done, len(self.items) if isinstance(self.items, Sized) else 0, self.desk.spent)

    async def _one(self, index: int, item: Item, working: asyncio.Semaphore) -> None:
        try:
            self._settle(index, await self._answered(item))
        finally:
            working.release()

    def _settle(self, index: int, result: Feedback | Abstention) -> None:
        """Puts a result in its place, and says so when there are enough to be handed out."""
        self.done += 1
        self._early[index] = result
        while self._next in self._early:
            self._in_order.append(self._early.pop(self._next))
            self._next += 1
        if len(self._in_order) >= self._chunk:
            self.ready.set()
        elif self._in_order and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._out_of_patience)

    def _out_of_patience(self) -> None:
        self._patience = None
        if self._in_order:
            self.ready.set()

    async def _answered(self, item: Item) -> Feedback | Abstention:
        """The answer to one item. A reply from the store that cannot be read was left by a run that was killed between keeping
        and reading it, so it is taken out and asked for once more."""
        result, asked = await self._asked(item)
        usage = asked.usage
        if self._rejected(result, asked):
            result, asked = await self._asked(item)
            usage += asked.usage
            self._rejected(result, asked)
        if usage == result.usage:
            return result
        if type(result) is Preference:  # the common case, for less than `replace`
            values = _VALUES(result)
            return Preference(*values[:_USAGE], usage, *values[_USAGE + 1 :])  # pyright: ignore[reportCallIssue]
        return replace(result, usage=usage)

    def _rejected(self, result: Feedback | Abstention, asked: MeteredAsk) -> bool:
        """Has the unreadable replies behind an abstention, or behind a part that is missing, taken out of the store. True where
        one came from there."""
        silent = silent_in(result)
        if not silent:
            return False
        unread: list[Answer] = []
        for each in (each for each in silent if each.reason is Reason.UNPARSABLE or each.unread):
            keys = {self.desk.key(request) for request in each.unread}
            unread += [answer for answer in asked.answers if not keys or answer.key in keys]
        self.desk.reject(unread)
        return any(each.was_held for each in unread)

    async def _asked(self, item: Item) -> tuple[Feedback | Abstention, MeteredAsk]:
        asked = MeteredAsk(self.desk)
        try:
            result = await self.annotator.annotate(item, asked, rng_for(self.seed, self.name, item.key))
        except BudgetExceeded as error:
            return Abstention(item, Reason.OVER_BUDGET, self.name, str(error)), asked
        except EngineError as error:
            return Abstention(item, Reason.ENGINE_FAILED, self.name, str(error)), asked
        except (PastureError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit and GeneratorExit too: they are the annotator's, and would end the loop
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():  # the run's; others are the annotator's
                raise
            text = item.prompt.text
            shown = text if len(text) <= SHOWN_OF_A_PROMPT else f"{text[:SHOWN_OF_A_PROMPT]}..."
            failed = f"the annotator {self.name!r} failed on the prompt {shown!r}: {raised_in(error)}"
            raise AnnotatorFailed(f"{failed}; correct it and run again: finished replies are kept") from error
        _check(result, item, self.name)
        return result, asked


class MeteredAsk:
    """The `ask` that one item's annotator is handed: passes requests to the desk and notes what they cost."""

    __slots__ = ("_desk", "answers", "usage")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.answers: list[Answer] = []
        self.usage = NOTHING

    async def __call__(self, request: Request) -> Reply:
        try:
            answer = await self._desk.ask(request)
        except EngineError as error:
            if error.usage is not None:
                self.usage = self.usage + error.usage
            raise
        self.answers.append(answer)
        self.usage = answer.usage if self.usage is NOTHING else self.usage + answer.usage
        return answer.reply


def silent_in(result: Feedback | Abstention) -> tuple[Abstention, ...]:
    """All who gave none: the result itself, or those asked for a part of it, and for a part of that."""
    if isinstance(result, Abstention):
        return (result,)
    if isinstance(result, Directive):
        return result.silent
    if not isinstance(result, Preference):
        return ()
    if not result.parts:
        return result.silent
    return result.silent + tuple(each for part in result.parts for each in silent_in(part))


_FIELDS = [each.name for each in fields(Preference)]
_VALUES, _USAGE = attrgetter(*_FIELDS), _FIELDS.index("usage")


def _check(result: Any, item: Item, name: str) -> None:
    """An answer is a record, and a preference is about the comparison as it was shown."""
    if type(result) is Preference and result.comparison is item:
        return
    if not isinstance(result, Feedback | Abstention):
        expected = "it returns a Preference, another kind of feedback, or an Abstention"
        raise AnnotatorFailed(f"the annotator {name!r} returned {type(result).__name__} for the item {item.key}; {expected}")
    about = result.comparison if isinstance(result, Preference) else result.item if isinstance(result, Abstention) else item
    if about is not item and about != item:
        turned = isinstance(about, Comparison) and about.swapped() == item
        why = "; it is the swapped pair: return the preference's .swapped()" if turned else ""
        did = f"answered about something other than the item {item.key} that it was given"
        raise AnnotatorFailed(f"the annotator {name!r} {did}{why}")


def first_of(group: BaseExceptionGroup) -> BaseException:
    """The first failure of a group, however deep."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
