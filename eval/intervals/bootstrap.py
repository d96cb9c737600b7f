"""The bootstrap over prompts, with percentiles widened as Student's t is (Hesterberg 2015, Am. Statistician 69:371).

A bootstrap of P prompts has a variance (P - 1)/P of the right one and normal tails, so plain percentiles cover too seldom. The tail
taken is Phi(-t_{P-1} sqrt(P/(P-1))), at the place (R + 1) * tail of R sorted draws; it is the nominal tail where P is large. Draws
that all agree say nothing of the error, so `bootstrap_estimate`, through which every bootstrap here goes, never gives an interval
without width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtr

from ...core.records import Estimate
from .interval import t_quantile

NO_WIDTH = 1e-9
"""Width of an interval, as a part of the value or of 1, that is rounding and no spread."""


def prompt_counts(prompts: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """counts_RP: how often each of P prompts comes up in each of R draws of P with replacement (the cluster bootstrap)."""
    return rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples).astype(float)


def bootstrap_estimate(
    value: float,
    drawn_R: Sequence[float] | np.ndarray,
    clusters: int,
    n: int,
    how: str,
    *,
    unit: str = "prompt",
    widened: bool = True,
    around: bool = False,
    abstentions: int = 0,
    level: float = 0.95,
    extra: Mapping[str, float] | None = None,
) -> Estimate:
    """`value` with the percentiles and the standard deviation of its resamples as interval and standard error.

    drawn_R: the value in each resample, NaN where it was undefined there. clusters: how many were drawn from; unit: the name of
    one, for `how`. widened: whether the tail is `expanded_tail`. around: stretches the interval to the value where resampling adds
    a bias. No interval and no standard error, and `how` says why, for fewer than 2 clusters, where more than a tail of the
    resamples are undefined, and where the ends of the interval are one number."""
    drawn_R = np.asarray(drawn_R, dtype=float)
    defined_R = drawn_R[np.isfinite(drawn_R)]
    lost = len(drawn_R) - len(defined_R)
    low, high, reason = value, value, ""
    if clusters < 2:
        reason = f"{'no' if clusters < 1 else 'one'} {unit}"
    elif len(drawn_R) < 2:
        reason = f"{len(drawn_R)} resamples were asked for"
    elif len(defined_R) < 2 or lost > (1 - level) / 2 * len(drawn_R):
        reason = f"undefined in {lost} of {len(drawn_R)} resamples"
    else:
        low, high = map(float, percentile_interval(defined_R, clusters if widened else None, level))
        if not high - low > NO_WIDTH * max(1.0, abs(value)):
            reason = f"no spread to measure over {clusters} {unit}s"
    if reason:
        why = f"{how}; no interval: {reason}"
        return Estimate(value, None, None, n, why, abstentions, level=level, extra=extra or {})
    how = f"{how}; bootstrap over {clusters} {unit}s, {len(drawn_R)} resamples, percentiles"
    if around:
        low, high = min(low, value), max(high, value)
    return Estimate(value, low, high, n, how, abstentions, float(defined_R.std(ddof=1)), level, extra or {})


def percentile_interval(drawn_R: np.ndarray, prompts: int | None, level: float) -> np.ndarray:
    """(low, high) along the first axis, for R >= 2 draws that each resampled P >= 2 prompts; plain without `prompts`."""
    if prompts is None:
        return np.quantile(drawn_R, [(1 - level) / 2, (1 + level) / 2], axis=0)
    tail = expanded_tail(prompts, level)
    return np.quantile(drawn_R, [tail, 1 - tail], axis=0, method="weibull")


def expanded_tail(prompts: int, level: float) -> float:
    """The share of draws beyond either end."""
    return float(ndtr(-t_quantile(level, prompts - 1) * math.sqrt(prompts / (prompts - 1))))
