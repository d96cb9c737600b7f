"""Do two rankings of the same methods, or two leaderboards, agree? Spearman's rho and Kendall's tau-b, with a bootstrap over
prompts, or under both tables' own errors; which pairs a leaderboard can tell apart, and whether another orders these alike
(separability and agreement: Li et al. 2024, arXiv:2406.11939).

A prompt is drawn for all methods and both rankings at once, because one hard prompt moves them together; drawing verdicts one by
one gives intervals that are too narrow. Departure: two models count as told apart by the interval of their paired difference, not
by whether two intervals overlap, which asks too much."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import bootstrap_estimate, prompt_counts, t_quantile

CELLS = 4_000_000  # numbers held at once by Kendall's tau, so that many methods do not fill the memory


class RankCorrelation(NamedTuple):
    """`n` of both is the number of methods."""

    spearman: Estimate
    kendall: Estimate


def rank_correlation(scores_MP: np.ndarray, gold_MP: np.ndarray, seed: int, resamples: int = 2000) -> RankCorrelation:
    """Correlation of the methods' mean scores with their mean gold values; M methods, P prompts, NaN where nothing was judged.

    Percentile interval, widened to the value where that lies outside: noise pulls a rank correlation towards 0, and resampling adds
    noise, so it can (and where methods differ by less than their standard errors, the interval covers too seldom). It is over
    prompts, not over training seeds. Resamples in which a ranking is constant or a method has no verdict are left out, and counted
    in `extra["undefined_resamples"]`. Undefined where a ranking is constant, for fewer than 2 methods, or one without a verdict."""
    scores_MP, gold_MP = np.asarray(scores_MP, dtype=float), np.asarray(gold_MP, dtype=float)
    if scores_MP.ndim != 2 or scores_MP.shape != gold_MP.shape:
        why = f"scores have shape {scores_MP.shape} and gold {gold_MP.shape}; both are one row a method, one column a prompt"
        raise ValueError(why)
    methods, prompts = scores_MP.shape
    whole = np.ones((1, prompts))
    x_M, y_M = _means(scores_MP, whole)[0], _means(gold_MP, whole)[0]
    if reason := _undefined(x_M, y_M):
        return RankCorrelation(*[Estimate(None, None, None, methods, reason)] * 2)
    counts_RP = prompt_counts(prompts, resamples, rng_for(seed, "rank-correlation"))
    x_RM, y_RM = _means(scores_MP, counts_RP), _means(gold_MP, counts_RP)
    usable_R = np.isfinite(x_RM).all(axis=1) & np.isfinite(y_RM).all(axis=1)
    of = f"of {methods} methods"
    return correlations(x_M, y_M, x_RM[usable_R], y_RM[usable_R], prompts, of, asked=resamples)


def correlations(
    x_M: np.ndarray,
    y_M: np.ndarray,
    x_RM: np.ndarray,
    y_RM: np.ndarray,
    clusters: int,
    of: str,
    unit: str = "prompt",
    asked: int | None = None,
) -> RankCorrelation:
    """Both correlations of two lists, with percentiles of the resamples in which no ranking is constant. asked: how many resamples
    there are in all, where those that are left out are to be counted."""
    found = []
    for name, correlate in (("Spearman's rho", spearman_rows), ("Kendall's tau-b", kendall_rows)):
        value, drawn_R = float(correlate(x_M[None], y_M[None])[0]), correlate(x_RM, y_RM)
        drawn_R = drawn_R[np.isfinite(drawn_R)]
        extra, how = {} if asked is None else {"undefined_resamples": float(asked - len(drawn_R))}, f"{name} {of}"
        options = {"unit": unit, "widened": False, "around": True, "extra": extra}
        found.append(bootstrap_estimate(value, drawn_R, clusters, len(x_M), how, **options))
    return RankCorrelation(*found)


def rank_correlation_of(x_M: Sequence[float] | np.ndarray, y_M: Sequence[float] | np.ndarray) -> RankCorrelation:
    """Correlation of two lists of M numbers of whose noise nothing is known. The interval is over methods, as though they were a
    sample: Fisher's z with variance (1 + rho^2/2)/(M - 3) for rho (Bonett & Wright 2000) and .437/(M - 4) for tau (Fieller, Hartley
    & Pearson 1957). None where M is too small, or at -1 and 1."""
    x_M, y_M = np.asarray(x_M, dtype=float), np.asarray(y_M, dtype=float)
    if x_M.shape != y_M.shape or x_M.ndim != 1:
        raise ValueError(f"the lists have shapes {x_M.shape} and {y_M.shape}; give two equally long lists, matched by method")
    if reason := _undefined(x_M, y_M):
        return RankCorrelation(*[Estimate(None, None, None, len(x_M), reason)] * 2)
    rho, tau = float(spearman_rows(x_M[None], y_M[None])[0]), float(kendall_rows(x_M[None], y_M[None])[0])
    return RankCorrelation(
        _fisher("Spearman's rho, Fisher z (Bonett & Wright)", rho, 1 + rho**2 / 2, 3, len(x_M)),
        _fisher("Kendall's tau-b, Fisher z (Fieller et al.)", tau, 0.437, 4, len(x_M)),
    )


def spearman_rows(x_RM: np.ndarray, y_RM: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row, ties ranked at their mean; shape [R], NaN where a row is constant."""
    from scipy import stats  # a third of a second to import, and needed here alone

    x_RM, y_RM = (stats.rankdata(each, axis=1) - (each.shape[1] + 1) / 2 for each in (x_RM, y_RM))
    scale_R = np.sqrt((x_RM**2).sum(axis=1) * (y_RM**2).sum(axis=1))
    return _ratio((x_RM * y_RM).sum(axis=1), scale_R)


