"""The results of a run: read one after another as they come, or all of them. The work goes forward in an event loop of its own,
only while somebody waits for it."""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ...core.records import Abstention, Feedback, Preference, Usage
from .run import Run

COLLECTED_OBJECTS = 100_000

Result = TypeVar("Result")


class StepLoop:
    """One coroutine, taken forward from plain code: also from inside a running loop (a notebook), then in a thread beside it."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work, self._runner = work, asyncio.Runner()
        self._task: asyncio.Task[None] | None = None

    def forward(self, ready: asyncio.Event) -> bool:
        """Works until `ready` is set or the work has ended; True where it has ended. Raises nothing of the work's own."""
        # The cycle collector runs rarely meanwhile: the many small records of a run hold no cycles, and looking for some took a
        # fifth of the time of everything but the engine.
        thresholds = gc.get_threshold()
        gc.set_threshold(max(COLLECTED_OBJECTS, thresholds[0]) if thresholds[0] else 0, *thresholds[1:])
        try:
            # Not `runner.run`: it lets all tasks that are ready run before it heeds Ctrl-C, and an annotator's code may be slow.
            return _beside_a_running_loop(lambda: self._runner.get_loop().run_until_complete(self._until(ready)))
        finally:
            gc.set_threshold(*thresholds)

    def finish(self) -> None:
        """Raises what the ended work raised, if anything."""
        assert self._task is not None
        if error := self._task.exception():
            raise error

    def close(self) -> None:
        """Cancels what is left of the work and waits for its end."""

        def end() -> None:
            if self._task is None:
                self._work.close()
            elif not self._task.done():
                self._task.cancel()
                with suppress(KeyboardInterrupt):  # of a task that Ctrl-C has ended: it was raised already
                    self._runner.get_loop().run_until_complete(asyncio.wait((self._task,)))
            if self._task is not None and self._task.done() and not self._task.cancelled():
                self._task.exception()  # it was raised already, and asyncio need not say so again
            self._runner.close()

        _beside_a_running_loop(end)

    async def _until(self, ready: asyncio.Event) -> bool:
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._work)
        signal = loop.create_task(ready.wait())
        try:
            await asyncio.wait((self._task, signal), return_when=asyncio.FIRST_COMPLETED)
        finally:
            signal.cancel()
        return self._task.done()


def _beside_a_running_loop(work: Callable[[], Result]) -> Result:
    """What `work` returns; it is done in a thread of its own where this one has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    result: Future[Result] = Future()

    def aside() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 (it is raised again in the caller's thread)
            result.set_exception(error)

    thread = threading.Thread(target=aside, name="pasture-runner")
    thread.start()
    thread.join()
    return result.result()


@dataclass(frozen=True, slots=True)
class Annotations:
    """One answer per item, in the order of the items, duplicates included."""

    results: tuple[Feedback | Abstention, ...]
    annotator: str
    engine: str  # name of the engine; blank where there was none
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


class Stream(AbstractContextManager["Stream"]):
    """The results of a run, to be read once. `usage` is what was spent so far; `close` ends the run (so does the end of a `with`,
    and reading to the end)."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._results = self._each()
        self.annotator = run.name
        self.engine = run.desk.engine_name

    @property
    def usage(self) -> Usage:
        return self._run.desk.spent

    def __iter__(self) -> Iterator[Feedback | Abstention]:
        return self._results

    def close(self) -> None:
        self._results.close()

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _each(self) -> Generator[Feedback | Abstention, None, None]:
        steps = StepLoop(self._run.all())
        try:
            ended = False
            while not ended:
                try:
                    ended = steps.forward(self._run.ready)
                except KeyboardInterrupt:
                    yield from self._run.take()  # what is finished is not lost
                    raise
                yield from self._run.take()
            steps.finish()
        finally:
            steps.close()
