"""Dawid & Skene (1979, Applied Statistics 28:20): each worker has a confusion matrix, each item a label, and EM finds both.

Departures: `smoothing` counts are added to every cell, so that a worker never seen to err can still err (a maximum a posteriori
estimate); several starts; and where labels can be renamed without changing the likelihood, the naming under which workers are right
most often on average, each counted once, however many labels it gave.
"""

from __future__ import annotations

from functools import partial
from typing import Unpack

import numpy as np
from scipy.optimize import linear_sum_assignment

from .consensus import Consensus, LabelFit, LabelOptions, climb_smoothed, fitted, seen
from .votes import Votes


def dawid_skene(of: Votes, *, smoothing: float = 0.1, **options: Unpack[LabelOptions]) -> Consensus:
    """Labels and workers; `details["confusion_WLL"][w, z, l]` is P(w says l | z is true), and `details["balanced_W"]` the mean of
    its diagonal: 1/L for whoever answers without looking. reliability: the diagonal weighted by how frequent each label is.

    smoothing: counts, > 0. options: see `consensus.fitted`.
    """
    return fitted(of, partial(_fit, smoothing), "Dawid-Skene", settle=_best_named, **options)


def _fit(smoothing: float, of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> LabelFit:
    maximise, log_joint = partial(_maximise, of, weight_I, smoothing), partial(_log_joint, of)
    posterior_IL, (prior_L, confusion_WLL), climbed = climb_smoothed(maximise, log_joint, smoothing, weight_I, start_IL, tolerance)
    return _described(posterior_IL, prior_L, confusion_WLL, seen(of, weight_I), *climbed)


def _described(
    posterior_IL: np.ndarray,
    prior_L: np.ndarray,
    confusion_WLL: np.ndarray,
    seen_W: np.ndarray,
    history: tuple[float, ...],
    converged: bool,
) -> LabelFit:
    diagonal_WL = np.diagonal(confusion_WLL, axis1=1, axis2=2)
    accuracy_W = np.where(seen_W, diagonal_WL @ prior_L, np.nan)
    details = {"confusion_WLL": confusion_WLL, "balanced_W": diagonal_WL.mean(axis=1), "seen_W": seen_W}
    return LabelFit(posterior_IL, accuracy_W, prior_L, history, converged, details)


def _maximise(of: Votes, weight_I: np.ndarray, smoothing: float, posterior_IL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    many = len(of.labels)
    weighted_IL = posterior_IL * weight_I[:, None]
    cell_V = of.worker_V * many + of.label_V
    counts = [np.bincount(cell_V, weighted_IL[of.item_V, z], minlength=len(of.workers) * many) for z in range(many)]
    confusion_WLL = np.stack([each.reshape(-1, many) for each in counts], axis=1) + smoothing
    prior_L = weighted_IL.sum(axis=0) + smoothing
    return prior_L / prior_L.sum(), confusion_WLL / confusion_WLL.sum(axis=2, keepdims=True)


def _log_joint(of: Votes, prior_L: np.ndarray, confusion_WLL: np.ndarray) -> np.ndarray:
    log_WLL = np.log(confusion_WLL)
    said = [np.bincount(of.item_V, log_WLL[of.worker_V, z, of.label_V], minlength=len(of.items)) for z in range(len(of.labels))]
    return np.log(prior_L) + np.stack(said, axis=1)


def _best_named(fit: LabelFit) -> LabelFit:
    """The same fit with its true labels renamed so that the sum over workers of the mean diagonal is largest."""
    confusion_WLL = fit.details["confusion_WLL"][fit.details["seen_W"]]
    rows, columns = linear_sum_assignment(-confusion_WLL.sum(axis=0))
    order = np.empty(len(rows), dtype=np.intp)
    order[columns] = rows
    if (order == np.arange(len(order))).all():
        return fit
    named_WLL, seen_W = fit.details["confusion_WLL"][:, order], fit.details["seen_W"]
    return _described(fit.posterior_IL[:, order], fit.prior_L[order], named_WLL, seen_W, fit.history, fit.converged)
