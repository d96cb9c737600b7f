"""What agreement can be reached where labels are flipped at random: the ceiling to print beside every agreement.

A true binary label is flipped with probability e, independently by each annotator. Then two copies agree (1-e)^2 + e^2 of the time,
with kappa (1-2e)^2 where labels are balanced, and not even a perfect judge agrees with the mode of k copies every time."""

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import root_scalar
from scipy.stats import binom

from ...core.errors import InputError
from ...core.records import Estimate
from ..intervals.clusters import those_kept
from ..win_rates.win_rate import win_rate_from_scores


def ceiling(flip: float, voters: int) -> float:
    """How often the truth is the mode of `voters` copies (an even vote is half): 0.844 for e = 0.25 and 3 voters."""
    if not 0 <= flip <= 0.5:
        raise InputError(f"the flip rate is {flip}; it is in [0, 0.5], and 0.5 is a coin")
    if voters < 1:
        raise InputError(f"there are {voters} voters; a mode needs 1 or more")
    right_K = np.arange(voters + 1)
    share_K = np.where(2 * right_K > voters, 1.0, np.where(2 * right_K == voters, 0.5, 0.0))
    return float(share_K @ binom.pmf(right_K, voters, 1 - flip))


def leave_one_out_agreement(flip: float, others: int) -> float:
    """How often a further copy is the mode of `others` copies: 0.672 for e = 0.25 and 3 others."""
    top = ceiling(flip, others)
    return (1 - flip) * top + flip * (1 - top)


def flip_rate(observed: float, others: int) -> float:
    """The e at which copies would agree this often with the mode of the others: 0.262 for AlpacaEval's humans (0.6566, 3 others).
    observed: in [0.5, 1]; below a half no flip rate explains it."""
    if not 0.5 <= observed <= 1:
        what = f"the agreement is {observed}"
        raise InputError(f"{what}; copies of one label agree between 0.5 and 1 of the time, so flips do not explain it")
    if observed == 0.5:
        return 0.5
    found = root_scalar(lambda flip: leave_one_out_agreement(flip, others) - observed, bracket=(0.0, 0.5), xtol=1e-14)
    return float(found.root)


def ceiling_of_labels(hard_AN: np.ndarray, prompts: Sequence[str], known_flip: float | None = None) -> Estimate:
    """How often a perfect judge agrees with the mode of these labels, if each was flipped alike and independently: the flip rate is
    that at which two labels of a pair agree as often as they do, or the known one. hard_AN: 0, 0.5 or 1; NaN where none is."""
    counts_N = np.isfinite(hard_AN).sum(axis=0)
    counts, shares = np.unique(counts_N[counts_N > 0], return_counts=True)

    def top(flip: float) -> float:
        return float(np.average([ceiling(flip, int(each)) for each in counts], weights=shares))

    if known_flip is not None:
        value = top(known_flip) if len(counts) else None
        how = f"labels that are wrong in {known_flip:g} of all cases, as given" if len(counts) else "undefined: there are no labels"
        return Estimate(value, None, None, int(shares.sum()), how)
    scores, clusters = [np.empty(0)], list[Hashable]()
    for first, second in itertools.combinations(range(len(hard_AN)), 2):
        alike_N = 1 - np.abs(hard_AN[first] - hard_AN[second])
        scores.append(alike_N[np.isfinite(alike_N)])
        clusters += those_kept(prompts, np.isfinite(alike_N))
    alike = win_rate_from_scores(np.concatenate(scores), clusters)
    if alike.value is None:
        return replace(alike, how="undefined: one label a pair does not show how noisy labels are; say it, if it is known")
    if alike.value < 0.5:
        why = f"undefined: two labels of a pair agree {alike.value:.3f}, less than coins"
        return Estimate(None, None, None, alike.n, why)
    low, value, high = (
        None if agreed is None else top(flip_rate(min(max(agreed, 0.5), 1.0), others=1))
        for agreed in (alike.low, alike.value, alike.high)
    )
    flip = flip_rate(alike.value, others=1)
    how = f"two labels of a pair agree {alike.value:.3f}, as with flips of {flip:.3f}; its interval, carried over"
    return Estimate(value, low, high, alike.n, how, extra={"flip": flip})
