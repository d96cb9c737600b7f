"""The options of commands that ask, and the session that they make: its engine, store, seed, budget and progress."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...annotators.runner import DrySession, Session
from ...core.errors import InputError
from ...core.ledger import Budget
from ...core.protocols import Engine
from ...core.store import Store
from ...engines import make_engine, named_models
from .console import problem, progress
from .options import Dollars, DryRun, EngineName, EngineSet, Json, Models, Requests, StorePath, settings_from


@dataclass(frozen=True)
class Asking:
    """What every command that asks is given."""

    engine: EngineName = None
    model: Models = None
    engine_set: EngineSet = None
    store: StorePath = None
    budget_dollars: Dollars = None
    budget_requests: Requests = None
    dry_run: DryRun = False
    json: Json = False

    def named_engine(self) -> Engine | None:
        return named_engine(self.engine, self.model, self.engine_set)

    def of_suite(self) -> dict[str, Any]:
        """What is said of a suite's engine; None for what is left to the suite."""
        models, options = named_models(self.model or ()), settings_from(self.engine_set or ())
        return {"engine": self.engine, "model": models or None, "engine_options": options or None}

    @contextmanager
    def session(self, engine: Engine | None, default: Path, seed: int = 0, labels: int | None = None) -> Iterator[Session]:
        """A session whose store (the one that is named, or the default) is open and whose progress is shown within.

        Without an engine there is no store, and one that is given is refused, as is a budget of dollars or requests; a dry run
        reads a store that is there, and makes none. labels: the budget of items."""
        if engine is None and self.store is not None:
            why = "keeps an engine's replies, and there is no engine"
            raise InputError(f"--store {str(self.store)!r} {why}; leave it out or name one")
        budget, path = Budget(self.budget_dollars, labels, self.budget_requests), self.store or default
        make = DrySession if self.dry_run else Session
        has_store = engine is not None and (path.is_file() or not self.dry_run)
        with progress(self.json or self.dry_run) as watch, closing(Store(path)) if has_store else nullcontext() as opened:
            session = make(engine, opened, seed, budget, watch)
            yield session
        if session.ledger.overshot:
            problem(session.ledger.overshot)


def named_engine(name: str | None, models: Sequence[str] | None, settings: Sequence[str] | None = None) -> Engine | None:
    """The engine that the options name; None where they name none. `--model NAME=MODEL`, repeated, serves several."""
    if name is None:
        for option, given in (("--model", models), ("--engine-set", settings)):
            if given:
                raise InputError(f"{option} {given[0]!r} goes with an engine; name one, for instance --engine vllm")
        return None
    return make_engine(name, named_models(models or ()), **settings_from(settings or ()))
