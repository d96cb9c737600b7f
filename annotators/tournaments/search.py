"""Rankings that ask as they go: a search yields the pairs that it wants compared, and is sent the answers. So it knows no judge, no
engine and no async, and whoever drives it may send a round to an engine in one batch.

`knockout` finds the best of N by single elimination (Liu et al. 2025, arXiv:2501.13007). Departures: the draw is random in every
round; with an odd number left, one candidate, drawn at random, goes on unmatched; an even verdict goes to the first, which the
draw has made a coin. `sampled_pairs` compares along random rings, which connect all, as Bradley-Terry needs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

from ...core.errors import InputError
from ...core.protocols import Rng

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


class Knockout(NamedTuple):
    """winner: the candidate left. rounds_survived_N: matches or byes that each got through, the winner most. calls: N - 1."""

    winner: int
    rounds_survived_N: tuple[int, ...]
    calls: int


def knockout(candidates: int, rng: Rng) -> Search[Knockout]:
    """Drive it with `run_search`. Raises InputError for none."""
    if candidates < 1:
        raise InputError(f"there are {candidates} candidates; a tournament needs 1 or more")
    survived = [0] * candidates
    alive, calls = list(range(candidates)), 0
    while len(alive) > 1:
        drawn = [alive[place] for place in rng.permutation(len(alive))]
        pairs = [(drawn[k], drawn[k + 1]) for k in range(0, len(drawn) - 1, 2)]
        answers = yield pairs
        calls += len(pairs)
        alive = drawn[len(pairs) * 2 :]
        for (first, second), p in zip(pairs, answers, strict=True):
            alive.append(first if p >= 0.5 else second)  # who is first was drawn, so an even verdict favours nobody
        for each in alive:
            survived[each] += 1
    return Knockout(alive[0], tuple(survived), calls)


def sampled_pairs(models: int, budget: int, rng: Rng) -> list[Pair]:
    """`budget` pairs (i, j), i and j in random order; all different up to M(M - 1)/2, then over again. Connected from M - 1 on."""
    if models < 2 or budget < 0:
        expected = "a comparison needs 2 models, and the budget is 0 or more"
        raise InputError(f"there are {models} models and a budget of {budget}; {expected}")
    made: set[frozenset[int]] = set()
    pairs: list[Pair] = []
    while len(pairs) < budget:
        if len(made) == models * (models - 1) // 2:
            made.clear()
        ring = rng.permutation(models).tolist()
        for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
            if frozenset((i, j)) not in made and len(pairs) < budget:
                made.add(frozenset((i, j)))
                pairs.append((i, j) if rng.integers(2) else (j, i))
    return pairs
