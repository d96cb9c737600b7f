"""Win rate: the mean of verdict scores (1 won, 0.5 tied, a soft verdict its probability), with an interval clustered by prompt.

A verdict that could not be had is an abstention: counted beside the rate, and part of neither side of it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.records import Abstention, Estimate, Feedback, labels_of
from ..intervals import clusters
from ..intervals.clusters import Scores
from ..intervals.interval import rate_interval


def scores_of(feedback: Sequence[Feedback | Abstention], candidate_is_left: Sequence[bool]) -> Scores:
    """Each verdict's score for the candidate clustered by its prompt's content. `candidate_is_left` is as `blind_pairs` gave it."""
    if len(feedback) != len(candidate_is_left):
        raise ValueError(f"there are {len(feedback)} answers and {len(candidate_is_left)} sides; give one side per answer")
    labels = labels_of(feedback)
    p_left_N, left_N = np.array([each.p_left for each in labels]), np.array(candidate_is_left, dtype=bool)
    judged_N = np.isfinite(p_left_N)
    prompts = [each.pair.prompt.content for each in labels if not each.abstained]
    return Scores(np.where(left_N, p_left_N, 1 - p_left_N)[judged_N], prompts, int((~judged_N).sum()))


def win_rate(feedback: Sequence[Feedback | Abstention], candidate_is_left: Sequence[bool]) -> Estimate:
    """The candidate's win rate in [0, 1]; intervals as `win_rate_from_scores`."""
    scores = scores_of(feedback, candidate_is_left)
    return win_rate_from_scores(scores.scores_N, scores.clusters_N, scores.abstentions)


def win_rate_from_scores(
    scores_N: Sequence[float] | np.ndarray,
    clusters_N: Sequence[Hashable] | np.ndarray,
    abstentions: int = 0,
    level: float = 0.95,
    unit: str = "verdict",
    cluster: str = "prompt",
) -> Estimate:
    """The mean of scores in [0, 1]. clusters_N: the prompt of each. unit, cluster: what a score is of and what they come in, as
    `how` names them. SE = sqrt(C/(C-1) * sum_c (sum_{i in c} (s_i - m))^2) / n over C prompts, None where it cannot be measured;
    interval: `rate_interval`. `extra` counts wins (above 0.5), ties, losses, prompts, seeds. None if none was judged."""
    scores = [Scores(np.asarray(scores_N, dtype=float), clusters_N, abstentions)]
    return _estimate(scores, _layers(scores), None, level, unit, cluster)


def share_of(
    scores_N: Sequence[float] | np.ndarray,
    clusters_N: Sequence[Hashable] | np.ndarray,
    abstentions: int = 0,
    unit: str = "verdict",
    cluster: str = "prompt",
    note: str = "",
) -> Estimate:
    """`win_rate_from_scores` of what is not won or lost, so without these counts in `extra`. note: what else `how` says."""
    found = win_rate_from_scores(scores_N, clusters_N, abstentions, unit=unit, cluster=cluster)
    return replace(found, how=f"{found.how}; {note}" if note else found.how, extra={})


def win_rates_over_seeds(by_method: Mapping[str, Sequence[Scores]]) -> dict[str, Estimate]:
    """The win rates of *methods*, each given by training seed: seeds and prompts are both samples, so Var = Var_prompt/P +
    Var_seed/S (`clusters.spread`). Every verdict counts the same. The methods are taken to vary alike with the seed: one method's 2
    or 3 seeds cannot tell. With one seed intervals are over prompts only, and `how` says so."""
    found = {method: _layers(by_seed) for method, by_seed in by_method.items()}
    noise = clusters.pooled_seed_noise([each for each in found.values() if each])
    return {method: _estimate(by_seed, found[method], noise, 0.95, "verdict", "prompt") for method, by_seed in by_method.items()}


def _layers(by_seed: Sequence[Scores]) -> clusters.Layers | None:
    judged = [each for each in by_seed if len(each.scores_N)]
    index = clusters.cluster_index(*(each.clusters_N for each in judged))
    return clusters.layers(clusters.errors_of(judged, index)[1]) if judged else None


def _estimate(
    by_seed: Sequence[Scores], own: clusters.Layers | None, noise: clusters.SeedNoise | None, level: float, unit: str, cluster: str
) -> Estimate:
    abstentions = sum(each.abstentions for each in by_seed)
    if own is None:
        return Estimate(None, None, None, 0, f"undefined: no {unit}s ({abstentions} abstentions)", abstentions, level=level)
    scores_N = np.concatenate([each.scores_N for each in by_seed])
    if scores_N.min() < 0 or scores_N.max() > 1:
        raise ValueError(f"scores go from {scores_N.min()} to {scores_N.max()}; a verdict's score is in [0, 1]")
    value, found = float(scores_N.mean()), clusters.spread(own, noise)
    low, high, interval = rate_interval(value, found, own.prompts, level, unit, cluster)
    counts = {"wins": (scores_N > 0.5).sum(), "ties": (scores_N == 0.5).sum(), "losses": (scores_N < 0.5).sum()}
    extra = {name: float(count) for name, count in counts.items()} | {"prompts": float(own.prompts), "seeds": float(own.seeds)}
    how = f"mean of {len(scores_N)} {unit}s; {clusters.describe_spread(found, own.seeds, own.prompts, cluster)}; {interval}"
    how += clusters.ONE_SEED if noise and noise.df == 0 else ""
    how += f"; {len(by_seed) - own.seeds} of {len(by_seed)} seeds gave no verdict" if own.seeds < len(by_seed) else ""
    return Estimate(value, low, high, len(scores_N), how, abstentions, found.standard_error, level, extra)
