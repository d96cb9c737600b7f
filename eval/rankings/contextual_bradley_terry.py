"""Bradley-Terry with the style of the two answers in the logit, so that a model's strength is what is left when style is equal (the
style control of Chatbot Arena; Li et al. 2024, and FastChat's rating_systems.py).

    P(left wins) = sigmoid(s_left - s_right + w . z),   z = standardised (f_left - f_right) / (f_left + f_right + 1)

for counts f: tokens, headers, list items, bold spans. Departures: strengths are in nats; the penalty is on request (FastChat adds
0.25 * |parameters|^2 always, in units where a nat of strength is 1/ln 10); z is scaled and not centred, so that swapping the two
sides mirrors the verdict; the bootstrap is over prompts."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import bootstrap_estimate, prompt_counts
from .battles import Battles
from .bradley_terry import no_ratings, strength_estimates, undefined
from .newton import maximise

SEPARATED = 15.0  # nats: a battle this certain (1 in 3 million) is separated by the parameters, whose maximum is then infinite


class StyleFit(NamedTuple):
    """strengths_M in nats, mean 0; weights_F in nats a standard deviation of each feature. None where undefined: `reason`."""

    strengths_M: np.ndarray | None
    weights_F: np.ndarray | None
    reason: str = ""


class StyleRatings(NamedTuple):
    """strengths: by model, best first, at equal style. weights_F: nats a standard deviation of each feature, in the order given."""

    strengths: dict[str, Estimate]
    weights_F: tuple[Estimate, ...]


def style_features(left_NF: np.ndarray, right_NF: np.ndarray) -> np.ndarray:
    """(l - r)/(l + r + 1) for counts l, r >= 0, each column divided by its root mean square; a column that never differs is 0."""
    left_NF, right_NF = np.asarray(left_NF, dtype=float), np.asarray(right_NF, dtype=float)
    if left_NF.shape != right_NF.shape or left_NF.ndim != 2:
        raise InputError(f"the features have shapes {left_NF.shape} and {right_NF.shape}; give one row a battle for either side")
    if not (np.isfinite(left_NF).all() and np.isfinite(right_NF).all() and (left_NF >= 0).all() and (right_NF >= 0).all()):
        raise InputError("a style feature is negative or undefined; features are counts, 0 or more")
    z_NF = (left_NF - right_NF) / (left_NF + right_NF + 1)
    scale_F = np.sqrt((z_NF**2).mean(axis=0)) if len(z_NF) else np.ones(z_NF.shape[1])
    return z_NF / np.where(scale_F > 0, scale_F, 1.0)


def fit_with_style(of: Battles, z_NF: np.ndarray, penalty: float = 0.0, weights_N: np.ndarray | None = None) -> StyleFit:
    """Maximum likelihood, less penalty/2 * |(strengths, weights)|^2. weights_N: how often each battle counts, once unless given."""
    z_NF = np.asarray(z_NF, dtype=float)
    if len(z_NF) != len(of) or not np.isfinite(z_NF).all() or not penalty >= 0:
        why = f"there are {len(z_NF)} rows of features for {len(of)} battles, and the penalty is {penalty}"
        raise InputError(f"{why}; give one finite row a battle, and a penalty of 0 or more")
    weights_N = np.ones(len(of)) if weights_N is None else np.asarray(weights_N, dtype=float)
    design_ND = np.zeros((len(of), len(of.models)))
    design_ND[np.arange(len(of)), of.left_N] += 1
    design_ND[np.arange(len(of)), of.right_N] -= 1
    met_MM = np.abs(design_ND * weights_N[:, None]).T @ np.abs(design_ND) * (1 - np.eye(len(of.models)))
    if not penalty and (reason := undefined(met_MM, of.models)):  # every battle counted both ways: is the graph whole?
        return StyleFit(None, None, reason)
    design_ND = np.column_stack([design_ND, z_NF])
    if not penalty and np.linalg.matrix_rank(design_ND[weights_N > 0]) < design_ND.shape[1] - 1:
        return StyleFit(None, None, "undefined: a style feature is constant, or a sum of others and of who fought; leave it out")

    def likelihood(x_D: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        logit_N = design_ND @ x_D
        p_N = expit(logit_N)
        value = weights_N @ (of.p_left_N * log_expit(logit_N) + (1 - of.p_left_N) * log_expit(-logit_N)) - penalty / 2 * x_D @ x_D
        slope_D = design_ND.T @ (weights_N * (of.p_left_N - p_N)) - penalty * x_D
        curvature_DD = design_ND.T @ (design_ND * (weights_N * p_N * (1 - p_N))[:, None]) + penalty * np.eye(len(x_D))
        return float(value), slope_D, curvature_DD

    found = maximise(likelihood, np.zeros(design_ND.shape[1]), max(float(weights_N.sum()), 1.0))
    if found is None or (not penalty and np.abs(design_ND[weights_N > 0] @ found).max() > SEPARATED):
        why = "undefined: strengths and style separate the verdicts, so a parameter is infinite; give a penalty"
        return StyleFit(None, None, why)
    many = len(of.models)
    return StyleFit(found[:many] - found[:many].mean(), found[many:])


def ratings_with_style(of: Battles, z_NF: np.ndarray, seed: int = 0, resamples: int = 200, *, penalty: float = 0.0) -> StyleRatings:
    """Strengths at equal style and the weights of style, with a bootstrap over prompts as `bradley_terry_ratings`."""
    fit = fit_with_style(of, z_NF, penalty) if len(of) else StyleFit(None, None, "undefined: no verdicts")
    features = np.asarray(z_NF).shape[1]
    if fit.strengths_M is None or fit.weights_F is None:
        ratings = no_ratings(of, fit.reason)
        return StyleRatings(ratings, (Estimate(None, None, None, len(of), fit.reason, of.abstentions),) * features)
    counts_RP = prompt_counts(of.prompts, resamples, rng_for(seed, "style-control"))
    many, drawn_RD = len(of.models), np.full((resamples, len(of.models) + features), np.nan)
    for drawn_D, counts_P in zip(drawn_RD, counts_RP, strict=True):
        again = fit_with_style(of, z_NF, penalty, counts_P[of.prompts_N])
        if again.strengths_M is not None and again.weights_F is not None:
            drawn_D[:many], drawn_D[many:] = again.strengths_M, again.weights_F
    how = f"Bradley-Terry with {features} style features"
    weights = [
        bootstrap_estimate(float(weight), drawn_R, of.prompts, len(of), how, abstentions=of.abstentions)
        for weight, drawn_R in zip(fit.weights_F, drawn_RD.T[many:], strict=True)
    ]
    return StyleRatings(strength_estimates(of, fit.strengths_M, drawn_RD[:, :many], how), tuple(weights))
