"""Intervals for many paired differences that hold all at once: the bootstrap's largest |t| (single-step max-t; Westfall & Young
1993; Romano & Wolf 2005, Econometrica 73:1237). Narrower than Bonferroni's, as differences that share a model or a prompt move
together.

Holm's p-values are in `difference.holm`. A prompt is drawn for all models at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from .bootstrap import prompt_counts

CELLS = 8_000_000
"""Numbers held at once, so that many differences do not fill the memory."""


def simultaneous_differences(
    scores: Mapping[str, Sequence[float] | np.ndarray],
    baseline: str | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> dict[tuple[str, str], Estimate]:
    """(a, b) -> a's mean score less b's: every pair, or each model less `baseline`. scores: by model, over the same prompts, NaN
    where not judged; only prompts judged for all models count, and `extra["prompts_dropped"]` are the others. At `level`, all
    intervals hold together. `extra["p"]` is the max-t p-value over all differences. No interval where a difference has no spread;
    undefined without a prompt."""
    names = list(scores)
    if baseline is not None and baseline not in scores:
        raise InputError(f"the baseline {baseline!r} has no scores; they are there for {names}")
    if len({len(each) for each in scores.values()}) > 1:
        raise InputError(
            f"the models have {sorted({len(each) for each in scores.values()})} scores; give one per prompt, in the same order"
        )
    pairs = list(itertools.combinations(names, 2)) if baseline is None else [(name, baseline) for name in names if name != baseline]
    matrix_MP = np.array([np.asarray(scores[name], dtype=float) for name in names]).reshape(len(names), -1)
    kept_MP = matrix_MP[:, np.isfinite(matrix_MP).all(axis=0)]
    prompts, dropped = kept_MP.shape[1], matrix_MP.shape[1] - kept_MP.shape[1]
    extra = {"prompts_dropped": float(dropped)}
    if prompts < 2 or not pairs:
        why = "undefined: no prompt was judged for all" if not prompts else "one prompt, so no interval"
        values_M = kept_MP.mean(axis=1) if prompts else np.full(len(names), np.nan)
        value = {
            pair: float(values_M[names.index(pair[0])] - values_M[names.index(pair[1])]) if prompts else None for pair in pairs
        }
        return {pair: Estimate(value[pair], None, None, prompts, why, level=level, extra=extra) for pair in pairs}
    places_K2 = np.array([[names.index(a), names.index(b)] for a, b in pairs])
    counts_RP = prompt_counts(prompts, resamples, rng_for(seed, "max-t"))
    means_K, errors_K, largest_R = _largest_t(kept_MP, places_K2, counts_RP)
    critical = float(np.quantile(largest_R, level))
    found = {}
    for pair, mean, error in zip(pairs, means_K, errors_K, strict=True):
        how = f"difference of means on {prompts} shared prompts; max-t over {len(pairs)} differences"
        if not error > 1e-12:
            found[pair] = Estimate(
                float(mean), None, None, prompts, f"{how}; no spread to measure, so no interval", level=level, extra=extra
            )
            continue
        p = float((1 + (largest_R >= abs(mean) / error).sum()) / (1 + resamples))
        low, high = float(mean - critical * error), float(mean + critical * error)
        found[pair] = Estimate(
            float(mean), low, high, prompts, how, 0, float(error), level, {**extra, "p": p, "critical_t": critical}
        )
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