def kendall_rows(x_RM: np.ndarray, y_RM: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of each row, shape [R], NaN where a row is constant: the correlation of the signs of all differences."""
    left, right = np.triu_indices(x_RM.shape[1], k=1)
    step = max(1, CELLS // max(1, len(left)))
    found = []
    for start in range(0, len(x_RM), step):
        x, y = (np.sign(each[start : start + step, left] - each[start : start + step, right]) for each in (x_RM, y_RM))
        found.append(_ratio((x * y).sum(axis=1), np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))))
    return np.concatenate(found) if found else np.empty(0)


def _ratio(top_R: np.ndarray, bottom_R: np.ndarray) -> np.ndarray:
    return np.divide(top_R, bottom_R, out=np.full(len(top_R), np.nan), where=bottom_R > 0)


def _means(values_MP: np.ndarray, counts_RP: np.ndarray) -> np.ndarray:
    """Mean of each method in each resample, shape [R, M], over the prompts it was judged on; NaN where on none. Rounded to 12
    decimals, so that equal means tie whatever order they were added in."""
    judged_MP = np.isfinite(values_MP)
    totals_RM = counts_RP @ np.where(judged_MP, values_MP, 0.0).T
    sizes_RM = counts_RP @ judged_MP.T.astype(float)
    return np.divide(totals_RM, sizes_RM, out=np.full(totals_RM.shape, np.nan), where=sizes_RM > 0).round(12)


def _undefined(x_M: np.ndarray, y_M: np.ndarray) -> str:
    if len(x_M) < 2:
        return f"undefined: {len(x_M)} method, and a ranking needs 2"
    if not (np.isfinite(x_M).all() and np.isfinite(y_M).all()):
        return "undefined: a method has no value"
    constant = [name for name, each in (("first", x_M), ("second", y_M)) if np.ptp(each) == 0]
    return f"undefined: the {constant[0]} ranking is constant" if constant else ""


def _fisher(name: str, value: float, scale: float, lost: int, methods: int) -> Estimate:
    how = f"{name}, over {methods} methods"
    if methods <= lost or abs(value) > 1 - 1e-12:
        why = f"it needs over {lost} methods" if methods <= lost else f"it has none at {value:.0f}"
        return Estimate(value, None, None, methods, f"{how}; no interval: {why}")
    half = float(ndtri(0.975)) * math.sqrt(scale / (methods - lost))
    low, high = math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)
    return Estimate(value, low, high, methods, how)


class Separability(NamedTuple):
    """separable: share of the pairs of models that the first leaderboard tells apart. agreement: share of those that the second
    orders the same way; None without a second."""

    separable: Estimate
    agreement: Estimate | None


def correlation_under_errors(
    x_M: np.ndarray, x_errors_M: np.ndarray, y_M: np.ndarray, y_errors_M: np.ndarray, seed: int = 0, resamples: int = 4000
) -> RankCorrelation:
    """Spearman's rho and Kendall's tau-b of two published tables of M models, matched by place, with standard errors. Percentiles
    of a parametric bootstrap: every value is drawn from a normal around what was published, independently (which overstates the
    width where the prompts were shared). Widened to the value. No interval where no draw ranks the models otherwise."""
    x_M, x_errors_M, y_M, y_errors_M = (np.asarray(each, dtype=float) for each in (x_M, x_errors_M, y_M, y_errors_M))
    if not x_M.shape == x_errors_M.shape == y_M.shape == y_errors_M.shape or x_M.ndim != 1:
        raise InputError(f"the tables have shapes {x_M.shape} and {y_M.shape}; give a value and an error a model, matched by model")
    if not all(np.isfinite(each).all() and (each >= 0).all() for each in (x_errors_M, y_errors_M)):
        raise InputError("a standard error is negative or undefined; leave out models without one")
    plain = rank_correlation_of(x_M, y_M)
    if plain.spearman.value is None:
        return plain
    rng, models = rng_for(seed, "leaderboards"), len(x_M)
    x_RM, y_RM = (m + errors_M * rng.standard_normal((resamples, models)) for m, errors_M in ((x_M, x_errors_M), (y_M, y_errors_M)))
    of = f"of {models} models; parametric, of both tables' errors"
    return correlations(x_M, y_M, x_RM, y_RM, models, of, unit="model")


def separability(scores_MP: np.ndarray, gold_M: np.ndarray | None = None) -> Separability:
    """scores_MP: one row per model, one column per prompt, NaN where not judged; gold_M: the other leaderboard's value of each
    model. A pair is told apart where the t interval of its paired difference, on the prompts of both, leaves 0 out. Not corrected
    for the number of pairs. No intervals: pairs share models."""
    scores_MP = np.asarray(scores_MP, dtype=float)
    if scores_MP.ndim != 2 or (gold_M is not None and len(gold_M) != len(scores_MP)):
        why = f"scores have shape {scores_MP.shape}; give one row per model and one column per prompt, and one gold value a model"
        raise InputError(why)
    first, second = np.triu_indices(len(scores_MP), k=1)
    sign_K = np.zeros(len(first))  # of the mean difference where its t interval leaves out 0, else 0
    for k, (i, j) in enumerate(zip(first, second, strict=True)):
        shared_P = scores_MP[i] - scores_MP[j]
        shared_P = shared_P[np.isfinite(shared_P)]
        if len(shared_P) > 1:
            mean, error = shared_P.mean(), shared_P.std(ddof=1) / np.sqrt(len(shared_P))
            sign_K[k] = np.sign(mean) if abs(mean) > t_quantile(0.95, len(shared_P) - 1) * error else 0.0
    if not len(first):
        return Separability(Estimate(None, None, None, 0, f"undefined: {len(scores_MP)} model, and a pair needs 2"), None)
    apart_K = sign_K != 0
    how = f"share of {len(first)} pairs whose paired difference leaves out 0 at 95%; no interval"
    separable = Estimate(float(apart_K.mean()), None, None, len(first), how)
    if gold_M is None:
        return Separability(separable, None)
    gold_M = np.asarray(gold_M, dtype=float)
    same_K = sign_K == np.sign(gold_M[first] - gold_M[second])
    if not apart_K.any():
        return Separability(separable, Estimate(None, None, None, 0, "undefined: no pair can be told apart"))
    how = f"share of the {apart_K.sum()} separable pairs that gold orders alike (a tie of gold does not); no interval"
    return Separability(separable, Estimate(float(same_K[apart_K].mean()), None, None, int(apart_K.sum()), how))
