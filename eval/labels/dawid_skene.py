"""Dawid & Skene (1979, Applied Statistics 28:20): each worker has a confusion matrix and each item has a label, and EM finds both.
The one-coin model (Zhang et al. 2016, JMLR 17:102) has one probability per worker in place of the matrix, and even errors: better
where workers gave few labels, blind to a liking for one label.

Departures: `smoothing` counts are added to every cell, so that a worker never seen to err can still err (a maximum a posteriori
estimate); several starts; and where labels can be renamed without changing the likelihood, the naming under which workers are right
most often on average, each counted once, however many labels it gave."""

from functools import partial
from typing import Unpack

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...core.errors import InputError
from .consensus import Consensus, LabelFit, LabelOptions, climb_em, fitted, log_joint_of_coins, seen
from .votes import Votes


def dawid_skene(of: Votes, *, smoothing: float = 0.1, **options: Unpack[LabelOptions]) -> Consensus:
    """Labels and workers; `details["confusion_WLL"][w, z, l]` is P(w says l | z is true), and `details["balanced_W"]` the mean of
    its diagonal: 1/L for a worker that answers without looking. reliability: the diagonal weighted by how frequent each label is.
    smoothing: counts, > 0. options: see `consensus.fitted`."""
    return fitted(of, partial(_fit_matrices, _checked(smoothing)), "Dawid-Skene", _best_named, **options)


def one_coin(of: Votes, *, smoothing: float = 0.1, **options: Unpack[LabelOptions]) -> Consensus:
    """Labels and workers; reliability is P(right), 1/L for a worker that answers at random, below it for one that deceives.
    smoothing: counts, > 0. options: see `consensus.fitted`. With two labels, everybody right and everybody wrong explain the votes
    alike: workers are taken to be right more often than not, on average."""
    return fitted(of, partial(_fit_coins, _checked(smoothing)), "one-coin", _honest, **options)


def _checked(smoothing: float) -> float:
    if not smoothing > 0:
        raise InputError(f"smoothing is {smoothing}; it is a number of counts above 0, such as 0.1")
    return smoothing


def _fit_matrices(smoothing: float, of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> LabelFit:
    many = len(of.labels)

    def maximise(posterior_IL: np.ndarray, *_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weighted_IL, cell_V = posterior_IL * weight_I[:, None], of.worker_V * many + of.label_V
        counts = [np.bincount(cell_V, weighted_IL[of.item_V, z], minlength=len(of.workers) * many) for z in range(many)]
        counts_WLL = np.stack([each.reshape(-1, many) for each in counts], axis=1)
        return _shares(weighted_IL.sum(axis=0) + smoothing), _shares(counts_WLL + smoothing)

    def log_joint(prior_L: np.ndarray, confusion_WLL: np.ndarray) -> np.ndarray:
        log_WLL = np.log(confusion_WLL)
        said = [np.bincount(of.item_V, log_WLL[of.worker_V, z, of.label_V], minlength=len(of.items)) for z in range(many)]
        return np.log(prior_L) + np.stack(said, axis=1)

    beliefs = partial(_log_prior, smoothing)
    posterior_IL, (prior_L, confusion_WLL), climbed = climb_em(maximise, log_joint, beliefs, weight_I, (start_IL,), tolerance)
    details = {"confusion_WLL": confusion_WLL, "seen_W": seen(of, weight_I)}
    return _described(LabelFit(posterior_IL, np.empty(0), prior_L, *climbed, details))


def _fit_coins(smoothing: float, of: Votes, weight_I: np.ndarray, start_IL: np.ndarray, tolerance: float) -> LabelFit:
    def maximise(posterior_IL: np.ndarray, *_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The labels' frequencies, and each worker's probabilities of being right and of being wrong, [W, 2]."""
        weight_V, right_V, many = weight_I[of.item_V], posterior_IL[of.item_V, of.label_V], len(of.workers)
        counts = [np.bincount(of.worker_V, weight_V * share_V, minlength=many) for share_V in (right_V, 1 - right_V)]
        return _shares(weight_I @ posterior_IL + smoothing), _shares(np.stack(counts, axis=1) + smoothing)

    def log_joint(prior_L: np.ndarray, coin_W2: np.ndarray) -> np.ndarray:
        return log_joint_of_coins(of, prior_L, *np.log(coin_W2)[of.worker_V].T)

    beliefs = partial(_log_prior, smoothing)
    posterior_IL, (prior_L, coin_W2), climbed = climb_em(maximise, log_joint, beliefs, weight_I, (start_IL,), tolerance)
    return LabelFit(posterior_IL, np.where(seen(of, weight_I), coin_W2[:, 0], np.nan), prior_L, *climbed, {})


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(axis=-1, keepdims=True)


def _log_prior(smoothing: float, *parameters: np.ndarray) -> float:
    """Of probabilities that a Dirichlet prior gives `smoothing` counts each."""
    return smoothing * sum(float(np.log(each).sum()) for each in parameters)


def _described(fit: LabelFit) -> LabelFit:
    """The same fit with what its confusion matrices say of the workers."""
    diagonal_WL = np.diagonal(fit.details["confusion_WLL"], axis1=1, axis2=2)
    accuracy_W = np.where(fit.details["seen_W"], diagonal_WL @ fit.prior_L, np.nan)
    return fit._replace(accuracy_W=accuracy_W, details={**fit.details, "balanced_W": diagonal_WL.mean(axis=1)})


def _best_named(fit: LabelFit) -> LabelFit:
    """The same fit with its true labels renamed so that the sum over workers of the mean diagonal is largest."""
    confusion_WLL, seen_W = fit.details["confusion_WLL"], fit.details["seen_W"]
    rows, columns = linear_sum_assignment(-confusion_WLL[seen_W].sum(axis=0))
    order = rows[np.argsort(columns)]
    details = {"confusion_WLL": confusion_WLL[:, order], "seen_W": seen_W}
    return _described(fit._replace(posterior_IL=fit.posterior_IL[:, order], prior_L=fit.prior_L[order], details=details))


def _honest(fit: LabelFit) -> LabelFit:
    """With two labels, the mirror image of a fit in which workers are mostly wrong; each worker counts once."""
    if fit.posterior_IL.shape[1] != 2 or np.nanmean(fit.accuracy_W) >= 0.5:
        return fit
    return fit._replace(posterior_IL=fit.posterior_IL[:, ::-1], accuracy_W=1 - fit.accuracy_W, prior_L=fit.prior_L[::-1])
