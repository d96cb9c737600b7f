"""Which groups are served, and which are left out: win rates by persona or group, and what the mean hides (worst group, 10th
percentile, Gini); and does a policy told who it speaks to please that persona, and not just everyone (steerable pluralism)?

scores_GP: one row per persona (or group), one column per prompt, in [0, 1], NaN where not judged; 0.5 is no better than the rival.
The minimum of noisy rates is below the true minimum, and their Gini above; the bootstrap shows noise, not that bias. Coverage is
Overton's (Sorensen et al. 2024, arXiv:2402.05070; Feng et al. 2024, arXiv:2406.15951; Castricato et al. 2024, arXiv:2407.17387)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.clusters import mean_over_seeds
from ..intervals.interval import bootstrap_estimate, prompt_counts
from ..win_rates.win_rate import win_rate_from_scores


class Pluralism(NamedTuple):
    """groups: each persona's or group's win rate. worst_group: the name of the lowest."""

    groups: dict[str, Estimate]
    mean: Estimate
    worst: Estimate
    p10: Estimate
    gini: Estimate
    worst_group: str | None


def pluralism(
    scores_GP: np.ndarray, groups: Sequence[str], weights_G: np.ndarray | None = None, seed: int = 0, resamples: int = 2000
) -> Pluralism:
    """weights_G: how many people each row stands for, for mean, p10 and Gini; all alike unless given. Rates have intervals
    clustered by prompt; the summaries have percentiles of a bootstrap over prompts (one draw for all groups). A group without a
    verdict has no rate, and the summaries are over the others and say so."""
    scores_GP = np.asarray(scores_GP, dtype=float)
    weights_G = np.ones(len(groups)) if weights_G is None else np.asarray(weights_G, dtype=float)
    if scores_GP.ndim != 2 or len(scores_GP) != len(groups) or weights_G.shape != (len(groups),) or not (weights_G > 0).all():
        what = f"scores have shape {scores_GP.shape} for {len(groups)} groups"
        raise InputError(f"{what}; give one row and one positive weight a group")
    judged_GP = np.isfinite(scores_GP)
    by_group = {
        name: win_rate_from_scores(row_P[judged_P], np.flatnonzero(judged_P), int((~judged_P).sum()))
        for name, row_P, judged_P in zip(groups, scores_GP, judged_GP, strict=True)
    }
    rated_G = judged_GP.any(axis=1)
    if not rated_G.any():
        nothing = Estimate(None, None, None, 0, "undefined: no group has a verdict", int((~judged_GP).sum()))
        return Pluralism(by_group, nothing, nothing, nothing, nothing, None)
    silent = int((~rated_G).sum())
    how = f"of {int(rated_G.sum())} groups" + f" ({silent} without a verdict left out)" * (silent > 0)
    kept_GP, weights_G, prompts = scores_GP[rated_G], weights_G[rated_G], scores_GP.shape[1]
    rates_G = _rates(kept_GP, np.ones((1, prompts)))[0]
    drawn_RG = _rates(kept_GP, prompt_counts(prompts, resamples, rng_for(seed, "pluralism")))
    drawn_RG = drawn_RG[np.isfinite(drawn_RG).all(axis=1)]

    def summary(name: str, of: Callable[[np.ndarray, np.ndarray], float]) -> Estimate:
        value, drawn_R = of(rates_G, weights_G), np.array([of(drawn_G, weights_G) for drawn_G in drawn_RG])
        if np.isnan(value):
            return Estimate(None, None, None, len(rates_G), f"undefined: {name} {how}, all rates are 0")
        return bootstrap_estimate(value, drawn_R[np.isfinite(drawn_R)], prompts, len(rates_G), f"{name} {how}", around=True)

    rules = {"mean": weighted_mean, "worst": worst, "p10": tenth_percentile, "gini": gini}
    mean, lowest, p10, uneven = (summary(name, of) for name, of in rules.items())
    first = str(groups[int(np.flatnonzero(rated_G)[rates_G.argmin()])])
    return Pluralism(by_group, mean, lowest, p10, uneven, first)


def weighted_mean(rates_G: np.ndarray, weights_G: np.ndarray) -> float:
    """The mean of the rates of groups [G], by their weights [G]."""
    return float(rates_G @ weights_G / weights_G.sum())


def worst(rates_G: np.ndarray, weights_G: np.ndarray) -> float:
    """The lowest rate, however small the group."""
    return float(rates_G.min())


def tenth_percentile(rates_G: np.ndarray, weights_G: np.ndarray) -> float:
    """The rate that a tenth of the people are at or below: the lowest rate at which the weights up to it reach a tenth."""
    order = np.argsort(rates_G, kind="stable")
    reached = np.cumsum(weights_G[order]) >= 0.1 * weights_G.sum() - 1e-12
    return float(rates_G[order][reached][0])


def gini(rates_G: np.ndarray, weights_G: np.ndarray | None = None) -> float:
    """Mean absolute difference of two people's rates over twice the mean, in [0, 1): 0 if all are served alike, NaN at 0."""
    weights_G = np.ones(len(rates_G)) if weights_G is None else weights_G
    share_G = weights_G / weights_G.sum()
    mean = float(share_G @ rates_G)
    return float(share_G @ np.abs(rates_G[:, None] - rates_G) @ share_G / (2 * mean)) if mean > 0 else float("nan")


