"""The mean of a quantity that is no rate (a gold utility, a KL), over seeds and prompts, with a t interval."""

from __future__ import annotations

import numpy as np

from ..core.records import Estimate
from .clusters import describe_spread, spread_over_prompts, spread_over_seeds_and_prompts
from .interval import t_interval


def mean_over_seeds(values_SP: np.ndarray, level: float = 0.95) -> Estimate:
    """Mean over seeds (rows) and prompts (columns), in the values' unit, with the variance of
    `clusters.spread_over_seeds_and_prompts`.

    Given one column, each seed has one number and the interval is over seeds; given one row, over prompts, and `how` says so.
    No interval where there is no spread to measure; None where there is no value, or one that is not finite.
    """
    values_SP = np.asarray(values_SP, dtype=float)
    if values_SP.ndim != 2:
        raise ValueError(f"values have shape {values_SP.shape}; give one row a seed and one column a prompt")
    seeds, prompts = values_SP.shape
    if values_SP.size == 0 or not np.isfinite(values_SP).all():
        why = f"undefined: {(~np.isfinite(values_SP)).sum()} of {values_SP.size} values are not finite"
        return Estimate(None, None, None, values_SP.size, why, level=level)
    mean = float(values_SP.mean())
    errors_SP = (values_SP - mean) / values_SP.size
    if prompts == 1:
        spread, source = spread_over_prompts(errors_SP[:, 0]), f"SE over {seeds} seeds"
    else:
        spread, source = spread_over_seeds_and_prompts(errors_SP), ""
    if spread.standard_error is None:
        how = f"mean of {seeds} seeds and {prompts} prompts; no spread to measure, so no interval"
        return Estimate(mean, None, None, values_SP.size, how, level=level)
    low, high = t_interval(mean, spread.standard_error, spread.df, level)
    note = "; one seed, so how training varies is not in the interval" if seeds == 1 else ""
    how = f"mean; {source or describe_spread(spread, seeds, prompts)}; t interval, {spread.df:.3g} degrees of freedom{note}"
    return Estimate(mean, low, high, values_SP.size, how, standard_error=spread.standard_error, level=level)
