"""A judge measured as AlpacaEval measures evaluators (Li et al. 2023; its analyze.py): bias and variance against several labels per
item, price, and how often it prefers the longer answer.

Departures: where several labels are the mode, agreement is averaged over them; AlpacaEval draws one."""

import itertools
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.records import Comparison, Estimate
from ..intervals.clusters import cluster_index, layers, spread, sums_by_cluster
from ..intervals.interval import t_estimate
from ..win_rates.win_rate import share_of, win_rate_from_scores
from .agreement import clusters_of, leave_one_out, mode_weights, one_left_out

LONGER_BY = 30  # characters by which one answer must be longer to count as the longer one


def judge_variance(labels_SN: np.ndarray, *, prompts_N: Sequence[Hashable] | None = None) -> Estimate:
    """How often one of the judge's S seeds differs from the mode of its others, in [0, 1]: 0 for a deterministic judge. Clustered
    by prompts_N, the prompt of each item; by item where they are not given."""
    found = leave_one_out(labels_SN, prompts_N=prompts_N)
    if found.value is None:
        return found
    low, high = (None if end is None else 1 - end for end in (found.high, found.low))
    return replace(found, value=1 - found.value, low=low, high=high, how=f"1 less the {found.how}")


def judge_bias(labels_SN: np.ndarray, human_AN: np.ndarray, *, prompts_N: Sequence[Hashable] | None = None) -> Estimate:
    """How often the mode of the judge's seeds differs from the mode of the humans, in [0, 1]. Clustered as `judge_variance`."""
    labels_SN, human_AN = np.asarray(labels_SN, dtype=float), np.asarray(human_AN, dtype=float)
    items = labels_SN.shape[1]
    if human_AN.shape[1] != items:
        raise InputError(f"the judge labelled {items} items and the humans {human_AN.shape[1]}; match the columns by item")
    ours, theirs = mode_weights(labels_SN), mode_weights(human_AN)
    both_N = np.isfinite(labels_SN).any(axis=0) & np.isfinite(human_AN).any(axis=0)
    agreed_N = sum((ours[label] * theirs[label] for label in ours if label in theirs), np.zeros(items))
    clusters, cluster = clusters_of(np.flatnonzero(both_N), prompts_N)
    return share_of(1 - agreed_N[both_N], clusters, int((~both_N).sum()), "item", cluster)


def agreement_leaving_one_out(
    label_N: np.ndarray, human_AN: np.ndarray, *, prompts_N: Sequence[Hashable] | None = None
) -> Estimate:
    """How often one label of the judge is the mode of all humans but one, averaged over who is left out, in [0, 1]: as
    `agreement.leave_one_out` of the humans. AlpacaEval's "human agreement". Undefined where no item has two human labels."""
    human_AN = np.asarray(human_AN, dtype=float)
    label_AN = np.broadcast_to(np.asarray(label_N, dtype=float), human_AN.shape)
    return one_left_out(label_AN, human_AN, prompts_N, "each against the mode of all humans but one")


def prefers_longer(
    p_second_N: np.ndarray, length_first_N: np.ndarray, length_second_N: np.ndarray, prompts_N: Sequence[Hashable] | np.ndarray
) -> Estimate:
    """How often the longer answer wins (ties half), over pairs whose lengths differ by more than 30 characters; 0.5 says nothing
    about bias where longer answers are no better. p_second_N: in [0, 1], that the second is better, NaN where not judged, which
    counts as an abstention of such a pair."""
    note = f"pairs whose lengths differ by over {LONGER_BY} characters"
    return _liked(p_second_N, length_first_N, length_second_N, LONGER_BY, prompts_N, note)


def prefers_lists(
    p_second_N: np.ndarray, lists_first_N: np.ndarray, lists_second_N: np.ndarray, prompts_N: Sequence[Hashable] | np.ndarray
) -> Estimate:
    """How often the answer with a list wins (ties half), over pairs of which just one has any; 0.5 says nothing about bias where
    lists are no better. lists_*_N: list items of each answer (`mediators.style_counts`). p_second_N: as in `prefers_longer`."""
    has_first_N, has_second_N = (np.asarray(each) > 0 for each in (lists_first_N, lists_second_N))
    return _liked(p_second_N, has_first_N, has_second_N, 0, prompts_N, "pairs of which one has a list")


