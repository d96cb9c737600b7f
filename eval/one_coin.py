"""The one-coin model: each worker is right with one probability and errs evenly (Zhang et al. 2016, JMLR 17:102).

Dawid-Skene with a number a worker instead of a matrix: better where workers gave few labels, blind to whoever prefers a label.
Departures: `smoothing` counts of right and of wrong a worker (a maximum a posteriori estimate), and several starts.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..core.errors import InputError
from .consensus import Consensus, Fit, climb, fitted, posterior
from .votes import Votes


def one_coin(
    of: Votes,
    *,
    smoothing: float = 0.1,
    restarts: int = 8,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
    start_IL: np.ndarray | None = None,
) -> Consensus:
    """Labels and workers; reliability is P(right), 1/L for whoever answers at random, below it for whoever deceives.

    smoothing: counts, > 0. restarts, resamples, start_IL: see `consensus.fitted`. With two labels, everybody right and everybody
    wrong explain the votes alike: workers are taken to be right more often than not, on average.
    """
    if not smoothing > 0:
        raise InputError(f"smoothing is {smoothing}; it is a number of counts above 0, such as 0.1")
    return fitted(
        of,
        partial(_fit, smoothing),
        "one-coin",
        restarts=restarts,
        resamples=resamples,
        seed=seed,
        level=level,
        start_IL=start_IL,
        settle=_honest,
    )


def _fit(smoothing: float, of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> Fit:
    def step(posterior_IL: np.ndarray) -> tuple[np.ndarray, float]:
        prior_L, right_W = _maximise(of, weight_I, posterior_IL, smoothing)
        following_IL, likelihood = posterior(_log_joint(of, prior_L, right_W), weight_I)
        beliefs = np.log(prior_L).sum() + np.log(right_W).sum() + np.log1p(-right_W).sum()
        return following_IL, likelihood + smoothing * float(beliefs)

    posterior_IL, history, converged = climb(step, start_IL, tolerance)
    prior_L, right_W = _maximise(of, weight_I, posterior_IL, smoothing)
    posterior_IL, _ = posterior(_log_joint(of, prior_L, right_W), weight_I)
    seen_W = np.bincount(of.worker_V, weight_I[of.item_V], minlength=len(of.workers)) > 0
    return Fit(posterior_IL, np.where(seen_W, right_W, np.nan), prior_L, tuple(history), converged, {})


def _maximise(of: Votes, weight_I: np.ndarray, posterior_IL: np.ndarray, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    weight_V, many = weight_I[of.item_V], len(of.workers)
    right_W = np.bincount(of.worker_V, weight_V * posterior_IL[of.item_V, of.label_V], minlength=many) + smoothing
    prior_L = weight_I @ posterior_IL + smoothing
    return prior_L / prior_L.sum(), right_W / (np.bincount(of.worker_V, weight_V, minlength=many) + 2 * smoothing)


def _log_joint(of: Votes, prior_L: np.ndarray, right_W: np.ndarray) -> np.ndarray:
    """A vote for a label adds log(right) to it and log(wrong / (L - 1)) to the others."""
    wrong_V = (np.log1p(-right_W) - np.log(len(of.labels) - 1))[of.worker_V]
    gain_V = np.log(right_W)[of.worker_V] - wrong_V
    cell_V = of.item_V * len(of.labels) + of.label_V
    gains_IL = np.bincount(cell_V, gain_V, minlength=len(of.items) * len(of.labels)).reshape(len(of.items), len(of.labels))
    return np.log(prior_L) + gains_IL + np.bincount(of.item_V, wrong_V, minlength=len(of.items))[:, None]


def _honest(fit: Fit) -> Fit:
    """With two labels, the mirror image of a fit in which workers are mostly wrong; each worker counts once."""
    if fit.posterior_IL.shape[1] != 2 or np.nanmean(fit.accuracy_W) >= 0.5:
        return fit
    return fit._replace(posterior_IL=fit.posterior_IL[:, ::-1], accuracy_W=1 - fit.accuracy_W, prior_L=fit.prior_L[::-1])
