"""One reward from several reward models, so that what only one of them likes is not worth chasing (Coste et al. 2023,
arXiv:2310.02743).

scores_EN: one row a member, one column an answer. Members must be on one scale: `standardised` puts them there."""

from __future__ import annotations

import numpy as np

from ...core.errors import InputError


def mean_reward(scores_EN: np.ndarray) -> np.ndarray:
    """rewards_N: the members' mean."""
    return _checked(scores_EN).mean(axis=0)


def worst_case_reward(scores_EN: np.ndarray) -> np.ndarray:
    """rewards_N: the lowest member's (worst-case optimisation, WCO)."""
    return _checked(scores_EN).min(axis=0)


def uncertainty_weighted_reward(scores_EN: np.ndarray, penalty: float = 0.1) -> np.ndarray:
    """rewards_N: mean - penalty * variance over members (UWO). penalty: per unit of reward, 0 or more; 0 is the mean."""
    if not penalty >= 0:
        raise InputError(f"the penalty is {penalty}; it is 0 or more")
    scores_EN = _checked(scores_EN)
    return scores_EN.mean(axis=0) - penalty * scores_EN.var(axis=0)


def standardised(scores_EN: np.ndarray, reference_EN: np.ndarray) -> np.ndarray:
    """Each member's scores less its mean on reference answers, over its spread there. Raises InputError for a member that scores
    them all alike."""
    scores_EN, reference_EN = _checked(scores_EN), _checked(reference_EN)
    if len(scores_EN) != len(reference_EN):
        raise InputError(f"there are {len(scores_EN)} members here and {len(reference_EN)} in the reference; give the same")
    spread_E = reference_EN.std(axis=1)
    if not (spread_E > 0).all():
        raise InputError(f"member {int(np.flatnonzero(spread_E == 0)[0])} scores every reference answer alike; leave it out")
    return (scores_EN - reference_EN.mean(axis=1, keepdims=True)) / spread_E[:, None]


def _checked(scores_EN: np.ndarray) -> np.ndarray:
    scores_EN = np.asarray(scores_EN, dtype=float)
    if scores_EN.ndim != 2 or not len(scores_EN) or not np.isfinite(scores_EN).all():
        raise InputError(f"scores have shape {scores_EN.shape}; give one row of finite scores a member, one column an answer")
    return scores_EN
