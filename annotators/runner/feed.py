"""An engine at work in a thread of its own: its outcomes are taken in the event loop as they come."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence

from ...core.errors import EngineError, PastureError
from ...core.ledger import Ledger
from ...core.protocols import Engine
from ...core.requests import Reply, Request

STOP_SECONDS = 10.0  # how long an abandoned run waits for its engine to come to a stop

Outcome = tuple[int, Reply | Exception]


class Feed:
    """One batch of requests at the engine. It is ended early where what is charged reaches the budget."""

    def __init__(self, engine: Engine, requests: Sequence[Request], ledger: Ledger) -> None:
        self.bell = asyncio.Event()
        self.ended = self.over_budget = False
        self.error: PastureError | None = None
        self._engine, self._requests, self._ledger = engine, requests, ledger
        self._left = None if ledger.budget.dollars is None else ledger.budget.dollars - ledger.usage.dollars
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[Outcome] = deque()
        self._rung = self._over = self._stopped = False
        self._thread = threading.Thread(target=self._work, name="pasture-engine", daemon=True)
        self._thread.start()

    def take(self) -> list[Outcome]:
        """What has arrived since the last time."""
        self.bell.clear()
        self._rung = False
        self.ended = self._over  # before the outcomes are taken, so that none is left behind
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def stop(self) -> None:
        """Asks the engine to end after its next reply, and waits for that a while."""
        self._stopped = True
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        outcomes = None
        try:
            outcomes = self._engine.generate(self._requests)
            for outcome in outcomes:
                self._arrived.append(outcome)
                if self._left is not None:
                    self._count(*outcome)
                self._ring()
                if self._stopped or self.over_budget:
                    break
        except PastureError as error:
            self.error = error
        except BaseException as error:  # noqa: BLE001 (it is raised again in the event loop)
            self.error = self._broken(error)
        finally:
            try:
                if close := getattr(outcomes, "close", None):
                    close()
            except Exception as error:  # noqa: BLE001 (as above)
                self.error = self.error or self._broken(error)
            self._over = True
            self._ring()

    def _broken(self, error: BaseException) -> EngineError:
        broken = EngineError(f"the engine {self._engine.name!r} broke off: {type(error).__name__}: {error}")
        broken.__cause__ = error
        return broken

    def _count(self, index: int, outcome: Reply | Exception) -> None:
        """A server may bill more than a request allows: no request beyond the one that reaches the budget is sent."""
        billed = outcome if isinstance(outcome, Reply) else getattr(outcome, "usage", None)
        if billed is not None and self._left is not None and 0 <= index < len(self._requests):
            model = self._requests[index].model
            self._left -= self._ledger.dollars(billed.prompt_tokens, billed.completion_tokens, model)
            self.over_budget = self._left < 0

    def _ring(self) -> None:
        if not self._rung and not self._loop.is_closed():
            self._rung = True
            self._loop.call_soon_threadsafe(self.bell.set)
