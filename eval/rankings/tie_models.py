"""Bradley-Terry with a parameter for ties: Rao & Kupper (1967, JASA 62:194) and Davidson (1970, JASA 65:317), by maximum
likelihood.

With d = s_i - s_j in nats,

    Rao-Kupper:  P(i wins) = sigmoid(d - h), P(j wins) = sigmoid(-d - h), a tie is the rest; h = log(theta) >= 0;
    Davidson:    P(i wins) : P(j wins) : P(tie) = exp(d / 2) : exp(-d / 2) : nu.

Both see more in a tie than half a win to each, and they rank differently where ties are many: report a ranking under two.
Departures: whether the maximum exists is decided before it is sought (a linear program finds a direction along which the likelihood
never falls), and where it does not there is a reason instead of a large number."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, log_expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import prompt_counts
from .battles import Battles, resampled_outcomes
from .bradley_terry import bradley_terry, no_ratings, strength_estimates
from .bradley_terry import undefined as undefined_without_ties
from .newton import maximise


class TieModel(StrEnum):
    """The model of ties."""

    RAO_KUPPER = "rao-kupper"
    DAVIDSON = "davidson"


class TieFit(NamedTuple):
    """strengths_M in nats, mean 0. tie: theta >= 1 of Rao-Kupper (1 where nothing tied), nu >= 0 of Davidson (0 where nothing
    tied). Both are None where undefined, and `reason` says why."""

    strengths_M: np.ndarray | None
    tie: float | None
    reason: str = ""


def fit_with_ties(wins_MM: np.ndarray, ties_MM: np.ndarray, model: TieModel, names: tuple[str, ...] = ()) -> TieFit:
    """wins_MM[i, j]: clear wins of i over j. ties_MM: symmetric; [i, j] counts each tie of i and j once. Fractions will do."""
    wins_MM, ties_MM = np.asarray(wins_MM, dtype=float), np.asarray(ties_MM, dtype=float)
    if wins_MM.shape != ties_MM.shape or not np.array_equal(ties_MM, ties_MM.T):
        raise InputError(f"wins have shape {wins_MM.shape} and ties {ties_MM.shape}; give two M x M matrices, the ties symmetric")
    if not (ties_MM >= 0).all() or np.diagonal(ties_MM).any():
        why = "the ties hold a negative or undefined count, or a model's with itself; counts are 0 or more off the diagonal"
        raise InputError(why)
    if not ties_MM.any():
        fit = bradley_terry(wins_MM, names=names)
        return TieFit(fit.strengths_M, None if fit.strengths_M is None else float(model is TieModel.RAO_KUPPER), fit.reason)
    if reason := _undefined(wins_MM, ties_MM, model, names):
        return TieFit(None, None, reason)
    first, second = np.nonzero(np.triu(wins_MM + wins_MM.T + ties_MM))
    counts_K3 = np.stack([wins_MM[first, second], wins_MM[second, first], ties_MM[first, second]], axis=1)
    contrast_KM = np.zeros((len(first), len(wins_MM)))
    contrast_KM[np.arange(len(first)), first], contrast_KM[np.arange(len(first)), second] = 1, -1
    likelihood = _rao_kupper if model is TieModel.RAO_KUPPER else _davidson
    start = np.append(np.zeros(len(wins_MM)), 0.5)
    found = maximise(lambda x: likelihood(x, contrast_KM, counts_K3), start, float(counts_K3.sum()))
    assert found is not None, "Newton's method did not converge on a likelihood that has a maximum"
    return TieFit(found[:-1] - found[:-1].mean(), float(np.exp(found[-1])))


def ratings_with_ties(
    of: Battles, model: TieModel, seed: int = 0, resamples: int = 200
) -> tuple[dict[str, Estimate], float | None]:
    """(each model's strength, as `bradley_terry.bradley_terry_ratings`; the tie parameter). Verdicts are 0, 0.5 or 1."""
    wins_RMM, ties_RMM = resampled_outcomes(of, np.ones((1, of.prompts)))
    fit = fit_with_ties(wins_RMM[0], ties_RMM[0], model, of.models) if len(of) else TieFit(None, None, "undefined: no verdicts")
    if fit.strengths_M is None:
        return no_ratings(of, fit.reason), None
    drawn = resampled_outcomes(of, prompt_counts(of.prompts, resamples, rng_for(seed, "tie-model")))
    fits = [fit_with_ties(wins_MM, ties_MM, model) for wins_MM, ties_MM in zip(*drawn, strict=True)]
    nothing_M = np.full(len(of.models), np.nan)
    drawn_RM = np.array([nothing_M if each.strengths_M is None else each.strengths_M for each in fits]).reshape(-1, len(of.models))
    how = f"Bradley-Terry with ties after {'Rao and Kupper' if model is TieModel.RAO_KUPPER else 'Davidson'}"
    return strength_estimates(of, fit.strengths_M, drawn_RM, how), fit.tie


def tie_probability(tie: float, model: TieModel) -> float:
    """How often two equally strong models tie: (theta - 1)/(theta + 1), or nu/(2 + nu)."""
    return (tie - 1) / (tie + 1) if model is TieModel.RAO_KUPPER else tie / (2 + tie)


def _rao_kupper(x: np.ndarray, contrast_KM: np.ndarray, counts_K3: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """A tie is (theta^2 - 1) P(i wins) P(j wins), so the likelihood is that of (wins + ties) either way, and of theta."""
    if x[-1] <= 0:
        return -np.inf, x, x
    d_K, ties = contrast_KM @ x[:-1], counts_K3[:, 2].sum()
    ways = ((1.0, counts_K3[:, 0] + counts_K3[:, 2]), (-1.0, counts_K3[:, 1] + counts_K3[:, 2]))
    value = ties * np.log(np.expm1(2 * x[-1]))
    slope, curvature = np.zeros(len(x)), np.zeros((len(x), len(x)))
    slope[-1], curvature[-1, -1] = -2 * ties / np.expm1(-2 * x[-1]), ties / np.sinh(x[-1]) ** 2
    for sign, count_K in ways:
        design_KD = np.column_stack([sign * contrast_KM, -np.ones(len(d_K))])
        p_K = expit(sign * d_K - x[-1])
        value += count_K @ log_expit(sign * d_K - x[-1])
        slope += design_KD.T @ (count_K * (1 - p_K))
        curvature += design_KD.T @ (design_KD * (count_K * p_K * (1 - p_K))[:, None])
    return float(value), slope, curvature


def _davidson(x: np.ndarray, contrast_KM: np.ndarray, counts_K3: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """A multinomial logit with scores d/2, -d/2 and log(nu)."""
    design_K3D = np.zeros((*counts_K3.shape, len(x)))
    design_K3D[:, 0, :-1], design_K3D[:, 1, :-1], design_K3D[:, 2, -1] = contrast_KM / 2, -contrast_KM / 2, 1
    scores_K3 = design_K3D @ x
    log_p_K3 = scores_K3 - np.logaddexp.reduce(scores_K3, axis=1, keepdims=True)
    expected_K3 = counts_K3.sum(axis=1, keepdims=True) * np.exp(log_p_K3)
    mean_KD = np.einsum("ko,kod->kd", np.exp(log_p_K3), design_K3D)
    centred_K3D = design_K3D - mean_KD[:, None, :]
    curvature = np.einsum("ko,kod,koe->de", expected_K3, centred_K3D, centred_K3D, optimize=True)
    return float((counts_K3 * log_p_K3).sum()), np.einsum("ko,kod->d", counts_K3 - expected_K3, design_K3D), curvature


def _undefined(wins_MM: np.ndarray, ties_MM: np.ndarray, model: TieModel, names: tuple[str, ...]) -> str:
    met_MM = wins_MM + wins_MM.T + ties_MM
    if len(wins_MM) < 2 or connected_components(met_MM > 0, directed=False, return_labels=False) > 1:
        return undefined_without_ties(met_MM, names)
    if not wins_MM.any():
        return "undefined: all verdicts are ties, so the tie parameter is infinite"
    rows = _never_falling(wins_MM, ties_MM, model)
    answer = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    if answer.status != 0 or -answer.fun > 1e-9:
        why = "undefined: the verdicts are separable (by wins and ties that go one way only), so a strength is infinite"
        return f"{why}; use half-win Bradley-Terry with a prior"
    return ""


def _never_falling(wins_MM: np.ndarray, ties_MM: np.ndarray, model: TieModel) -> np.ndarray:
    """Rows whose product with a direction (s, tie) is 0 or more for all exactly if the likelihood never falls along it."""
    many = len(wins_MM)
    directions = []
    for i, j in zip(*np.nonzero(np.triu(wins_MM + wins_MM.T + ties_MM)), strict=True):
        d, tie = np.zeros(many + 1), np.eye(many + 1)[-1]
        d[i], d[j] = 1, -1
        for sign, wins in ((1, wins_MM[i, j]), (-1, wins_MM[j, i])):
            if wins:
                directions += [sign * d - tie] if model is TieModel.RAO_KUPPER else [sign * d, sign * d / 2 - tie]
        if ties_MM[i, j]:
            scale = 1 if model is TieModel.RAO_KUPPER else 0.5
            directions += [tie - scale * d, tie + scale * d]
    return np.array(directions)
