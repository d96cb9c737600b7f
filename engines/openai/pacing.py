"""When the next request may go to a server that limits its callers: what its headers say, and what it stands.

Two things hold a request back. The server's own account (`x-ratelimit-remaining-*`, `x-ratelimit-reset-*`, `retry-after`) is
taken at its word, less what was sent since. The number of requests under way doubles each round until the server first refuses
one, then grows by one a round, and halves with each refusal (additive increase, multiplicative decrease: Chiu & Jain 1989), so
that a server that says nothing of its limits is not stormed."""

import asyncio
import contextlib
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ...core.errors import EngineError

AT_FIRST = 4  # requests under way at the start
UNTOLD_RESET = 1.0  # seconds until an account is renewed, where the server says that it is empty and not for how long
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

Turn = tuple[float, float]  # a request under way: the moments of the accounts of requests and of tokens in which it was sent


@dataclass(slots=True)
class Account:
    """What may be spent (requests, or tokens) until it is renewed; unknown, and endless, until the server tells. What a server
    tells with an answer is true of the moment in which it took that request up, so what was spent since is taken off, and what it
    told of an earlier moment, or before the account was renewed, is let pass."""

    left: float = math.inf
    full: float = math.inf
    period: float = UNTOLD_RESET
    renewed_at: float = math.inf
    spent: float = 0.0  # in all; a value of it is a moment
    told_of: float = 0.0

    def spend(self, cost: float) -> float:
        """Takes `cost` off, and returns the moment."""
        self.left -= cost
        self.spent += cost
        return self.spent

    def tell(self, headers: Mapping[str, str], kind: str, moment: float, now: float) -> None:
        """What the headers of an answer say of the moment in which its request was sent."""
        left = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
        if left is None or moment <= self.told_of:
            return
        self.told_of = moment
        self.left = left - (self.spent - moment)
        self.full = _number(headers.get(f"x-ratelimit-limit-{kind}")) or max(left, 1.0)
        reset = seconds(headers.get(f"x-ratelimit-reset-{kind}"))
        self.period = UNTOLD_RESET if reset is None else reset
        self.renewed_at = now + self.period

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent; one that is larger than the whole account goes when it is full."""
        if now >= self.renewed_at:
            self.left, self.told_of = self.full, self.spent
            self.renewed_at = now + max(self.period, UNTOLD_RESET)
        return 0.0 if self.left >= min(cost, self.full) else self.renewed_at - now


class Pace:
    """Hands out turns; belongs to one event loop. most: requests under way at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.width = float(min(most, AT_FIRST))
        self.open_at = 0.0
        self._requests, self._tokens = Account(), Account()
        self._under_way = 0
        self._was_refused = False
        self._moved = asyncio.Condition()

    async def turn(self, tokens: float, longest: float) -> Turn:
        """Returns when a request of about `tokens` may go; `done` ends its turn. Raises EngineError at once where the server
        says that it will take more than `longest` seconds."""
        async with self._moved:
            while (wait := self._wait(tokens)) > 0:
                if longest < wait < math.inf:
                    raise EngineError(f"the server's rate limit asks to wait {wait:.0f} s, and {longest:.0f} s are left; ask later")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), None if wait == math.inf else wait)
            self._under_way += 1
            return self._requests.spend(1), self._tokens.spend(tokens)

    def _wait(self, tokens: float) -> float:
        now = time.monotonic()
        if self._under_way >= max(int(self.width), 1):
            return math.inf  # until one is done
        return max(self.open_at - now, self._requests.wait(1, now), self._tokens.wait(tokens, now))

    async def done(
        self, turn: Turn, headers: Mapping[str, str] | None = None, *, answered: bool = False, refused: float | None = None
    ) -> None:
        """Ends a turn. headers: of what came back, if anything did. refused: seconds that the server is to be left alone for."""
        async with self._moved:
            now = time.monotonic()
            self._under_way -= 1
            if headers is not None:
                self._requests.tell(headers, "requests", turn[0], now)
                self._tokens.tell(headers, "tokens", turn[1], now)
            if refused is not None:
                self._was_refused = True
                if now >= self.open_at:  # of those refused together, the first one counts
                    self.width = max(self.width / 2, 1.0)
                self.open_at = max(self.open_at, now + refused)
            elif answered:
                self.width = min(self.width + (1 / self.width if self._was_refused else 1), self.most)
            self._moved.notify_all()


def backoff(attempt: int, first: float, most: float, jitter: float) -> float:
    """Seconds to wait after a failed attempt (0 the first): doubling from `first` up to `most`, less up to half by `jitter` in
    [0, 1), so that callers who failed together do not come back together."""
    return min(first * 2.0**attempt, most) * (1 - jitter / 2)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to be left alone for: `retry-after-ms`, or `retry-after` in seconds or as a date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    found = seconds(told)
    if found is not None or told is None:
        return found
    try:
        return max((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def seconds(told: str | None) -> float | None:
    """`12`, `0.5`, `120ms`, `1m2.5s` in seconds; None for anything else."""
    number = _number(told)
    if told is None or number is not None:
        return number
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", told)
    return sum(float(n) * UNITS[unit] for n, unit in parts) if parts and "".join(map("".join, parts)) == told else None


def _number(told: str | None) -> float | None:
    try:
        number = float(told or "")
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
