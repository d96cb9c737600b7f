"""Where the variance of a score comes from (prompts, samples, annotators, seeds), and what more of each would buy.

Variance components of a random-effects model, score = mean + one effect a group of every level + rest, by the method of moments:
sums of squares between groups are set equal to what the components would give (Henderson 1953, method 1; Searle, Casella &
McCulloch 1992, ch. 5). Sizes need not be equal; levels may be nested (samples within prompts: give each sample an id of its own) or
crossed (seeds and prompts)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...core.errors import InputError

REST = "rest"


@dataclass(frozen=True, slots=True)
class VarianceSources:
    """components: variance of each level's effect and of the `rest`, in squared score units; None where it cannot be told apart,
    and `reason` says why. A component estimated below 0 is given as 0, and its name is in `below_zero`. sizes: groups of each
    level."""

    components: Mapping[str, float] | None
    sizes: Mapping[str, int]
    below_zero: tuple[str, ...] = ()
    reason: str = ""

    def variance_of_mean(self, sizes: Mapping[str, int]) -> float:
        """Variance of the grand mean with so many groups of each level in all (`rest`: scores in all), equally full. With prompts P
        and K samples of each: {"prompt": P, "rest": P * K}. Raises InputError where a level has no size."""
        if self.components is None:
            raise InputError(f"the components are undefined ({self.reason}); measure them on data that tells the levels apart")
        missing = sorted(set(self.components) - set(sizes))
        if missing or any(size < 1 for size in sizes.values()):
            raise InputError(f"the sizes are {dict(sizes)}; give 1 or more for each of {sorted(self.components)}")
        return sum(variance / sizes[level] for level, variance in self.components.items())


def sources_of_variance(scores_N: np.ndarray, levels: Mapping[str, Sequence[Hashable]]) -> VarianceSources:
    """levels: for each, outermost first, the group of every score. What varies within all of them is the `rest`. Undefined where
    two levels split the scores alike, or one gives each score a group of its own (that is the rest)."""
    scores_N = np.asarray(scores_N, dtype=float)
    wrong = {name: len(groups) for name, groups in levels.items() if len(groups) != len(scores_N)}
    if scores_N.ndim != 1 or wrong or REST in levels or not np.isfinite(scores_N).all():
        raise InputError(
            f"there are scores of shape {scores_N.shape} and levels of other lengths: {wrong or 'none'}; give finite scores, "
            f"one group a level for each, and no level named {REST!r}"
        )
    names = [*levels, REST]
    sides = [_memberships(groups) for groups in levels.values()] + [sparse.csr_array(sparse.eye_array(len(scores_N)))]
    sizes = {name: len(set(groups)) for name, groups in levels.items()} | {REST: len(scores_N)}
    grand = _memberships([0] * len(scores_N))
    totals = np.array([_total(scores_N, side) for side in sides])
    weights_LL = np.array([[_weight(rows, columns) for columns in sides] for rows in sides])
    base_L = np.array([_weight(grand, side) for side in sides])
    system_LL = weights_LL - base_L  # sums of squares about the grand mean, which goes out
    right_L = totals - _total(scores_N, grand)
    if len(scores_N) < 2 or np.linalg.cond(system_LL) > 1e10:
        why = "the levels cannot be told apart: one has a single group, a group for every score, or the groups of another"
        return VarianceSources(None, sizes, (), f"undefined: {why}")
    found_L = np.linalg.solve(system_LL, right_L)
    below = tuple(name for name, value in zip(names, found_L, strict=True) if value < 0)
    return VarianceSources({name: max(float(value), 0.0) for name, value in zip(names, found_L, strict=True)}, sizes, below)


def _memberships(groups: Sequence[Hashable]) -> sparse.csr_array:
    """[N, G]: 1 where a score is in a group."""
    place = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    columns = [place[group] for group in groups]
    return sparse.csr_array((np.ones(len(columns)), (range(len(columns)), columns)), shape=(len(columns), len(place)))


def _total(scores_N: np.ndarray, side: sparse.csr_array) -> float:
    """sum over groups of (sum of scores)^2 / size."""
    sizes_G = np.asarray(side.sum(axis=0)).ravel()
    return float((np.asarray(side.T @ scores_N).ravel() ** 2 / sizes_G).sum())


def _weight(rows: sparse.csr_array, columns: sparse.csr_array) -> float:
    """How much of a component of `columns` the total of `rows` holds: sum over groups g of rows, h of columns of n_gh^2 / n_g."""
    shared_GH = (rows.T @ columns).tocsr()
    sizes_G = np.asarray(rows.sum(axis=0)).ravel()
    return float((np.asarray(shared_GH.multiply(shared_GH).sum(axis=1)).ravel() / sizes_G).sum())
