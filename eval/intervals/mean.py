"""The mean of a quantity that is no rate (a gold utility, a KL), over seeds and prompts, with a t interval."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.records import Estimate
from .clusters import (
    NO_SEED_NOISE,
    ONE_SEED,
    Layers,
    SeedNoise,
    cluster_index,
    describe_spread,
    layers,
    pooled_seed_noise,
    spread,
    sums_by_cluster,
)
from .interval import t_interval


def means_over_seeds(by_method: Mapping[str, np.ndarray], level: float = 0.95) -> dict[str, Estimate]:
    """Each method's mean over seeds (rows) and prompts (columns), in the values' unit; variance as in `win_rates_over_seeds`,
    seed noise shared by the methods.

    Given one row the interval is over prompts, and `how` says so; given one column, each seed has one number and the interval
    is over that method's seeds alone. No interval where there is no spread to measure; None where there is no value, or one
    that is not finite.
    """
    tables = {method: np.asarray(values_SP, dtype=float) for method, values_SP in by_method.items()}
    for values_SP in tables.values():
        if values_SP.ndim != 2:
            raise ValueError(f"values have shape {values_SP.shape}; give one row a seed and one column a prompt")
    found = {method: _layers(values_SP) for method, values_SP in tables.items()}
    noise = pooled_seed_noise([each for each in found.values() if each])
    return {method: _estimate(values_SP, found[method], noise, level) for method, values_SP in tables.items()}


def mean_over_seeds(values_SP: np.ndarray, level: float = 0.95) -> Estimate:
    """The same for one method, from its own seeds alone: with 2 or 3 of them the interval is very wide."""
    return means_over_seeds({"": values_SP}, level)[""]


def clustered_mean(values_N: Sequence[float] | np.ndarray, clusters_N: Sequence[Hashable], level: float = 0.95) -> Estimate:
    """The mean of values in any unit, several of them a prompt; t interval clustered by prompt. NaN is missing: counted in
    `abstentions`. clusters_N: the prompt of each."""
    values_N = np.asarray(values_N, dtype=float)
    kept_N = np.isfinite(values_N)
    clusters = [cluster for cluster, kept in zip(clusters_N, kept_N, strict=True) if kept]
    missing = int((~kept_N).sum())
    if not clusters:
        return Estimate(None, None, None, 0, f"undefined: no values ({missing} are missing)", missing, level=level)
    mean = float(values_N[kept_N].mean())
    errors_P = sums_by_cluster(values_N[kept_N] - mean, clusters, cluster_index(clusters)) / len(clusters)
    own = layers(errors_P[None])
    found = spread(own, NO_SEED_NOISE)
    how = f"mean of {len(clusters)}; {describe_spread(found, 1, own.prompts)}"
    estimate = Estimate(mean, None, None, len(clusters), how, missing, level=level)
    if found.standard_error is None:
        return replace(estimate, how=f"{how}, so no interval")
    low, high = t_interval(mean, found.standard_error, found.df, level)
    how = f"{how}; t interval, {round(found.df, 2):g} degrees of freedom"
    return replace(estimate, low=low, high=high, how=how, standard_error=found.standard_error)


def _layers(values_SP: np.ndarray) -> Layers | None:
    if values_SP.size == 0 or not np.isfinite(values_SP).all():
        return None
    errors_SP = (values_SP - values_SP.mean()) / values_SP.size
    return layers(errors_SP if values_SP.shape[1] > 1 else errors_SP.T)  # of one number a seed, seeds are the only sample


def _estimate(values_SP: np.ndarray, own: Layers | None, noise: SeedNoise, level: float) -> Estimate:
    if own is None:
        why = f"undefined: {(~np.isfinite(values_SP)).sum()} of {values_SP.size} values are not finite"
        return Estimate(None, None, None, values_SP.size, why, level=level)
    (seeds, prompts), mean, found = values_SP.shape, float(values_SP.mean()), spread(own, noise)
    if found.standard_error is None:
        how = f"mean of {seeds} seeds and {prompts} prompts; no spread to measure, so no interval"
        return Estimate(mean, None, None, values_SP.size, how, level=level)
    low, high = t_interval(mean, found.standard_error, found.df, level)
    source = f"SE over {seeds} seeds" if prompts == 1 else describe_spread(found, seeds, prompts)
    how = f"mean; {source}; t interval, {round(found.df, 2):g} degrees of freedom{ONE_SEED if seeds == 1 else ''}"
    return Estimate(mean, low, high, values_SP.size, how, standard_error=found.standard_error, level=level)
