"""A judge measured as AlpacaEval measures evaluators (Li et al. 2023; its analyze.py): bias and variance against several labels
an item, price, and how often it prefers the longer answer.

Departures: where several labels are the mode, agreement is averaged over them; AlpacaEval draws one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ..win_rates.win_rate import win_rate_from_scores
from .agreement import against_mode, clusters_of, leave_one_out, mode_weights

LONGER_BY = 30
"""Characters by which one answer must be longer to count as the longer one."""


def judge_variance(labels_SN: np.ndarray, level: float = 0.95, prompts_N: Sequence[Hashable] | None = None) -> Estimate:
    """How often one of the judge's S seeds differs from the mode of its others, in [0, 1]: 0 for a deterministic judge. Clustered
    by prompts_N, the prompt of each item; by item where they are not given."""
    found = leave_one_out(labels_SN, level, prompts_N)
    if found.value is None:
        return found
    low, high = (None if end is None else 1 - end for end in (found.high, found.low))
    return replace(found, value=1 - found.value, low=low, high=high, how=f"1 less the {found.how}")


def judge_bias(
    labels_SN: np.ndarray, human_AN: np.ndarray, level: float = 0.95, prompts_N: Sequence[Hashable] | None = None
) -> Estimate:
    """How often the mode of the judge's seeds differs from the mode of the humans, in [0, 1]: what more seeds do not mend.
    Clustered as `judge_variance`."""
    ours, theirs = (mode_weights(np.asarray(each, dtype=float)) for each in (labels_SN, human_AN))
    items = np.asarray(labels_SN).shape[1]
    if np.asarray(human_AN).shape[1] != items:
        raise InputError(
            f"the judge labelled {items} items and the humans {np.asarray(human_AN).shape[1]}; match the columns by item"
        )
    both_N = np.isfinite(labels_SN).any(axis=0) & np.isfinite(human_AN).any(axis=0)
    agreed_N = sum((ours[label] * theirs[label] for label in ours if label in theirs), np.zeros(items))
    clusters, cluster = clusters_of(np.flatnonzero(both_N), prompts_N)
    found = win_rate_from_scores(1 - agreed_N[both_N], clusters, int((~both_N).sum()), level, "item", cluster)
    return replace(found, extra={})


def prefers_longer(
    p_second_N: np.ndarray,
    length_first_N: np.ndarray,
    length_second_N: np.ndarray,
    prompts_N: Sequence[Hashable] | np.ndarray,
    level: float = 0.95,
) -> Estimate:
    """How often the longer answer wins (ties half), over pairs whose lengths differ by more than 30 characters; 0.5 says
    nothing about bias where longer answers are no better. p_second_N: in [0, 1], that the second is better, NaN where not
    judged, which counts as an abstention of such a pair."""
    first_N, second_N = (np.asarray(each, dtype=float) for each in (length_first_N, length_second_N))
    found = _liked(p_second_N, first_N, second_N, LONGER_BY, prompts_N, level)
    return replace(found, how=f"{found.how}; pairs whose lengths differ by over {LONGER_BY} characters")


def prefers_lists(
    p_second_N: np.ndarray,
    lists_first_N: np.ndarray,
    lists_second_N: np.ndarray,
    prompts_N: Sequence[Hashable] | np.ndarray,
    level: float = 0.95,
) -> Estimate:
    """How often the answer with a list wins (ties half), over pairs of which just one has any; 0.5 says nothing about bias where
    lists are no better. lists_*_N: list items of each answer (`mediators.style_counts`). p_second_N: as in `prefers_longer`."""
    has_first_N, has_second_N = ((np.asarray(each) > 0).astype(float) for each in (lists_first_N, lists_second_N))
    found = _liked(p_second_N, has_first_N, has_second_N, 0, prompts_N, level)
    return replace(found, how=f"{found.how}; pairs of which one has a list")


def _liked(
    p_second_N: np.ndarray,
    first_N: np.ndarray,
    second_N: np.ndarray,
    by: float,
    prompts_N: Sequence[Hashable] | np.ndarray,
    level: float,
) -> Estimate:
    """How often the answer with more of something wins, over pairs that differ in it by more than `by`."""
    p_N = np.asarray(p_second_N, dtype=float)
    if not p_N.shape == first_N.shape == second_N.shape:
        raise InputError(
            f"preferences, first and second have shapes {p_N.shape}, {first_N.shape} and {second_N.shape}; give one of each a pair"
        )
    asked_N = np.abs(first_N - second_N) > by
    use_N = asked_N & np.isfinite(p_N)
    score_N = np.where(p_N == 0.5, 0.5, ((p_N > 0.5) == (second_N > first_N)).astype(float))
    prompts = [prompt for prompt, use in zip(prompts_N, use_N, strict=True) if use]
    return win_rate_from_scores(score_N[use_N], prompts, int((asked_N & ~use_N).sum()), level)


def agreement_leaving_one_out(
    label_N: np.ndarray, human_AN: np.ndarray, level: float = 0.95, prompts_N: Sequence[Hashable] | None = None
) -> Estimate:
    """How often one label of the judge is the mode of all humans but one, averaged over who is left out, in [0, 1]: on the footing
    of `agreement.leave_one_out` of the humans. AlpacaEval's "human agreement". Undefined where no item has two human labels.
    Clustered as `judge_variance`."""
    human_AN = np.asarray(human_AN, dtype=float)
    scores, items = [], []
    for human in range(len(human_AN)):
        agreed_N = against_mode(label_N, np.delete(human_AN, human, axis=0))
        judged = np.flatnonzero(np.isfinite(agreed_N) & np.isfinite(human_AN[human]))
        scores.append(agreed_N[judged])
        items.append(judged)
    clusters, cluster = clusters_of(np.concatenate([np.empty(0, dtype=int), *items]), prompts_N)
    found = win_rate_from_scores(np.concatenate([np.empty(0), *scores]), clusters, level=level, unit="label", cluster=cluster)
    return replace(found, how=f"{found.how}; each against the mode of all humans but one", extra={})
