"""The difference of two methods on the same prompts: much of what makes a prompt easy falls out, so the interval is narrower
than two separate ones suggest (Miller 2024, arXiv:2411.00640, section 4). With many differences, Holm's (1979) step-down p-values.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from ..core.records import Estimate
from .clusters import Scores, Spread, cluster_index, spread_over_seeds_and_prompts, sums_by_cluster
from .interval import t_interval
from .win_rate import ONE_SEED


def paired_difference(ours: Sequence[Scores], theirs: Sequence[Scores], level: float = 0.95) -> Estimate:
    """Our mean score less theirs, in [-1, 1], each given by training seed (as to `win_rate_over_seeds`; seeds pair up in order).

    Only prompts judged for both count; `extra["prompts_dropped"]` are the others, and `extra["p"]` is the two-sided p-value of no
    difference. The t interval is not cut at -1 and 1. Undefined without a shared prompt; no interval where there is no spread.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"one method has {len(ours)} seeds and the other {len(theirs)}; compare over the same seeds")
    abstentions = sum(each.abstentions for each in (*ours, *theirs))
    index_of_ours, index_of_theirs = (cluster_index(*(each.clusters_N for each in side)) for side in (ours, theirs))
    shared = {prompt: place for place, prompt in enumerate(prompt for prompt in index_of_ours if prompt in index_of_theirs)}
    dropped = len(index_of_ours) + len(index_of_theirs) - 2 * len(shared)
    if not shared:
        return Estimate(None, None, None, 0, "undefined: no prompt was judged for both", abstentions, level=level)
    our_mean, our_errors_SP, our_n = _errors(ours, shared)
    their_mean, their_errors_SP, their_n = _errors(theirs, shared)
    spread = spread_over_seeds_and_prompts(our_errors_SP - their_errors_SP)
    return _estimate(our_mean - their_mean, spread, our_n + their_n, (len(ours), len(shared), dropped), abstentions, level)


def paired_differences(methods: Mapping[str, Sequence[Scores]], level: float = 0.95) -> dict[tuple[str, str], Estimate]:
    """Every pair (first less second, in the order given). `extra["p_holm"]` is Holm's p-value over all of them; the intervals
    are each for itself."""
    found = {(a, b): paired_difference(methods[a], methods[b], level) for a, b in itertools.combinations(methods, 2)}
    tested = [pair for pair, each in found.items() if "p" in each.extra]
    adjusted = holm(np.array([found[pair].extra["p"] for pair in tested]))
    for pair, p_holm in zip(tested, adjusted, strict=True):
        found[pair] = replace(found[pair], extra={**found[pair].extra, "p_holm": float(p_holm)})
    return found


def holm(p_values_M: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, in the order given: the k-th smallest (k from 0) times M - k, made monotone, at most 1."""
    order_M = np.argsort(p_values_M, kind="stable")
    stepped_M = np.maximum.accumulate(p_values_M[order_M] * (len(p_values_M) - np.arange(len(p_values_M))))
    adjusted_M = np.empty(len(p_values_M))
    adjusted_M[order_M] = np.minimum(stepped_M, 1.0)
    return adjusted_M


def _errors(by_seed: Sequence[Scores], shared: dict) -> tuple[float, np.ndarray, int]:
    """(mean, each seed's and prompt's contribution to its error [S, P], verdicts) over the shared prompts."""
    kept = [np.array([cluster in shared for cluster in each.clusters_N], dtype=bool) for each in by_seed]
    scores = [each.scores_N[keep] for each, keep in zip(by_seed, kept, strict=True)]
    count = sum(map(len, scores))
    mean = float(np.concatenate(scores).mean())
    prompts = [itertools.compress(each.clusters_N, keep) for each, keep in zip(by_seed, kept, strict=True)]
    return mean, np.stack([sums_by_cluster(s - mean, list(p), shared) for s, p in zip(scores, prompts, strict=True)]) / count, count


def _estimate(value: float, spread: Spread, n: int, sizes: tuple[int, int, int], abstentions: int, level: float) -> Estimate:
    seeds, prompts, dropped = sizes
    extra = {"prompts": float(prompts), "prompts_dropped": float(dropped)}
    how = f"difference of means on {prompts} shared prompts and {seeds} seeds"
    if spread.standard_error is None:
        return Estimate(value, None, None, n, f"{how}; no spread to measure, so no interval", abstentions, level=level, extra=extra)
    low, high = t_interval(value, spread.standard_error, spread.df, level)
    extra["p"] = float(2 * stats.t.sf(abs(value) / spread.standard_error, spread.df))
    how = f"{how}; paired by prompt; t interval, {spread.df:.3g} degrees of freedom{ONE_SEED if seeds == 1 else ''}"
    return Estimate(value, low, high, n, how, abstentions, spread.standard_error, level, extra)
