"""The best of N candidates by single elimination: N - 1 comparisons, each round one batch (Liu et al. 2025, arXiv:2501.13007).

Departures: the draw is random in every round; with an odd number left, one candidate, drawn at random, goes on unmatched; an
even verdict goes to the first, which the draw has made a coin.
"""

from __future__ import annotations

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
