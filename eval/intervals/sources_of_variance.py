"""Where the variance of a score comes from (prompts, samples, annotators, seeds).

Variance components of a random-effects model, score = mean + one effect a group of every level + rest, by the method of moments:
sums of squares between groups are set equal to what the components give (Henderson 1953, method 1; Searle, Casella & McCulloch
1992, ch. 5). Sizes may differ, levels be nested (give each sample of a prompt its own id) or crossed (seeds and prompts)."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ...core.errors import InputError

REST = "rest"


@dataclass(frozen=True, slots=True)
class VarianceSources:
    """components: variance of each level's effect and of the `rest`, in squared score units; None where it cannot be told apart,
    and `reason` says why. A component estimated below 0 is given as 0 and named in `below_zero`. sizes: groups of a level."""

    components: Mapping[str, float] | None
    sizes: Mapping[str, int]
    below_zero: tuple[str, ...] = ()
    reason: str = ""


def sources_of_variance(scores_N: np.ndarray, levels: Mapping[str, Sequence[Hashable]]) -> VarianceSources:
    """levels: for each, outermost first, the group of every score. What varies within all of them is the `rest`. Undefined where
    two levels split the scores alike, or one gives each score a group of its own (that is the rest)."""
    scores_N = np.asarray(scores_N, dtype=float)
    wrong = {name: len(groups) for name, groups in levels.items() if len(groups) != len(scores_N)}
    if scores_N.ndim != 1 or wrong or REST in levels or not np.isfinite(scores_N).all():
        why = f"there are scores of shape {scores_N.shape} and levels of other lengths: {wrong or 'none'}"
        raise InputError(f"{why}; give finite scores, one group a level for each, and no level named {REST!r}")
    groups = {"all": [0] * len(scores_N), **levels, REST: range(len(scores_N))}
    sizes = {name: len(set(each)) for name, each in groups.items() if name != "all"}
    sides = []
    for each in groups.values():
        place: dict[Hashable, int] = {}
        columns = [place.setdefault(group, len(place)) for group in each]
        shape = (len(columns), len(place))  # [N, groups], 1 of a member
        sides.append(sparse.csr_array((np.ones(len(columns)), (range(len(columns)), columns)), shape=shape))
    shares = [side / np.sqrt(side.sum(axis=0)) for side in sides]
    # sum over groups of (sum of scores)^2 / size, and how much of each component it holds: of n_gh^2 / n_g
    totals = np.array([float(((share.T @ scores_N) ** 2).sum()) for share in shares])
    weights_LL = np.array([[float((share.T @ side).power(2).sum()) for side in sides[1:]] for share in shares])
    # sums of squares about the grand mean, which goes out
    system_LL, right_L = weights_LL[1:] - weights_LL[0], totals[1:] - totals[0]
    if len(scores_N) < 2 or np.linalg.cond(system_LL) > 1e10:
        why = "the levels cannot be told apart: one has a single group, a group for every score, or the groups of another"
        return VarianceSources(None, sizes, (), f"undefined: {why}")
    found = dict(zip(sizes, np.linalg.solve(system_LL, right_L).tolist(), strict=True))
    below = tuple(name for name, value in found.items() if value < 0)
    return VarianceSources({name: max(value, 0.0) for name, value in found.items()}, sizes, below)
