"""Asks one annotator about many items at once, and pays for nothing twice.

All items of a window are driven together. Their requests are collected, answered from the store where it holds them, put in
prefix order, and sent to the engine in large batches; each reply is in the store before the annotator sees it, so a kill
loses only what was in flight. Results come back in the order of the items. Nothing depends on window, order or sharding.

`annotate_stream` takes any number of items and holds a few windows of them; `annotate` is that, with all results in one tuple.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...core.errors import EngineError
from ...core.ledger import UNLIMITED, Budget, Ledger, Quote, approximate_tokens
from ...core.protocols import Annotator, Engine
from ...core.records import Abstention, Feedback, Item, Preference, Usage
from ...core.requests import Reply, Request
from ...core.store import Store
from .desk import Desk
from .loop import StepLoop
from .run import AnnotatorFailed, Progress, Run

__all__ = ["Annotations", "AnnotatorFailed", "Progress", "Stream", "annotate", "annotate_stream", "price"]


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
    started = time.perf_counter()
    stream = annotate_stream(
        items, annotator, engine=engine, store=store, seed=seed, budget=budget, progress=progress, window=window
    )
    results = tuple(stream)
    assert len(results) == len(items)
    return Annotations(results, annotator.name, stream.engine, stream.usage, time.perf_counter() - started)


def annotate_stream(
    items: Iterable[Item],
    annotator: Annotator,
    *,
    engine: Engine | None = None,
    store: Store | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    progress: Progress | None = None,
    window: int = 4096,
) -> Stream:
    """As `annotate`, one result after another in the order of the items, in memory that does not grow with their number.

    items: may be an iterator; it is read as there is room. No work is done while nobody waits for a result. A store in memory
    (`store=None`) holds all replies of the run: give a file where an engine is asked about very many items. What `annotate`
    raises is raised after the results that came before it.
    """
    if window < 1:
        raise ValueError(f"window is {window}; it is at least 1")
    return Stream(
        Run(items, annotator, Desk(engine, store, ledger_of(engine, budget or UNLIMITED)), seed, window, progress), engine
    )


class Stream:
    """The results of a run, to be read once. `usage` is what was spent so far; `close` ends the run (so does the end of a `with`,
    and reading to the end)."""

    def __init__(self, run: Run, engine: Engine | None) -> None:
        self._run = run
        self._results = self._each()
        self.annotator = run.name
        self.engine = engine.name if engine else ""

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
                ended = steps.forward(self._run.ready)
                yield from self._run.take()
            steps.finish()
        finally:
            steps.close()


def price(items: Sequence[Item], annotator: Annotator, engine: Engine | None, store: Store | None = None, seed: int = 0) -> Quote:
    """What `annotate` would buy: renders every request and asks the engine nothing."""
    quoting = _Quoting(engine) if engine else None
    annotations = annotate(items, annotator, engine=quoting, store=store, seed=seed)
    asked = quoting.asked if quoting else []
    tokens = [approximate_tokens(request) for request in asked]
    prompt, completion = sum(each for each, _ in tokens), sum(each for _, each in tokens)
    ledger = ledger_of(engine)
    dollars = sum(ledger.dollars(*counts, request.model) for counts, request in zip(tokens, asked, strict=True))
    return Quote(len(items), len(asked), annotations.usage.cached, prompt, completion, dollars)


def ledger_of(engine: Engine | None, budget: Budget = UNLIMITED) -> Ledger:
    """The ledger of a run of this engine, at its prices."""
    if engine is None:
        return Ledger(budget)
    return Ledger(budget, engine.prices, getattr(engine, "prices_by_model", None))


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
