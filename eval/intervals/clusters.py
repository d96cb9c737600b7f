"""Variance of a mean whose scores come in clusters: several samples of one prompt, several seeds of one method.

An estimate's error is a sum of contributions, one per prompt (and seed). Prompts are a random sample, so one prompt's contributions
are added before they are squared (Miller 2024, arXiv:2411.00640, eq. 4). Seeds are another random sample, crossed with the prompts:
Var = Var_prompt/P + Var_seed/S, less the interaction that both terms hold (the random two-way layout; Searle, Casella & McCulloch
1992, ch. 4). Methods that are ranked together are taken to share their seed noise."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...core.records import Estimate
from .interval import NO_SPREAD, Spread, t_estimate


@dataclass(frozen=True, slots=True)
class Scores:
    """What the verdicts said of one method: scores in [0, 1] (1 won, 0.5 tied), their prompts, and how many answers got none."""

    scores_N: np.ndarray
    clusters_N: Sequence[Hashable] | np.ndarray
    abstentions: int = 0

    def __post_init__(self) -> None:
        scores_N = np.asarray(self.scores_N, dtype=float)
        object.__setattr__(self, "scores_N", scores_N)
        if scores_N.ndim != 1 or len(scores_N) != len(self.clusters_N):
            why = f"there are scores of shape {scores_N.shape} and {len(self.clusters_N)} clusters; give one prompt id a score"
            raise ValueError(why)
        if not np.isfinite(scores_N).all():
            raise ValueError("some scores are not finite; leave out what was not judged, and count it in `abstentions`")


ONE_SEED = "; one seed, so how training varies is not in the interval"


class Layers(NamedTuple):
    """Variance of one method's estimate, by where it comes from. Each of the three is unbiased for its own expected mean square
    over n, where every seed judged every prompt; close to it where some verdicts are missing. The first two hold `of_both`, too."""

    seeds: int
    prompts: int
    of_prompts: float
    of_seeds: float
    of_both: float


class SeedNoise(NamedTuple):
    """What training adds, by seed and before it is averaged over seeds; `df` degrees of freedom, 0 where it is not known."""

    of_seeds: float = 0.0
    of_both: float = 0.0
    df: float = 0.0


def layers(contributions_SP: np.ndarray) -> Layers:
    """From each seed's and prompt's contribution to the estimate's error, sum_i (s_i - m)/n. `of_prompts` alone is the variance
    clustered by prompt: P/(P-1) * sum_p (sum_s contribution)^2."""
    seeds, prompts = contributions_SP.shape
    if prompts < 2:
        return Layers(seeds, prompts, 0.0, 0.0, 0.0)
    by_prompt_P, by_seed_S = contributions_SP.sum(axis=0), contributions_SP.sum(axis=1)
    of_prompts = prompts / (prompts - 1) * float(by_prompt_P @ by_prompt_P)
    if seeds < 2:
        return Layers(seeds, prompts, of_prompts, 0.0, 0.0)
    rest_SP = contributions_SP - by_prompt_P / seeds - by_seed_S[:, None] / prompts + contributions_SP.mean()
    of_seeds = seeds / (seeds - 1) * float(by_seed_S @ by_seed_S)
    of_both = seeds * prompts / ((seeds - 1) * (prompts - 1)) * float((rest_SP**2).sum())
    return Layers(seeds, prompts, of_prompts, of_seeds, of_both)


def pooled_seed_noise(methods: Sequence[Layers], independent: int | None = None) -> SeedNoise:
    """The seed noise that the methods are taken to share, which is what makes 2 or 3 seeds enough: one method's own 2 seeds have 1
    degree of freedom, and an interval from them is useless. independent: how many are, if not all."""
    weight = sum(each.seeds - 1 for each in methods)
    if weight == 0:
        return SeedNoise()
    of_seeds = sum((each.seeds - 1) * each.seeds * each.of_seeds for each in methods) / weight
    of_both = sum((each.seeds - 1) * each.seeds * each.of_both for each in methods) / weight
    return SeedNoise(of_seeds, of_both, weight * (independent or len(methods)) / len(methods))


def spread(own: Layers, noise: SeedNoise | None = None) -> Spread:
    """Var = of_prompts + max(0, noise)/S: over prompts and, where there are several seeds, over seeds. df: Satterthwaite's."""
    if own.prompts < 2:
        return NO_SPREAD
    noise = noise or SeedNoise()
    df = own.prompts - 1
    of_seeds, of_both = noise.of_seeds / own.seeds, noise.of_both / own.seeds
    variance = own.of_prompts + max(0.0, of_seeds - of_both)
    pieces = own.of_prompts**2 / df
    if noise.df > 0:
        pieces += of_seeds**2 / noise.df + of_both**2 / (noise.df * df)
    error = float(np.sqrt(variance))
    return Spread(error, variance**2 / pieces) if error > 1e-12 else NO_SPREAD  # below is rounding of identical scores


