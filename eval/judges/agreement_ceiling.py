"""What agreement can be reached where labels are flipped at random: the ceiling to print beside every agreement.

A true binary label is flipped with probability e, independently by each annotator. Then two copies agree (1-e)^2 + e^2 of the
time, with kappa (1-2e)^2 where labels are balanced, and not even a perfect judge agrees with the mode of k copies every time.
Elementary; no paper."""

from __future__ import annotations

import numpy as np
from scipy.optimize import root_scalar
from scipy.stats import binom

from ...core.errors import InputError


def pair_agreement(flip: float) -> float:
    """How often two copies agree: (1-e)^2 + e^2. flip: e in [0, 0.5]."""
    _check(flip)
    return (1 - flip) ** 2 + flip**2


def pair_kappa(flip: float) -> float:
    """Cohen's kappa of two copies of balanced labels: (1-2e)^2."""
    _check(flip)
    return (1 - 2 * flip) ** 2


def ceiling(flip: float, voters: int) -> float:
    """How often the truth is the mode of `voters` copies (an even vote counts half): the most that any judge can agree with it.

    0.844 for e = 0.25 and 3 voters.
    """
    _check(flip)
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

    observed: in [0.5, 1]; below a half no flip rate explains it.
    """
    if not 0.5 <= observed <= 1:
        raise InputError(
            f"the agreement is {observed}; copies of one label agree between 0.5 and 1 of the time, so flips do not explain it"
        )
    if observed == 0.5:
        return 0.5
    found = root_scalar(lambda flip: leave_one_out_agreement(flip, others) - observed, bracket=(0.0, 0.5), xtol=1e-14)
    return float(found.root)


def _check(flip: float) -> None:
    if not 0 <= flip <= 0.5:
        raise InputError(f"the flip rate is {flip}; it is in [0, 0.5], and 0.5 is a coin")