def _liked(
    p: np.ndarray, first: np.ndarray, second: np.ndarray, by: float, prompts_N: Sequence[Hashable] | np.ndarray, note: str
) -> Estimate:
    """How often the answer with more of something wins, over pairs that differ in it by more than `by`."""
    p_N, first_N, second_N = (np.asarray(each, dtype=float) for each in (p, first, second))
    if not p_N.shape == first_N.shape == second_N.shape:
        what = f"preferences, first and second have shapes {p_N.shape}, {first_N.shape} and {second_N.shape}"
        raise InputError(f"{what}; give one of each a pair")
    asked_N = np.abs(first_N - second_N) > by
    use_N = asked_N & np.isfinite(p_N)
    score_N = np.where(p_N == 0.5, 0.5, ((p_N > 0.5) == (second_N > first_N)).astype(float))
    prompts = [prompt for prompt, use in zip(prompts_N, use_N, strict=True) if use]
    found = win_rate_from_scores(score_N[use_N], prompts, int((asked_N & ~use_N).sum()))
    return replace(found, how=f"{found.how}; {note}")


def verbosity_bias(right_N: np.ndarray, prefers_longer_N: np.ndarray, prompts_N: Sequence[Hashable] | np.ndarray) -> Estimate:
    """P(right | the gold label prefers the longer) - P(right | it prefers the shorter), in [-1, 1]; above 0 likes length (Saito et
    al. 2023, arXiv:2310.10076). Such a judge is right too often on the one side and too seldom on the other, whatever the share of
    longer answers that people prefer. Departure: the interval, clustered by prompt and linearised, as both accuracies come from the
    same prompts.

    right_N: 1 where the judge says what the gold label says, 0.5 for a tie, else 0; NaN where it was not judged. prefers_longer_N:
    1 or 0; NaN where the lengths are alike or the gold label is a tie. prompts_N: the prompt of each. `extra` holds both
    accuracies. Undefined where the gold label never prefers one of the two."""
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
        return Estimate(None, None, None, len(right_N), f"undefined: no gold label prefers the {side} answer", missing)
    longer, shorter = (float(right_N[side_N].mean()) for side_N in sides)
    weights_N = np.where(is_longer_N, (right_N - longer) / sides[0].sum(), (shorter - right_N) / sides[1].sum())
    own = layers(sums_by_cluster(weights_N, prompts, cluster_index(prompts))[None])
    found = spread(own)
    extra = {"right_if_longer": longer, "right_if_shorter": shorter, "prompts": float(own.prompts)}
    how = f"difference of accuracies on {sides[0].sum()} and {sides[1].sum()} pairs"
    how += f"; SE clustered by prompt ({own.prompts})" if found.standard_error is not None else "; no spread to measure"
    return t_estimate(longer - shorter, found, len(right_N), how, abstentions=missing, extra=extra)


def intransitivity(pairs: Sequence[Comparison], p_left_N: np.ndarray) -> Estimate:
    """Share of circular triads, in [0, 1], 0.25 for coins, clustered by prompt: over all triads of answers to one prompt of which
    each pair is among `pairs`. p_left_N: P(left is better), NaN without a verdict. A pair that stands there twice is averaged.
    Undefined where no prompt has three answers compared with one another."""
    p_left_N = np.asarray(p_left_N, dtype=float)
    if len(pairs) != len(p_left_N):
        raise InputError(f"there are {len(pairs)} pairs and {len(p_left_N)} verdicts; give one verdict per pair")
    said: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for pair, p in zip(pairs, p_left_N, strict=True):
        if pair.left.text != pair.right.text:
            first, second = sorted((pair.left.text, pair.right.text))
            said[pair.prompt.content][first, second].append(float(p if first == pair.left.text else 1 - p))
    circular, prompts, open_triads = [], [], 0
    for prompt, verdicts in said.items():
        p = {names: float(np.mean(each)) for names, each in verdicts.items()}
        later: dict[str, list[str]] = defaultdict(list)
        for first, second in sorted(p):
            later[first].append(second)
        triads = ((a, b, c) for a, others in later.items() for b, c in itertools.combinations(others, 2) if (b, c) in p)
        for a, b, c in triads:
            wins = [p[a, b], p[b, c], 1 - p[a, c]]  # a over b, b over c, c over a
            if any(np.isnan(each) or each == 0.5 for each in wins):
                open_triads += 1
                continue
            circular.append(float(len({each > 0.5 for each in wins}) == 1))
            prompts.append(prompt)
    found = share_of(circular, prompts, open_triads, "triad")
    why = "every triad has a tie or an abstention" if open_triads else "no prompt has three answers compared with one another"
    return found if found.value is not None else replace(found, how=f"undefined: {why}")
