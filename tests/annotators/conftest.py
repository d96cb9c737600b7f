"""A small engine and a small world to ask annotators in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from pasture.core.records import Comparison, Completion, Prompt
from pasture.core.requests import Reply, Request
from scipy.stats import binomtest


class FakeEngine:
    """Answers with `respond(request)` and counts what it is asked. An exception that is returned fails that request."""

    def __init__(self, respond: Callable[[Request], Reply | Exception], prices: tuple[float, float] = (1.0, 2.0)) -> None:
        self.name = "fake"
        self.prices = prices
        self.respond = respond
        self.batches: list[list[Request]] = []

    @property
    def asked(self) -> list[Request]:
        return [request for batch in self.batches for request in batch]

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        self.batches.append(list(requests))
        for index in reversed(range(len(requests))):  # an engine may answer in any order
            yield index, self.respond(requests[index])


class FakeWorld:
    """Users like answers by their length: gold one nat a character, ann twice that, bob the opposite."""

    name = "fake"
    users = ("ann", "bob")

    def utility(self, completions: Sequence[Completion], user: str = "gold") -> np.ndarray:
        taste = {"gold": 1.0, "ann": 2.0, "bob": -1.0}[user]
        return np.array([taste * len(each.text) for each in completions])

    def advantage(self, comparison: Comparison, user: str = "gold") -> float:
        left, right = self.utility([comparison.left, comparison.right], user)
        return float(left - right)


def prefers_a(request: Request) -> Reply:
    """Says A with probability .8, whatever it is shown, for 10 + 1 tokens."""
    return Reply("A", label_logprobs={"A": float(np.log(0.8)), "B": float(np.log(0.2))}, prompt_tokens=10, completion_tokens=1)


@pytest.fixture
def fake_engine() -> Callable[..., FakeEngine]:
    def make(respond: Callable[[Request], Reply | Exception] = prefers_a, prices: tuple[float, float] = (1.0, 2.0)) -> FakeEngine:
        return FakeEngine(respond, prices)

    return make


@pytest.fixture
def is_rate() -> Callable[[int, int, float], bool]:
    """Whether `count` of `n` is what a rate gives: it is in the 99.9% interval of the share."""

    def found(count: int, n: int, rate: float) -> bool:
        interval = binomtest(int(count), int(n)).proportion_ci(0.999)
        return bool(interval.low <= rate <= interval.high)

    return found


@pytest.fixture
def fake_world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def some_pairs() -> Callable[[int], list[Comparison]]:
    def make(count: int) -> list[Comparison]:
        pairs = []
        for number in range(count):
            prompt = Prompt(f"question {number}")
            pairs.append(Comparison(Completion(prompt, f"left {number}" * (1 + number % 3)), Completion(prompt, f"right {number}")))
        return pairs

    return make
