"""GLAD (Whitehill et al. 2009, NeurIPS 22): P(right) = sigmoid(ability of the worker * easiness of the item), easiness > 0.

As in the authors' code, ability and log-easiness have N(1, 1) priors, without which they are not identified. Departures: labels'
frequencies are estimated; with more than two labels errors are even over the others; each M-step is a few guarded Newton steps, so
that the objective never falls; several starts. _W workers, _I items, _L labels, _V votes."""

from collections.abc import Callable
from functools import partial
from typing import Unpack

import numpy as np
from scipy.special import expit

from ..rankings.newton import ascend
from .consensus import TOLERANCE, Consensus, LabelFit, LabelOptions, climb_em, fitted, log_joint_of_coins, seen
from .votes import Votes

SMOOTHING = 0.1  # counts added to each label's frequency
STEPS = 3  # Newton steps for abilities and for easiness in each M-step
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

    def log_joint(prior_L: np.ndarray, ability_W: np.ndarray, easiness_I: np.ndarray) -> np.ndarray:
        x_V = ability_W[of.worker_V] * np.exp(easiness_I)[of.item_V]
        return log_joint_of_coins(of, prior_L, -np.logaddexp(0.0, -x_V), -np.logaddexp(0.0, x_V))

    begin = (start_IL, np.empty(0), np.ones(len(of.workers)), np.ones(len(of.items)))
    maximise = partial(_maximise, of, weight_I)
    posterior_IL, (prior_L, ability_W, easiness_I), climbed = climb_em(maximise, log_joint, beliefs, weight_I, begin, tolerance)
    right_WI = expit(ability_W[:, None] * np.exp(easiness_I))
    accuracy_W = np.where(seen(of, weight_I), right_WI @ (weight_I / weight_I.sum()), np.nan)
    return LabelFit(posterior_IL, accuracy_W, prior_L, *climbed, {"ability_W": ability_W, "log_easiness_I": easiness_I})


def _maximise(
    of: Votes, weight_I: np.ndarray, posterior_IL: np.ndarray, _prior_L: np.ndarray, ability_W: np.ndarray, easiness_I: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Never lowers the expected log-posterior: abilities and the logarithm of easiness in turn, each worker and item on its own."""
    prior_L, right_V = weight_I @ posterior_IL + SMOOTHING, posterior_IL[of.item_V, of.label_V]
    for _ in range(STEPS):
        beta_V = np.exp(easiness_I)[of.item_V]
        ability_W = _ascended(of.worker_V, weight_I[of.item_V], right_V, beta_V, np.positive, beta_V, ability_W)
        alpha_V = ability_W[of.worker_V]
        # an item's weight scales all that concerns its easiness alike, so it plays no part
        easiness_I = _ascended(of.item_V, np.ones(len(of)), right_V, alpha_V, np.exp, alpha_V * beta_V, easiness_I)
    return prior_L / prior_L.sum(), ability_W, easiness_I


def _ascended(
    place_V: np.ndarray,
    weight_V: np.ndarray,
    right_V: np.ndarray,
    factor_V: np.ndarray,
    form: Callable[[np.ndarray], np.ndarray],
    slope_V: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    """A guarded Newton step of numbers with N(1, 1) priors, one per worker or item. A vote is right with log-odds factor *
    form(number of its worker or item), whose derivative is slope_V now."""

    def total(term_V: np.ndarray) -> np.ndarray:
        return np.bincount(place_V, weight_V * term_V, minlength=len(at))

    def value(of: np.ndarray) -> np.ndarray:
        x_V = factor_V * form(of)[place_V]
        return total(-right_V * np.logaddexp(0.0, -x_V) - (1 - right_V) * np.logaddexp(0.0, x_V)) - (of - 1) ** 2 / 2

    p_V = expit(factor_V * form(at)[place_V])
    slope, curve = total(slope_V * (right_V - p_V)) - (at - 1), total(slope_V**2 * p_V * (1 - p_V)) + 1
    return ascend(value, at, np.clip(slope / curve, -LONGEST_STEP, LONGEST_STEP))
