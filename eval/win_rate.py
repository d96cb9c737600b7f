"""Win rate: the mean of verdict scores (1 won, 0.5 tied, a soft verdict its probability), with an interval clustered by prompt.

A verdict that could not be had is an abstention: counted beside the rate, and part of neither side of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..core.records import Abstention, Estimate, Feedback, Preference
from .clusters import Scores, cluster_index, describe_spread, spread_over_seeds_and_prompts, sums_by_cluster
from .interval import rate_interval


def scores_of(feedback: Sequence[Feedback | Abstention], candidate_is_left: Sequence[bool]) -> Scores:
    """Each verdict's score for the candidate, with its prompt's id; `candidate_is_left` is as `blind_pairs` gave it."""
    if len(feedback) != len(candidate_is_left):
        raise ValueError(f"there are {len(feedback)} answers and {len(candidate_is_left)} sides; give one side an answer")
    scores, prompts, abstentions = [], [], 0
    for each, is_left in zip(feedback, candidate_is_left, strict=True):
        if isinstance(each, Preference):
            scores.append(each.p_left if is_left else 1.0 - each.p_left)
            prompts.append(each.comparison.prompt.id)
        elif isinstance(each, Abstention):
            abstentions += 1
        else:
            raise ValueError(f"a win rate is made of preferences, and this is a {type(each).__name__}; compare its scores first")
    return Scores(np.array(scores), prompts, abstentions)


def win_rate(feedback: Sequence[Feedback | Abstention], candidate_is_left: Sequence[bool], level: float = 0.95) -> Estimate:
    """The candidate's win rate in [0, 1]; intervals as `win_rate_from_scores`."""
    return _rate([scores_of(feedback, candidate_is_left)], level)


def win_rate_from_scores(
    scores_N: Sequence[float] | np.ndarray, clusters_N: Sequence[Hashable] | np.ndarray, abstentions: int = 0, level: float = 0.95
) -> Estimate:
    """The mean of scores in [0, 1]. clusters_N: the prompt of each.

    SE = sqrt(C/(C-1) * sum_c (sum_{i in c} (s_i - m))^2) / n over C prompts, None where it cannot be measured;
    interval as in `interval.rate_interval`. `extra` counts wins (above 0.5), ties, losses, prompts and seeds. The value is
    None where nothing was judged.
    """
    return _rate([Scores(np.asarray(scores_N, dtype=float), clusters_N, abstentions)], level)


def win_rate_over_seeds(by_seed: Sequence[Scores], level: float = 0.95) -> Estimate:
    """The win rate of a *method*: training seeds and prompts are both samples, so Var = Var_seed/S + Var_prompt/n
    (`clusters.spread_over_seeds_and_prompts`). Every verdict counts the same.

    One seed cannot show how training varies: its interval is over prompts only, and `how` says so. Where no prompt was judged
    under two seeds, seed and prompt cannot be separated and the sum overstates the variance.
    """
    judged = sum(len(each.scores_N) > 0 for each in by_seed)
    lost = f"; {len(by_seed) - judged} of {len(by_seed)} seeds gave no verdict" if judged < len(by_seed) else ""
    return _rate(by_seed, level, (ONE_SEED if judged == 1 else "") + lost)


ONE_SEED = "; one seed, so how training varies is not in the interval"


def _rate(by_seed: Sequence[Scores], level: float, note: str = "") -> Estimate:
    judged = [each for each in by_seed if len(each.scores_N)]
    abstentions = sum(each.abstentions for each in by_seed)
    if not judged:
        return Estimate(None, None, None, 0, f"undefined: no verdicts ({abstentions} abstentions)", abstentions, level=level)
    scores_N = np.concatenate([each.scores_N for each in judged])
    if scores_N.min() < 0 or scores_N.max() > 1:
        raise ValueError(f"scores go from {scores_N.min()} to {scores_N.max()}; a verdict's score is in [0, 1]")
    index = cluster_index(*(each.clusters_N for each in judged))
    rate = float(scores_N.mean())
    contributions_SP = np.stack([sums_by_cluster(each.scores_N - rate, each.clusters_N, index) for each in judged]) / len(scores_N)
    spread = spread_over_seeds_and_prompts(contributions_SP)
    low, high, interval = rate_interval(rate, spread, len(index), level)
    counts = {"wins": (scores_N > 0.5).sum(), "ties": (scores_N == 0.5).sum(), "losses": (scores_N < 0.5).sum()}
    extra = {name: float(count) for name, count in counts.items()} | {"prompts": float(len(index)), "seeds": float(len(judged))}
    how = f"mean of {len(scores_N)} verdicts; {describe_spread(spread, len(judged), len(index))}; {interval}{note}"
    return Estimate(rate, low, high, len(scores_N), how, abstentions, spread.standard_error, level, extra)
