"""Which pairs to compare when not all can be: random rings, so that every model meets about equally many and the graph hangs
together.

A ring over a random order gives each model two comparisons and connects all of them, which Bradley-Terry needs; pairs drawn one
by one leave models out. The comparisons of a later ring that an earlier one has made are skipped until every pair was made."""

from __future__ import annotations

import numpy as np

from ...core.errors import InputError
from .search import Pair


def sampled_pairs(models: int, budget: int, rng: np.random.Generator) -> list[Pair]:
    """`budget` pairs (i, j), i and j in random order; all different up to M(M - 1)/2, then over again. Connected from M - 1 on."""
    if models < 2 or budget < 0:
        raise InputError(
            f"there are {models} models and a budget of {budget}; a comparison needs 2 models, and the budget is 0 or more"
        )
    made: set[frozenset[int]] = set()
    pairs: list[Pair] = []
    while len(pairs) < budget:
        if len(made) == models * (models - 1) // 2:
            made.clear()
        ring = rng.permutation(models).tolist()
        for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
            if frozenset((i, j)) in made or len(pairs) == budget:
                continue
            made.add(frozenset((i, j)))
            pairs.append((i, j) if rng.integers(2) else (j, i))
    return pairs
