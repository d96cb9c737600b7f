"""Percentiles of a bootstrap, widened as Student's t is (Hesterberg 2015, Am. Statistician 69:371).

A bootstrap of P prompts has a variance (P - 1)/P of the right one and normal tails, so plain percentiles cover too seldom. The
tail taken is Phi(-t_{P-1} sqrt(P/(P-1))), at the place (R + 1) * tail of R sorted draws; it is the nominal tail where P is
large.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def percentile_interval(drawn_R: np.ndarray, prompts: int, level: float) -> np.ndarray:
    """(low, high) along the first axis, for R >= 2 draws that each resampled P >= 2 prompts."""
    tail = expanded_tail(prompts, level)
    return np.quantile(drawn_R, [tail, 1 - tail], axis=0, method="weibull")


def expanded_tail(prompts: int, level: float) -> float:
    """The share of draws beyond either end."""
    critical = float(stats.t.ppf((1 + level) / 2, prompts - 1)) * math.sqrt(prompts / (prompts - 1))
    return float(stats.norm.cdf(-critical))
