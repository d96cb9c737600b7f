"""A ranking that asks as it goes: a search yields the pairs that it wants compared, and is sent the answers.

So a search knows no judge, no engine and no async, and whoever drives it may send a round to an engine in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from ...core.errors import InputError

Pair = tuple[int, int]
Result = TypeVar("Result")
Search = Generator[list[Pair], Sequence[float], Result]
"""Yields pairs (i, j) and is sent, in the same order, the probability that i is better than j."""
Judge = Callable[[list[Pair]], Sequence[float]]
"""The probability, in [0, 1], that the first of each pair is better. The first is shown first."""


def run_search(search: Search[Result], judge: Judge) -> Result:
    """The search's result, every round of it answered by `judge`. Raises InputError for an answer that is no probability."""
    try:
        pairs = next(search)
        while True:
            answers = list(judge(pairs))
            if len(answers) != len(pairs) or not all(0 <= p <= 1 for p in answers):
                raise InputError(f"the judge said {answers[:3]} of {len(pairs)} pairs; it gives one probability in [0, 1] a pair")
            pairs = search.send(answers)
    except StopIteration as done:
        return done.value
