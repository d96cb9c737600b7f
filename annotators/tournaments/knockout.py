"""The best of N candidates by single elimination: N - 1 comparisons, each round one batch (Liu et al. 2025, arXiv:2501.13007).

Departures: the draw is random in every round; with an odd number left, one candidate, drawn at random, goes on unmatched; an
even verdict goes to the first, which the draw has made a coin.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from .search import Search


class Knockout(NamedTuple):
    """winner: the candidate left. rounds_survived_N: matches or byes that each got through; the winner has the most. calls: N -
    1."""

    winner: int
    rounds_survived_N: tuple[int, ...]
    calls: int


def knockout(candidates: int, rng: np.random.Generator) -> Search[Knockout]:
    """Drive it with `search.run_search`; Raises InputError
    for none."""
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


def survival_probability(accuracy: float, candidates: int) -> float:
    """How often the best of N wins if each match with it is judged right with this probability: accuracy^log2 N where N is a
    power of 2, and averaged over who goes on unmatched elsewhere."""
    if not 0 <= accuracy <= 1 or candidates < 1:
        raise InputError(f"accuracy is {accuracy} and candidates {candidates}; accuracy is in [0, 1], candidates 1 or more")

    @cache
    def survives(left: int) -> float:
        if left == 1:
            return 1.0
        unmatched = (left % 2) / left
        return (unmatched + (1 - unmatched) * accuracy) * survives((left + 1) // 2)

    return survives(candidates)
