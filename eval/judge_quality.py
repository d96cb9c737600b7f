"""A judge measured as AlpacaEval measures evaluators (Li et al. 2023; its analyze.py): bias and variance against several labels
an item, price, and how often it prefers the longer answer.

Departures: where several labels are the mode, agreement is averaged over them; AlpacaEval draws one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from ..core.errors import InputError
from ..core.records import Estimate
from .agreement import leave_one_out, mode_weights
from .win_rate import win_rate_from_scores

LONGER_BY = 30
"""Characters by which one answer must be longer to count as the longer one."""


def judge_variance(labels_SN: np.ndarray, level: float = 0.95) -> Estimate:
    """How often one of the judge's S seeds differs from the mode of its others, in [0, 1]: 0 for a deterministic judge."""
    found = leave_one_out(labels_SN, level)
    if found.value is None:
        return found
    low, high = (None if end is None else 1 - end for end in (found.high, found.low))
    return replace(found, value=1 - found.value, low=low, high=high, how=f"1 less the {found.how}")


def judge_bias(labels_SN: np.ndarray, human_AN: np.ndarray, level: float = 0.95) -> Estimate:
    """How often the mode of the judge's seeds differs from the mode of the humans, in [0, 1]: what more seeds do not mend."""
    ours, theirs = (mode_weights(np.asarray(each, dtype=float)) for each in (labels_SN, human_AN))
    items = np.asarray(labels_SN).shape[1]
    if np.asarray(human_AN).shape[1] != items:
        raise InputError(
            f"the judge labelled {items} items and the humans {np.asarray(human_AN).shape[1]}; match the columns by item"
        )
    both_N = np.isfinite(labels_SN).any(axis=0) & np.isfinite(human_AN).any(axis=0)
    agreed_N = sum((ours[label] * theirs[label] for label in ours if label in theirs), np.zeros(items))
    found = win_rate_from_scores(1 - agreed_N[both_N], np.flatnonzero(both_N), int((~both_N).sum()), level)
    return replace(found, how=found.how.replace("verdicts", "items"), extra={})


def prefers_longer(
    p_second_N: np.ndarray,
    length_first_N: np.ndarray,
    length_second_N: np.ndarray,
    prompts_N: Sequence[Hashable] | np.ndarray,
    level: float = 0.95,
) -> Estimate:
    """How often the longer answer wins (ties half), over pairs whose lengths differ by more than 30 characters; 0.5 says
    nothing about bias where longer answers are no better. p_second_N: in [0, 1], that the second is better, NaN where not
    judged."""
    p_N, first_N, second_N = (np.asarray(each, dtype=float) for each in (p_second_N, length_first_N, length_second_N))
    if not p_N.shape == first_N.shape == second_N.shape:
        raise InputError(
            f"preferences and lengths have shapes {p_N.shape}, {first_N.shape} and {second_N.shape}; give one of each a pair"
        )
    use_N = (np.abs(first_N - second_N) > LONGER_BY) & np.isfinite(p_N)
    score_N = np.where(p_N == 0.5, 0.5, ((p_N > 0.5) == (second_N > first_N)).astype(float))
    found = win_rate_from_scores(score_N[use_N], np.asarray(prompts_N)[use_N], int(np.isnan(p_N).sum()), level)
    return replace(found, how=f"{found.how}; pairs whose lengths differ by over {LONGER_BY} characters")


def price_per_thousand(dollars_N: np.ndarray) -> float | None:
    """Mean dollars an item, times 1000; None where no price is known (NaN is left out)."""
    known_N = np.asarray(dollars_N, dtype=float)
    known_N = known_N[np.isfinite(known_N)]
    return float(known_N.mean() * 1000) if len(known_N) else None