def describe_spread(spread: Spread, seeds: int, prompts: int, cluster: str = "prompt") -> str:
    """Where a standard error came from, in words. cluster: what one of the `prompts` is."""
    if spread.standard_error is None:
        return f"no spread to measure over {prompts} {cluster}{'s' * (prompts != 1)}"
    return f"SE over {seeds} seeds and {prompts} {cluster}s" if seeds > 1 else f"SE clustered by {cluster} ({prompts})"


def sums_by_cluster(values_N: np.ndarray, clusters_N: Sequence[Hashable] | np.ndarray, index: dict[Hashable, int]) -> np.ndarray:
    """Sum of the values of each cluster, in the places that `index` gives them."""
    places_N = np.fromiter((index[each] for each in clusters_N), dtype=np.intp, count=len(clusters_N))
    return np.bincount(places_N, weights=values_N, minlength=len(index))


def cluster_index(*groups: Sequence[Hashable] | np.ndarray) -> dict[Hashable, int]:
    """A place for each different cluster, by name, so that the order of rows changes no draw of clusters."""
    names = sorted({each for group in groups for each in group}, key=lambda name: (type(name).__name__, str(name)))
    return {cluster: place for place, cluster in enumerate(names)}


def errors_of(by_seed: Sequence[Scores], index: dict[Hashable, int]) -> tuple[float, np.ndarray, int]:
    """(mean, each seed's and prompt's contribution to its error [S, P], scores), prompts in the places that `index` gives them."""
    scores_N = np.concatenate([each.scores_N for each in by_seed])
    mean, count = float(scores_N.mean()), len(scores_N)
    return mean, np.stack([sums_by_cluster(each.scores_N - mean, each.clusters_N, index) for each in by_seed]) / count, count


def means_over_seeds(by_method: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
    """Each method's mean of a quantity that is not a rate, over seeds (rows) and prompts (columns), in its unit; variance as in
    `win_rates_over_seeds`, seed noise shared by the methods. Given one row the interval is over prompts, and `how` says so; given
    one column, each seed has one number and the interval is over that method's seeds alone. No interval where there is no spread to
    measure; None where there is no value, or one that is not finite."""
    tables = {method: np.asarray(values_SP, dtype=float) for method, values_SP in by_method.items()}
    found: dict[str, Layers | None] = dict.fromkeys(tables)
    for method, values_SP in tables.items():
        if values_SP.ndim != 2:
            raise ValueError(f"values have shape {values_SP.shape}; give one row a seed and one column a prompt")
        if values_SP.size and np.isfinite(values_SP).all():
            errors_SP = (values_SP - values_SP.mean()) / values_SP.size
            # of one number a seed, seeds are the only sample
            found[method] = layers(errors_SP if values_SP.shape[1] > 1 else errors_SP.T)
    noise = pooled_seed_noise([each for each in found.values() if each])
    return {method: _mean(values_SP, found[method], noise) for method, values_SP in tables.items()}


def mean_over_seeds(values_SP: np.ndarray) -> Estimate:
    """The same for one method, from its own seeds alone: with 2 or 3 of them the interval is very wide."""
    return means_over_seeds({"": values_SP})[""]


def those_kept(clusters_N: Iterable[Any], kept_N: np.ndarray) -> list[Hashable]:
    """The clusters of what is kept. Raises ValueError unless there is one for each."""
    return [each for each, is_kept in zip(clusters_N, kept_N, strict=True) if is_kept]


def clustered_mean(values_N: Sequence[float] | np.ndarray, clusters_N: Sequence[Hashable]) -> Estimate:
    """The mean of values in any unit, several of them a prompt; t interval clustered by prompt. NaN is missing: counted in
    `abstentions`. clusters_N: the prompt of each."""
    values_N = np.asarray(values_N, dtype=float)
    kept_N = np.isfinite(values_N)
    clusters, missing = those_kept(clusters_N, kept_N), int((~kept_N).sum())
    if not clusters:
        return Estimate(None, None, None, 0, f"undefined: no values ({missing} are missing)", missing)
    mean = float(values_N[kept_N].mean())
    own = layers(sums_by_cluster(values_N[kept_N] - mean, clusters, cluster_index(clusters))[None] / len(clusters))
    found = spread(own)
    how = f"mean of {len(clusters)}; {describe_spread(found, 1, own.prompts)}"
    return t_estimate(mean, found, len(clusters), how, abstentions=missing)


def _mean(values_SP: np.ndarray, own: Layers | None, noise: SeedNoise) -> Estimate:
    if own is None:
        why = f"undefined: {(~np.isfinite(values_SP)).sum()} of {values_SP.size} values are not finite"
        return Estimate(None, None, None, values_SP.size, why)
    (seeds, prompts), found = values_SP.shape, spread(own, noise)
    how = f"mean; {f'SE over {seeds} seeds' if prompts == 1 else describe_spread(found, seeds, prompts)}"
    if found.standard_error is None:
        how = f"mean of {seeds} seeds and {prompts} prompts; no spread to measure"
    return t_estimate(float(values_SP.mean()), found, values_SP.size, how, caveat=ONE_SEED if seeds == 1 else "")
