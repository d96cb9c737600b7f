"""Intervals: Student's t, Wilson's score interval where t would leave [0, 1], and the bootstrap over prompts.

A t interval of a rate near 0 or 1, or from few prompts, can leave [0, 1]; cutting it off would hide how little is known. There the
Wilson interval is used at the effective sample size m(1 - m)/SE^2 and the t quantile (the modified Wilson interval; Dean & Pagano
2015, J. Survey Stat. Methodol. 3:484); with no spread to measure, at one verdict per prompt.

A bootstrap of P prompts has a variance (P - 1)/P of the right one and normal tails, so its percentiles are widened as t is
(Hesterberg 2015, Am. Statistician 69:371): the tail taken is Phi(-t_{P-1} sqrt(P/(P-1))), at the place (R + 1) * tail of R sorted
draws. Draws that all agree say nothing of the error. So no interval of a rate leaves [0, 1], and none has zero width."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from ...core.records import Estimate


class Spread(NamedTuple):
    """standard_error and df are None and 0 where the spread cannot be measured: fewer than 2 prompts, or no variation."""

    standard_error: float | None
    df: float


NO_SPREAD = Spread(None, 0.0)


def t_interval(mean: float, standard_error: float, df: float, level: float) -> tuple[float, float]:
    """mean +- t_df * SE."""
    half = t_quantile(level, df) * standard_error
    return mean - half, mean + half


def t_estimate(
    value: float,
    found: Spread,
    n: int,
    how: str,
    *,
    caveat: str = "",
    abstentions: int = 0,
    level: float = 0.95,
    extra: Mapping[str, float] | None = None,
) -> Estimate:
    """`value` with its t interval; none, and `how` says so, where there is no spread. how: also where the spread came from, or that
    there is none to measure. caveat: what else is to be said of the interval."""
    if found.standard_error is None:
        return Estimate(value, None, None, n, f"{how}, so no interval", abstentions, level=level, extra=extra or {})
    low, high = t_interval(value, found.standard_error, found.df, level)
    how = f"{how}; t interval, {round(found.df, 2):g} degrees of freedom{caveat}"
    return Estimate(value, low, high, n, how, abstentions, found.standard_error, level, extra or {})


def wilson_interval(rate: float, n: float, level: float, df: float = math.inf) -> tuple[float, float]:
    """Wilson's (1927) score interval of a rate in [0, 1] from `n` > 0 verdicts (may be effective). df: of t, infinite: normal."""
    z2 = t_quantile(level, df) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)  # the ends are in [0, 1] already, but for rounding


def rate_interval(
    rate: float, spread: Spread, clusters: int, level: float, unit: str = "verdict", cluster: str = "prompt"
) -> tuple[float, float, str]:
    """(low, high, name of the interval) of a rate in [0, 1]. unit, cluster: what was rated, and what it comes in, for the name."""
    if spread.standard_error is None:
        return *wilson_interval(rate, clusters, level), f"Wilson interval at one {unit} per {cluster} ({clusters})"
    low, high = t_interval(rate, spread.standard_error, spread.df, level)
    if low >= 0 and high <= 1:
        return low, high, f"t interval, {round(spread.df, 2):g} degrees of freedom"
    size = rate * (1 - rate) / spread.standard_error**2
    return *wilson_interval(rate, size, level, spread.df), f"Wilson interval at an effective {size:.3g} {unit}s (t leaves 0 to 1)"


def t_quantile(level: float, df: float) -> float:
    """The quantile of Student's t that leaves (1 - level)/2 above it; the normal's for infinite `df`."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it is in (0, 1), such as 0.95")
    return float(ndtri((1 + level) / 2) if math.isinf(df) else stdtrit(df, (1 + level) / 2))


def two_sided_p(value: float, standard_error: float, df: float) -> float:
    """The p-value of a t test that the true value is 0."""
    return float(2 * stdtr(df, -abs(value) / standard_error))


NO_WIDTH = 1e-9  # width of an interval, as a part of the value or of 1, that is rounding and no spread


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
    one, for `how`. widened: whether the tails are, as Student's t has them (see above). around: stretches the interval to the value
    where resampling adds a bias. No interval and no standard error, and `how` says why, for fewer than 2 clusters, where more than
    a tail of the resamples are undefined, and where the ends of the interval are one number."""
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
        return Estimate(value, None, None, n, f"{how}; no interval: {reason}", abstentions, level=level, extra=extra or {})
    how = f"{how}; bootstrap over {clusters} {unit}s, {len(drawn_R)} resamples, percentiles"
    if around:
        low, high = min(low, value), max(high, value)
    return Estimate(value, low, high, n, how, abstentions, float(defined_R.std(ddof=1)), level, extra or {})


def percentile_interval(drawn_R: np.ndarray, prompts: int | None, level: float) -> np.ndarray:
    """(low, high) along the first axis, for R >= 2 draws that each resampled P >= 2 prompts; plain without `prompts`."""
    if prompts is None:
        return np.quantile(drawn_R, [(1 - level) / 2, (1 + level) / 2], axis=0)
    tail = float(ndtr(-t_quantile(level, prompts - 1) * math.sqrt(prompts / (prompts - 1))))
    return np.quantile(drawn_R, [tail, 1 - tail], axis=0, method="weibull")
