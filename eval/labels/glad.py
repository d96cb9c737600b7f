"""GLAD (Whitehill et al. 2009, NeurIPS 22): P(right) = sigmoid(ability of the worker * easiness of the item), easiness > 0.

As in the authors' code, ability and log-easiness have N(1, 1) priors, without which they are not identified. Departures: labels'
frequencies are estimated; with more than two labels errors are even over the others; each M-step is a few guarded Newton steps, so
that the objective never falls; several starts. _W workers, _I items, _L labels, _V votes."""

from __future__ import annotations

from functools import partial
from typing import Unpack

import numpy as np
from scipy.special import expit

from ..rankings.newton import ascend
from .consensus import TOLERANCE, Consensus, LabelFit, LabelOptions, climb_em, fitted, log_joint_of_coins, seen
from .votes import Votes

SMOOTHING = 0.1
"""Counts added to each label's frequency."""
STEPS = 3
"""Newton steps for abilities and for easiness in each M-step."""
LONGEST_STEP = 1.0


def glad(of: Votes, **options: Unpack[LabelOptions]) -> Consensus:
    """Labels and workers; `details` hold `ability_W` (0 is random, negative deceives) and `log_easiness_I`. reliability: P(right)
    averaged over all items. options: of `consensus.fitted`, but 2 restarts and 50 resamples unless given."""
    return fitted(of, _fit, "GLAD", partial(_upright, of), **{"restarts": 2, "resamples": 50, **options})


def _upright(of: Votes, fit: LabelFit) -> LabelFit:
    """With two labels, the climb from the mirror image where that ends higher: a priori, workers are able and no deceivers."""
    if len(of.labels) != 2:
        return fit
    mirrored = _fit(of, np.ones(len(of.items)), fit.posterior_IL[:, ::-1], TOLERANCE)
    return max(fit, mirrored, key=lambda each: each.history[-1])


def _fit(of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> LabelFit:
    def beliefs(prior_L: np.ndarray, ability_W: np.ndarray, easiness_I: np.ndarray) -> float:
        return SMOOTHING * np.log(prior_L).sum() - ((ability_W - 1) ** 2).sum() / 2 - weight_I @ (easiness_I - 1) ** 2 / 2

    begin = (start_IL, np.empty(0), np.ones(len(of.workers)), np.ones(len(of.items)))
    maximise, log_joint = partial(_maximise, of, weight_I), partial(_log_joint, of)
    posterior_IL, (prior_L, ability_W, easiness_I), climbed = climb_em(maximise, log_joint, beliefs, weight_I, begin, tolerance)
    right_WI = expit(ability_W[:, None] * np.exp(easiness_I))
    accuracy_W = np.where(seen(of, weight_I), right_WI @ (weight_I / weight_I.sum()), np.nan)
    return LabelFit(posterior_IL, accuracy_W, prior_L, *climbed, {"ability_W": ability_W, "log_easiness_I": easiness_I})


def _maximise(
    of: Votes, weight_I: np.ndarray, posterior_IL: np.ndarray, _prior_L: np.ndarray, ability_W: np.ndarray, easiness_I: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Never lowers the expected log-posterior: abilities and the logarithm of easiness in turn, each worker and item on its own."""
    prior_L, right_V, weight_V = weight_I @ posterior_IL + SMOOTHING, posterior_IL[of.item_V, of.label_V], weight_I[of.item_V]
    for _ in range(STEPS):
        ability_W = _ability(of, right_V, weight_V, ability_W, np.exp(easiness_I)[of.item_V])
        easiness_I = _easiness(of, right_V, ability_W[of.worker_V], easiness_I)
    return prior_L / prior_L.sum(), ability_W, easiness_I


def _ability(of: Votes, right_V: np.ndarray, weight_V: np.ndarray, ability_W: np.ndarray, beta_V: np.ndarray) -> np.ndarray:
    def value_W(of_W: np.ndarray) -> np.ndarray:
        return _sum(of.worker_V, weight_V * _expected(right_V, of_W[of.worker_V] * beta_V), of_W) - (of_W - 1) ** 2 / 2

    p_V = expit(ability_W[of.worker_V] * beta_V)
    slope_W = _sum(of.worker_V, weight_V * beta_V * (right_V - p_V), ability_W) - (ability_W - 1)
    curve_W = _sum(of.worker_V, weight_V * beta_V**2 * p_V * (1 - p_V), ability_W) + 1
    return ascend(value_W, ability_W, np.clip(slope_W / curve_W, -LONGEST_STEP, LONGEST_STEP))


def _easiness(of: Votes, right_V: np.ndarray, alpha_V: np.ndarray, easiness_I: np.ndarray) -> np.ndarray:
    """An item's weight scales all that concerns its easiness alike, so it plays no part."""

    def value_I(of_I: np.ndarray) -> np.ndarray:
        return _sum(of.item_V, _expected(right_V, alpha_V * np.exp(of_I)[of.item_V]), of_I) - (of_I - 1) ** 2 / 2

    x_V = alpha_V * np.exp(easiness_I)[of.item_V]
    p_V = expit(x_V)
    slope_I = _sum(of.item_V, x_V * (right_V - p_V), easiness_I) - (easiness_I - 1)
    curve_I = _sum(of.item_V, x_V**2 * p_V * (1 - p_V), easiness_I) + 1
    return ascend(value_I, easiness_I, np.clip(slope_I / curve_I, -LONGEST_STEP, LONGEST_STEP))


def _expected(right_V: np.ndarray, x_V: np.ndarray) -> np.ndarray:
    """right log sigmoid(x) + (1 - right) log sigmoid(-x)."""
    return -right_V * np.logaddexp(0.0, -x_V) - (1 - right_V) * np.logaddexp(0.0, x_V)


def _sum(place_V: np.ndarray, term_V: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.bincount(place_V, term_V, minlength=len(like))


def _log_joint(of: Votes, prior_L: np.ndarray, ability_W: np.ndarray, easiness_I: np.ndarray) -> np.ndarray:
    x_V = ability_W[of.worker_V] * np.exp(easiness_I)[of.item_V]
    return log_joint_of_coins(of, prior_L, -np.logaddexp(0.0, -x_V), -np.logaddexp(0.0, x_V))
