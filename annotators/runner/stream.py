"""The results of a run: read one after another as they come, or all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from ...core.records import Abstention, Feedback, Preference, Usage
from .loop import StepLoop
from .run import Run


@dataclass(frozen=True, slots=True)
class Annotations:
    """One answer per item, in the order of the items, duplicates included."""

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


class Stream:
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

    def __enter__(self) -> Stream:
        return self

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
