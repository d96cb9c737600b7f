"""The difference of two methods on the same prompts: much of what makes a prompt easy falls out, so the interval is narrower than
two separate ones suggest (Miller 2024, arXiv:2411.00640, section 4). With many differences, Holm's (1979) step-down p-values."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...core.records import Estimate
from ..intervals.clusters import (
    ONE_SEED,
    Layers,
    Scores,
    SeedNoise,
    cluster_index,
    layers,
    pooled_seed_noise,
    spread,
    sums_by_cluster,
)
from ..intervals.interval import t_estimate, two_sided_p


def paired_difference(ours: Sequence[Scores], theirs: Sequence[Scores], level: float = 0.95, trained: bool = True) -> Estimate:
    """Our mean score less theirs, in [-1, 1], each given by training seed (as to `win_rate_over_seeds`; seeds pair up in order).
    Only prompts judged for both count; `extra["prompts_dropped"]` are the others, and `extra["p"]` is the two-sided p-value of no
    difference. The t interval is not cut at -1 and 1. Undefined without a shared prompt; no interval where there is no spread.
    trained: whether the seeds are seeds of training, so that one of them leaves something out, which `how` says."""
    pair = _paired(ours, theirs)
    return _estimate(pair, pooled_seed_noise([pair.layers] if pair.layers else []), level, trained)


def paired_differences(methods: Mapping[str, Sequence[Scores]]) -> dict[tuple[str, str], Estimate]:
    """Every pair (first less second, in the order given), seed noise shared by the methods. `extra["p_holm"]` is Holm's p-value
    over all of them; the intervals are each for itself."""
    pairs = {(a, b): _paired(methods[a], methods[b]) for a, b in itertools.combinations(methods, 2)}
    known = [pair.layers for pair in pairs.values() if pair.layers]
    noise = pooled_seed_noise(known, independent=min(len(known), len(methods) - 1))
    found = {names: _estimate(pair, noise) for names, pair in pairs.items()}
    tested = [names for names, each in found.items() if "p" in each.extra]
    adjusted = holm(np.array([found[names].extra["p"] for names in tested]))
    for names, p_holm in zip(tested, adjusted, strict=True):
        found[names] = replace(found[names], extra={**found[names].extra, "p_holm": float(p_holm)})
    return found


def holm(p_values_M: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, in the order given: the k-th smallest (k from 0) times M - k, made monotone, at most 1."""
    order_M = np.argsort(p_values_M, kind="stable")
    stepped_M = np.maximum.accumulate(p_values_M[order_M] * (len(p_values_M) - np.arange(len(p_values_M))))
    adjusted_M = np.empty(len(p_values_M))
    adjusted_M[order_M] = np.minimum(stepped_M, 1.0)
    return adjusted_M


class _Pair(NamedTuple):
    value: float
    layers: Layers | None
    n: int
    dropped: int
    abstentions: int


def _paired(ours: Sequence[Scores], theirs: Sequence[Scores]) -> _Pair:
    if len(ours) != len(theirs):
        raise ValueError(f"one method has {len(ours)} seeds and the other {len(theirs)}; compare over the same seeds")
    abstentions = sum(each.abstentions for each in (*ours, *theirs))
    our_index, their_index = (cluster_index(*(each.clusters_N for each in side)) for side in (ours, theirs))
    shared = cluster_index([prompt for prompt in our_index if prompt in their_index])
    dropped = len(our_index) + len(their_index) - 2 * len(shared)
    if not shared:
        return _Pair(0.0, None, 0, dropped, abstentions)
    our_mean, our_errors_SP, our_n = _errors(ours, shared)
    their_mean, their_errors_SP, their_n = _errors(theirs, shared)
    return _Pair(our_mean - their_mean, layers(our_errors_SP - their_errors_SP), our_n + their_n, dropped, abstentions)


def _errors(by_seed: Sequence[Scores], shared: dict[Hashable, int]) -> tuple[float, np.ndarray, int]:
    """(mean, each seed's and prompt's contribution to its error [S, P], verdicts) over the shared prompts."""
    kept = [[cluster in shared for cluster in each.clusters_N] for each in by_seed]
    scores = [each.scores_N[np.array(keep, dtype=bool)] for each, keep in zip(by_seed, kept, strict=True)]
    prompts = [list(itertools.compress(each.clusters_N, keep)) for each, keep in zip(by_seed, kept, strict=True)]
    count, mean = sum(map(len, scores)), float(np.concatenate(scores).mean())
    return mean, np.stack([sums_by_cluster(s - mean, p, shared) for s, p in zip(scores, prompts, strict=True)]) / count, count


def _estimate(pair: _Pair, noise: SeedNoise, level: float = 0.95, trained: bool = True) -> Estimate:
    if pair.layers is None:
        return Estimate(None, None, None, 0, "undefined: no prompt was judged for both", pair.abstentions, level=level)
    extra = {"prompts": float(pair.layers.prompts), "prompts_dropped": float(pair.dropped)}
    seeds = f" and {pair.layers.seeds} seed{'s' * (pair.layers.seeds != 1)}" if trained else ""
    how = f"difference of means on {pair.layers.prompts} shared prompts{seeds}"
    found = spread(pair.layers, noise)
    if found.standard_error is not None:
        extra["p"] = two_sided_p(pair.value, found.standard_error, found.df)
    how += "; no spread to measure" if found.standard_error is None else "; paired by prompt"
    caveat = ONE_SEED if trained and noise.df == 0 else ""
    return t_estimate(pair.value, found, pair.n, how, caveat=caveat, abstentions=pair.abstentions, level=level, extra=extra)
