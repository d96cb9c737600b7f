"""The difference of two methods on the same prompts: much of what makes a prompt easy falls out, so the interval is narrower than
two separate ones suggest (Miller 2024, arXiv:2411.00640, section 4). With many differences, Holm's (1979) step-down p-values; or
intervals that hold all at once, by the bootstrap's largest |t| (single-step max-t; Westfall & Young 1993; Romano & Wolf 2005,
Econometrica 73:1237), narrower than Bonferroni's, as differences that share a model or a prompt move together."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.clusters import ONE_SEED, Layers, Scores, SeedNoise, cluster_index, errors_of, layers, pooled_seed_noise, spread
from ..intervals.interval import prompt_counts, t_estimate, two_sided_p


def paired_difference(ours: Sequence[Scores], theirs: Sequence[Scores], level: float = 0.95, trained: bool = True) -> Estimate:
    """Our mean score less theirs, in [-1, 1], each given by training seed (as to `win_rates_over_seeds`; seeds pair up in order).
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
    sides = []
    for side in (ours, theirs):
        kept = [(each, [cluster in shared for cluster in each.clusters_N]) for each in side]
        scores = [Scores(each.scores_N[keep], list(itertools.compress(each.clusters_N, keep))) for each, keep in kept]
        sides.append(errors_of(scores, shared))
    (our_mean, our_errors_SP, our_n), (their_mean, their_errors_SP, their_n) = sides
    return _Pair(our_mean - their_mean, layers(our_errors_SP - their_errors_SP), our_n + their_n, dropped, abstentions)


def _estimate(pair: _Pair, noise: SeedNoise, level: float = 0.95, trained: bool = True) -> Estimate:
    if pair.layers is None:
        return Estimate(None, None, None, 0, "undefined: no prompt was judged for both", pair.abstentions, level=level)
    extra = {"prompts": float(pair.layers.prompts), "prompts_dropped": float(pair.dropped)}
    seeds = f" and {pair.layers.seeds} seed{'s' * (pair.layers.seeds != 1)}" if trained else ""
    found, remark = spread(pair.layers, noise), "no spread to measure"
    if found.standard_error is not None:
        extra["p"], remark = two_sided_p(pair.value, found.standard_error, found.df), "paired by prompt"
    how = f"difference of means on {pair.layers.prompts} shared prompts{seeds}; {remark}"
    caveat = ONE_SEED if trained and noise.df == 0 else ""
    return t_estimate(pair.value, found, pair.n, how, caveat=caveat, abstentions=pair.abstentions, level=level, extra=extra)


CELLS = 8_000_000  # numbers held at once, so that many differences do not fill the memory


def simultaneous_differences(
    scores: Mapping[str, Sequence[float] | np.ndarray], baseline: str | None = None, seed: int = 0, resamples: int = 2000
) -> dict[tuple[str, str], Estimate]:
    """(a, b) -> a's mean score less b's: every pair, or each model less `baseline`. scores: by model, over the same prompts, NaN
    where not judged; only prompts judged for all models count, and `extra["prompts_dropped"]` are the others. At 95 %, all
    intervals hold together. `extra["p"]` is the max-t p-value over all. No interval without spread; undefined without prompts."""
    names, sizes = list(scores), sorted({len(each) for each in scores.values()})
    if baseline is not None and baseline not in scores:
        raise InputError(f"the baseline {baseline!r} has no scores; they are there for {names}")
    if len(sizes) > 1:
        raise InputError(f"the models have {sizes} scores; give one per prompt, in the same order")
    pairs = list(itertools.combinations(names, 2)) if baseline is None else [(name, baseline) for name in names if name != baseline]
    matrix_MP = np.array([np.asarray(scores[name], dtype=float) for name in names]).reshape(len(names), -1)
    kept_MP = matrix_MP[:, np.isfinite(matrix_MP).all(axis=0)]
    prompts, extra = kept_MP.shape[1], {"prompts_dropped": float(matrix_MP.shape[1] - kept_MP.shape[1])}
    if not prompts:
        return dict.fromkeys(pairs, Estimate(None, None, None, 0, "undefined: no prompt was judged for all", extra=extra))
    place = {name: row for row, name in enumerate(names)}
    places_K2 = np.array([[place[a], place[b]] for a, b in pairs], dtype=int).reshape(-1, 2)
    if prompts < 2 or not pairs:
        gaps_K = np.subtract(*kept_MP.mean(axis=1)[places_K2.T])
        return {
            pair: Estimate(float(gap), None, None, prompts, "one prompt, so no interval", extra=extra)
            for pair, gap in zip(pairs, gaps_K, strict=True)
        }
    counts_RP = prompt_counts(prompts, resamples, rng_for(seed, "max-t"))
    means_K, errors_K, largest_R = _largest_t(kept_MP, places_K2, counts_RP)
    critical, found = float(np.quantile(largest_R, 0.95)), {}
    for pair, mean, error in zip(pairs, means_K.tolist(), errors_K.tolist(), strict=True):
        how = f"difference of means on {prompts} shared prompts; max-t over {len(pairs)} differences"
        found[pair] = Estimate(mean, None, None, prompts, f"{how}; no spread to measure, so no interval", extra=extra)
        if error > 1e-12:
            more = extra | {"p": float((1 + (largest_R >= abs(mean) / error).sum()) / (1 + resamples)), "critical_t": critical}
            low, high = mean - critical * error, mean + critical * error
            found[pair] = Estimate(mean, low, high, prompts, how, standard_error=error, extra=more)
    return found


def _largest_t(kept_MP: np.ndarray, places_K2: np.ndarray, counts_RP: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(means_K, standard errors_K, the largest |mean* - mean|/error* of each resample)."""
    prompts, resamples = kept_MP.shape[1], len(counts_RP)
    means, errors, largest_R = [], [], np.zeros(resamples)
    for some_K2 in np.array_split(places_K2, max(1, len(places_K2) * max(prompts, resamples) // CELLS)):
        difference_KP = kept_MP[some_K2[:, 0]] - kept_MP[some_K2[:, 1]]
        mean_K, error_K = difference_KP.mean(axis=1), difference_KP.std(axis=1, ddof=1) / np.sqrt(prompts)
        centred_KP = difference_KP - mean_K[:, None]
        drawn_RK = counts_RP @ centred_KP.T / prompts
        variance_RK = (counts_RP @ (centred_KP**2).T / prompts - drawn_RK**2) / (prompts - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t_RK = np.where(variance_RK > 1e-24, np.abs(drawn_RK) / np.sqrt(variance_RK.clip(min=0)), 0.0)
        largest_R = np.maximum(largest_R, t_RK.max(axis=1))
        means.append(mean_K)
        errors.append(error_K)
    return np.concatenate(means), np.concatenate(errors), largest_R
