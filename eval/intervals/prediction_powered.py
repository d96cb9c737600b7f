"""A win rate from few human and many judge labels: the judge's mean, corrected by how it errs where humans looked too (PPI,
Angelopoulos et al. 2023, arXiv:2301.09633; PPI++, Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453).

    theta = lam * mean(judge, many) + mean(human - lam * judge, few)

However wrong the judge, this is centred on the humans' mean; a useless judge gets lam near 0 and costs nothing. Departures:
variances are divided by n - 1, and the interval is Student's t with Satterthwaite's degrees of freedom."""

import math

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from .interval import NO_SPREAD, Spread, t_estimate


def prediction_powered_mean(
    human_N: np.ndarray, judge_N: np.ndarray, judge_only_K: np.ndarray, lam: float | None = None, level: float = 0.95
) -> Estimate:
    """The humans' mean over all prompts. human_N, judge_N: both labels of the same N prompts; judge_only_K: the judge's on K
    others. One number a prompt: average several labels of one first. The N are a random sample of all, else nothing corrects the
    judge. lam: in [0, 1]; 1 is PPI, 0 the humans alone, None the best (PPI++). `extra` holds lam and `human_labels_worth`: how many
    human labels alone would give this standard error. Undefined for fewer than 2 human labels. Raises InputError for NaN."""
    human_N, judge_N, judge_only_K = (np.asarray(each, dtype=float) for each in (human_N, judge_N, judge_only_K))
    if human_N.shape != judge_N.shape or human_N.ndim != 1 or judge_only_K.ndim != 1:
        why = f"there are {human_N.shape} human and {judge_N.shape} judge labels of the same prompts; give one of each a prompt"
        raise InputError(why)
    if not all(np.isfinite(each).all() for each in (human_N, judge_N, judge_only_K)):
        raise InputError("a label is undefined; leave out prompts without a verdict (from human_N and judge_N together)")
    if lam is not None and not 0 <= lam <= 1:
        raise InputError(f"lam is {lam}; it is in [0, 1], or None for the best")
    few, many = len(human_N), len(judge_only_K)
    if few < 2:
        return Estimate(None, None, None, few, f"undefined: {few} human labels, and the correction needs 2", level=level)
    if many < 2 or np.ptp(np.concatenate([judge_N, judge_only_K])) == 0:
        lam = 0.0  # the judge says nothing
    weight = lam
    if weight is None:  # of least variance, Cov(human, judge)/((1 + N/K) Var(judge)), kept in [0, 1]
        covariance = float(((human_N - human_N.mean()) * (judge_N - judge_N.mean())).mean())
        scale = (1 + few / many) * float(np.concatenate([judge_N, judge_only_K]).var(ddof=1))
        weight = min(max(covariance / scale, 0.0), 1.0)
    rest_N = human_N - weight * judge_N
    value = float(rest_N.mean() + (weight * judge_only_K.mean() if many else 0.0))
    of_many = weight**2 * float(judge_only_K.var(ddof=1)) / many if weight else 0.0
    of_few = float(rest_N.var(ddof=1)) / few
    how = f"prediction-powered mean, lam {weight:.3g}, of {few} human and {many} judge labels"
    extra = {"lam": weight, "judge_labels": float(many)}
    variance = of_few + of_many
    if variance <= 1e-24:
        return t_estimate(value, NO_SPREAD, few, f"{how}; no spread to measure", level=level, extra=extra)
    extra["human_labels_worth"] = float(human_N.var(ddof=1)) / variance
    df = variance**2 / (of_few**2 / (few - 1) + (of_many**2 / (many - 1) if of_many else 0.0))
    return t_estimate(value, Spread(math.sqrt(variance), df), few, how, level=level, extra=extra)
