"""A session of one call: what scripts of a few lines ask with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.ledger import Budget, Quote
from ...core.protocols import Annotator, Engine
from ...core.records import Item
from ...core.store import Store
from .run import Progress
from .session import Session, Watch
from .stream import Annotations, Stream


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
    """Asks `annotator` about every item (see `Session`, whose options these are, and `Session.ask`). May be called inside a running
    event loop."""
    return Session(engine, store, seed, budget, _watch(progress), window).ask(items, annotator)


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
    """As `annotate`, one result after another in the order of the items (see `Session.stream`)."""
    return Session(engine, store, seed, budget, _watch(progress), window).stream(items, annotator)


def price(items: Sequence[Item], annotator: Annotator, engine: Engine | None, store: Store | None = None, seed: int = 0) -> Quote:
    """What `annotate` would buy (see `Session.price`); the engine is asked nothing."""
    return Session(engine, store, seed).price(items, annotator)


def _watch(progress: Progress | None) -> Watch | None:
    return progress and (lambda name, done, total, spent: progress(done, total, spent))
