"""The one-coin model: each worker is right with one probability and errs evenly (Zhang et al. 2016, JMLR 17:102).

Dawid-Skene with a number a worker instead of a matrix: better where workers gave few labels, blind to whoever prefers a label.
Departures: `smoothing` counts of right and of wrong a worker (a maximum a posteriori estimate), and several starts.
"""

from __future__ import annotations

from functools import partial
from typing import Unpack

import numpy as np

from .consensus import Consensus, LabelFit, LabelOptions, climb_smoothed, fitted, log_joint_of_coins, seen
from .votes import Votes


def one_coin(of: Votes, *, smoothing: float = 0.1, **options: Unpack[LabelOptions]) -> Consensus:
    """Labels and workers; reliability is P(right), 1/L for whoever answers at random, below it for whoever deceives.

    smoothing: counts, > 0. options: see `consensus.fitted`. With two labels, everybody right and everybody
    wrong explain the votes alike: workers are taken to be right more often than not, on average.
    """
    return fitted(of, partial(_fit, smoothing), "one-coin", settle=_honest, **options)


def _fit(smoothing: float, of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> LabelFit:
    maximise, log_joint = partial(_maximise, of, weight_I, smoothing), partial(_log_joint, of)
    posterior_IL, (prior_L, coin_W2), climbed = climb_smoothed(maximise, log_joint, smoothing, weight_I, start_IL, tolerance)
    return LabelFit(posterior_IL, np.where(seen(of, weight_I), coin_W2[:, 0], np.nan), prior_L, *climbed, {})


def _maximise(of: Votes, weight_I: np.ndarray, smoothing: float, posterior_IL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels' frequencies, and each worker's probabilities of being right and of being wrong, [W, 2]."""
    weight_V, right_V, many = weight_I[of.item_V], posterior_IL[of.item_V, of.label_V], len(of.workers)
    counts = [np.bincount(of.worker_V, weight_V * share_V, minlength=many) for share_V in (right_V, 1 - right_V)]
    coin_W2 = np.stack(counts, axis=1) + smoothing
    prior_L = weight_I @ posterior_IL + smoothing
    return prior_L / prior_L.sum(), coin_W2 / coin_W2.sum(axis=1, keepdims=True)


def _log_joint(of: Votes, prior_L: np.ndarray, coin_W2: np.ndarray) -> np.ndarray:
    return log_joint_of_coins(of, prior_L, *np.log(coin_W2)[of.worker_V].T)


def _honest(fit: LabelFit) -> LabelFit:
    """With two labels, the mirror image of a fit in which workers are mostly wrong; each worker counts once."""
    if fit.posterior_IL.shape[1] != 2 or np.nanmean(fit.accuracy_W) >= 0.5:
        return fit
    return fit._replace(posterior_IL=fit.posterior_IL[:, ::-1], accuracy_W=1 - fit.accuracy_W, prior_L=fit.prior_L[::-1])