def _rates(scores_GP: np.ndarray, counts_RP: np.ndarray) -> np.ndarray:
    judged_GP = np.isfinite(scores_GP)
    sizes_RG = counts_RP @ judged_GP.T.astype(float)
    sums_RG = counts_RP @ np.where(judged_GP, scores_GP, 0.0).T
    return np.divide(sums_RG, sizes_RG, out=np.full(sizes_RG.shape, np.nan), where=sizes_RG > 0)


class Steerability(NamedTuple):
    """matrix_GG: mean scores, row the persona spoken to, column the judge; NaN where not judged. diagonal, off_diagonal: their
    means. steerability: diagonal less off-diagonal, in [-1, 1], 0 for a policy that ignores the persona."""

    matrix_GG: np.ndarray
    diagonal: Estimate
    off_diagonal: Estimate
    steerability: Estimate


def steerability(scores_GHP: np.ndarray) -> Steerability:
    """Each prompt counts the same, over those where something on and something off the diagonal was judged; t intervals over
    prompts. Undefined for fewer than 2 personas."""
    scores_GHP = np.asarray(scores_GHP, dtype=float)
    if scores_GHP.ndim != 3 or scores_GHP.shape[0] != scores_GHP.shape[1]:
        wrong = f"scores have shape {scores_GHP.shape}"
        raise InputError(f"{wrong}; give [persona spoken to, persona judging, prompt] with the same personas twice")
    judged = np.isfinite(scores_GHP)
    if judged.any() and not (scores_GHP[judged].min() >= 0 and scores_GHP[judged].max() <= 1):
        what = f"scores go from {scores_GHP[judged].min():g} to {scores_GHP[judged].max():g}"
        raise InputError(f"{what}; a verdict's score is in [0, 1]")
    matrix_GG = _mean(scores_GHP, axis=2)
    on_GG = np.eye(len(scores_GHP), dtype=bool)
    diagonal_P, rest_P = _mean(scores_GHP[on_GG], axis=0), _mean(scores_GHP[~on_GG], axis=0)
    both_P = np.isfinite(diagonal_P) & np.isfinite(rest_P)
    if not both_P.any():
        why = f"undefined: no prompt judged on and off the diagonal of {len(on_GG)} personas"
        nothing = Estimate(None, None, None, 0, why)
        return Steerability(matrix_GG, nothing, nothing, nothing)
    parts = (diagonal_P[both_P], rest_P[both_P], (diagonal_P - rest_P)[both_P])
    return Steerability(matrix_GG, *(mean_over_seeds(each_P[None]) for each_P in parts))


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean over what was judged; NaN where nothing was."""
    judged = np.isfinite(values)
    counts = judged.sum(axis=axis)
    return np.divide(np.where(judged, values, 0.0).sum(axis=axis), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
