"""Variance of a mean whose scores come in clusters: several samples of one prompt, several seeds of one method.

An estimate's error is a sum of contributions, one a prompt (and seed). Prompts are a random sample, so one prompt's
contributions are added before they are squared (Miller 2024, arXiv:2411.00640, eq. 4). Seeds are another random sample,
crossed with the prompts: Var = Var_seed/S + Var_prompt/P, less the interaction that both terms hold (the random two-way
layout; Searle, Casella & McCulloch 1992, ch. 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, slots=True)
class Scores:
    """What the verdicts said of one method: scores in [0, 1] (1 won, 0.5 tied), the prompt of each, and how many answers
    got no verdict."""

    scores_N: np.ndarray
    clusters_N: Sequence[Hashable] | np.ndarray
    abstentions: int = 0

    def __post_init__(self) -> None:
        scores_N = np.asarray(self.scores_N, dtype=float)
        object.__setattr__(self, "scores_N", scores_N)
        if scores_N.ndim != 1 or len(scores_N) != len(self.clusters_N):
            raise ValueError(
                f"there are scores of shape {scores_N.shape} and {len(self.clusters_N)} clusters; give one prompt id a score"
            )
        if not np.isfinite(scores_N).all():
            raise ValueError("some scores are not finite; leave out what was not judged, and count it in `abstentions`")


class Spread(NamedTuple):
    """standard_error and df are None and 0 where the spread cannot be measured: fewer than 2 prompts, or no variation."""

    standard_error: float | None
    df: float


NO_SPREAD = Spread(None, 0.0)


def spread_over_prompts(contributions_P: np.ndarray) -> Spread:
    """Standard error of an estimate from each prompt's contribution to its error, sum_i (s_i - m)/n: the square root of
    P/(P-1) * sum_p contribution_p^2, with P-1 degrees of freedom."""
    prompts = len(contributions_P)
    if prompts < 2:
        return NO_SPREAD
    return _spread(prompts / (prompts - 1) * float(contributions_P @ contributions_P), prompts - 1)


def spread_over_seeds_and_prompts(contributions_SP: np.ndarray) -> Spread:
    """Standard error from the contribution of each seed on each prompt; at least that over prompts alone and over seeds alone.

    With every cell equally full this is (MS_seed + MS_prompt - MS_interaction)/n, which is unbiased; degrees of freedom are
    Satterthwaite's (1946). One seed falls back to prompts.
    """
    seeds, prompts = contributions_SP.shape
    if seeds < 2:
        return spread_over_prompts(contributions_SP.sum(axis=0))
    if prompts < 2:
        return NO_SPREAD
    by_prompt_P, by_seed_S = contributions_SP.sum(axis=0), contributions_SP.sum(axis=1)
    rest_SP = contributions_SP - by_prompt_P / seeds - by_seed_S[:, None] / prompts + contributions_SP.mean()
    of_prompts = prompts / (prompts - 1) * float(by_prompt_P @ by_prompt_P)
    of_seeds = seeds / (seeds - 1) * float(by_seed_S @ by_seed_S)
    of_both = seeds * prompts / ((seeds - 1) * (prompts - 1)) * float((rest_SP**2).sum())
    variance = max(of_prompts + of_seeds - of_both, of_prompts, of_seeds)
    pieces = of_prompts**2 / (prompts - 1) + of_seeds**2 / (seeds - 1) + of_both**2 / ((prompts - 1) * (seeds - 1))
    return _spread(variance, variance**2 / pieces) if pieces > 0 else NO_SPREAD


def describe_spread(spread: Spread, seeds: int, prompts: int) -> str:
    """Where a standard error came from, in words."""
    if spread.standard_error is None:
        return f"no spread to measure over {prompts} {'prompt' if prompts == 1 else 'prompts'}"
    return f"SE over {seeds} seeds and {prompts} prompts" if seeds > 1 else f"SE clustered by prompt ({prompts})"


def sums_by_cluster(values_N: np.ndarray, clusters_N: Sequence[Hashable] | np.ndarray, index: dict[Hashable, int]) -> np.ndarray:
    """Sum of the values of each cluster, in the places that `index` gives them."""
    places_N = np.fromiter((index[each] for each in clusters_N), dtype=np.intp, count=len(clusters_N))
    return np.bincount(places_N, weights=values_N, minlength=len(index))


def cluster_index(*groups: Sequence[Hashable] | np.ndarray) -> dict[Hashable, int]:
    """A place for each different cluster, in order of appearance."""
    return {cluster: place for place, cluster in enumerate(dict.fromkeys(each for group in groups for each in group))}


def _spread(variance: float, df: float) -> Spread:
    error = float(np.sqrt(variance))
    return Spread(error, df) if error > 1e-12 else NO_SPREAD  # below is rounding of identical scores
