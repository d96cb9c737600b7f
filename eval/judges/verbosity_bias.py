"""Verbosity bias by accuracy parity (Saito et al. 2023, arXiv:2310.10076): is a judge right as often where people prefer the
shorter answer as where they prefer the longer one?

A judge that likes length for itself is right too often on the one side and too seldom on the other, whatever the share of longer
answers that people prefer, which a plain share of longer answers preferred cannot tell apart. Departure: the interval, clustered by
prompt and linearised, as both accuracies come from the same prompts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ..intervals.clusters import NO_SEED_NOISE, cluster_index, layers, spread, sums_by_cluster
from ..intervals.interval import t_interval


def verbosity_bias(
    right_N: np.ndarray,
    prefers_longer_N: np.ndarray,
    prompts_N: Sequence[Hashable] | np.ndarray,
    level: float = 0.95,
) -> Estimate:
    """P(right | the gold label prefers the longer) - P(right | it prefers the shorter), in [-1, 1]; above 0 likes length.

    right_N: 1 where the judge says what the gold label says, 0.5 for a tie, else 0; NaN where it was not judged.
    prefers_longer_N: 1 or 0; NaN where the lengths are alike or the gold label is a tie. prompts_N: the prompt of each.
    `extra` holds both accuracies. Undefined where the gold label never prefers one of the two.
    """
    right_N, longer_N = np.asarray(right_N, dtype=float), np.asarray(prefers_longer_N, dtype=float)
    if right_N.shape != longer_N.shape or len(right_N) != len(prompts_N):
        raise InputError(f"there are {len(right_N)} verdicts, {len(longer_N)} sides and {len(prompts_N)} prompts; give one of each")
    asked_N = np.isfinite(longer_N)
    use_N = asked_N & np.isfinite(right_N)
    missing, prompts = int(asked_N.sum() - use_N.sum()), [p for p, use in zip(prompts_N, use_N, strict=True) if use]
    right_N, is_longer_N = right_N[use_N], longer_N[use_N] > 0.5
    sides = (is_longer_N, ~is_longer_N)
    if not all(side_N.any() for side_N in sides):
        side = "longer" if not is_longer_N.any() else "shorter"
        return Estimate(None, None, None, len(right_N), f"undefined: no gold label prefers the {side} answer", missing, level=level)
    longer, shorter = (float(right_N[side_N].mean()) for side_N in sides)
    weights_N = np.where(is_longer_N, (right_N - longer) / sides[0].sum(), (shorter - right_N) / sides[1].sum())
    own = layers(sums_by_cluster(weights_N, prompts, cluster_index(prompts))[None])
    found = spread(own, NO_SEED_NOISE)
    extra = {"right_if_longer": longer, "right_if_shorter": shorter, "prompts": float(own.prompts)}
    how = f"difference of accuracies on {sides[0].sum()} and {sides[1].sum()} pairs"
    if found.standard_error is None:
        how = f"{how}; no spread to measure, so no interval"
        return Estimate(longer - shorter, None, None, len(right_N), how, missing, level=level, extra=extra)
    low, high = t_interval(longer - shorter, found.standard_error, found.df, level)
    how = f"{how}; SE clustered by prompt ({own.prompts}); t interval, {round(found.df, 2):g} degrees of freedom"
    return Estimate(longer - shorter, low, high, len(right_N), how, missing, found.standard_error, level, extra)
