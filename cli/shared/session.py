"""The session that a command's options name: its engine, store, seed, budget and progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import problem
from .material import settings_from
from .progress import progress

if TYPE_CHECKING:
    from ...annotators.runner import Session
    from ...core.protocols import Engine


def named_engine(name: str | None, models: Sequence[str] | None, settings: Sequence[str] | None = None) -> Engine | None:
    """The engine that the options name; None where they name none. `--model NAME=MODEL`, repeated, serves several."""
    from ...core.errors import InputError
    from ...engines import make_engine, named_models

    if name is None:
        for option, given in (("--model", models), ("--engine-set", settings)):
            if given:
                raise InputError(f"{option} {given[0]!r} goes with an engine; name one, for instance --engine vllm")
        return None
    return make_engine(name, named_models(models or ()), **settings_from(settings or ()))


def engine_told(name: str | None, models: Sequence[str] | None, settings: Sequence[str] | None) -> dict[str, Any]:
    """What the options say of a suite's engine; None for what they leave to the suite."""
    from ...engines import named_models

    return {"engine": name, "model": named_models(models or ()) or None, "engine_options": settings_from(settings or ()) or None}


@contextmanager
def opened_session(
    engine: Engine | None,
    store: Path | None,
    default: Path,
    *,
    seed: int = 0,
    dollars: float | None = None,
    requests: int | None = None,
    labels: int | None = None,
    dry_run: bool = False,
    hidden: bool = False,
) -> Iterator[Session]:
    """A session whose store (`store`, or the default) is open and whose progress is shown within.

    Without an engine there is no store, and one that is given is refused, as is a budget of dollars or requests; a dry run reads a
    store that is there, and makes none. hidden: show no progress.
    """
    from ...annotators.runner import DrySession, Session
    from ...core.errors import InputError
    from ...core.ledger import Budget
    from ...core.store import Store

    if engine is None and store is not None:
        raise InputError(f"--store {str(store)!r} keeps an engine's replies, and there is no engine; leave it out or name one")
    budget, path = Budget(dollars, labels, requests), store or default
    make = DrySession if dry_run else Session
    has_store = engine is not None and (path.is_file() or not dry_run)
    with progress(hidden or dry_run) as watch, closing(Store(path)) if has_store else nullcontext() as opened:
        session = make(engine, opened, seed, budget, watch)
        yield session
    if session.ledger.overshot:
        problem(session.ledger.overshot)
