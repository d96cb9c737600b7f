"""Does one leaderboard say what another says? Rank correlation under both tables' own errors, which pairs a leaderboard can tell
apart, and what is lost by picking its top model (separability and agreement: Li et al. 2024, arXiv:2406.11939).

Where scores by prompt are at hand, `rank_correlation.rank_correlation` draws prompts instead of errors. Departures: two models
count as told apart by the interval of their paired difference, not by whether two intervals overlap, which asks too much."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import t_quantile
from .rank_correlation import RankCorrelation, correlations, rank_correlation_of


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
    width where the prompts were shared). Widened to the value, as noise pulls a rank correlation to 0. No interval where no draw
    ranks the models otherwise."""
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
    """scores_MP: one row a model, one column a prompt, NaN where not judged; gold_M: the other leaderboard's value of each model. A
    pair is told apart where the t interval of its paired difference, on the prompts of both, leaves 0 out. Not corrected for the
    number of pairs. No intervals: pairs share models."""
    scores_MP = np.asarray(scores_MP, dtype=float)
    if scores_MP.ndim != 2 or (gold_M is not None and len(gold_M) != len(scores_MP)):
        raise InputError(
            f"scores have shape {scores_MP.shape}; give one row per model and one column per prompt, and one gold value a model"
        )
    first, second = np.triu_indices(len(scores_MP), k=1)
    sign_K = np.array([_told_apart(scores_MP[i] - scores_MP[j]) for i, j in zip(first, second, strict=True)])
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


def _told_apart(difference_P: np.ndarray) -> float:
    """The sign of the mean difference where its t interval leaves out 0; else 0."""
    difference_P = difference_P[np.isfinite(difference_P)]
    if len(difference_P) < 2:
        return 0.0
    mean, error = float(difference_P.mean()), float(difference_P.std(ddof=1) / np.sqrt(len(difference_P)))
    return float(np.sign(mean)) if abs(mean) > t_quantile(0.95, len(difference_P) - 1) * error else 0.0
