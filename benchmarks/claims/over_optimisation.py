"""Does optimising the proxy harm gold? Closed forms, after Gao, Schulman & Hilton 2022 (arXiv:2210.10760).

In a world of finite answers, a linear Bradley-Terry reward is fitted to noisy labels of pairs, and the reference is optimised
against it: by best-of-n, and to the optimum of reward - beta KL. Nothing is sampled but the pairs and their labels. A seed is a
world, its pairs and its labels; intervals are over seeds. Departure: KL is that of the policy, not the bound log n - (n - 1)/n."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.results import Measure, RankingResult
from ...eval.over_optimisation.curves import GaoFit, Law, Point, gao_fit
from ...simulators import make_world
from ...simulators.exact.world import ExactWorld
from .claim import Check, Claim, check_seeds, over_seeds
from .exact_proxies import STRENGTHS, Optimiser, Reward, measured, proxies

LAWS = {Optimiser.BEST_OF_N: Law.BEST_OF_N, Optimiser.KL_REGULARISED: Law.REINFORCEMENT}


@dataclass(frozen=True, slots=True)
class ProxyCurve:
    """Proxy and gold as one reward is optimised ever harder.

    strengths: n, or beta. points: KL in nats from the reference; gains over it, proxy's in its standard deviations, gold's in nats.
    peak: the highest gold. end: gold at the last strength. lost: peak less end; above 0 is harm. fit: Gao's law."""

    optimiser: Optimiser
    reward: Reward
    flip: float
    strengths: tuple[float, ...]
    points: tuple[Point, ...]
    peak: Estimate
    end: Estimate
    lost: Estimate
    fit: GaoFit


@dataclass(frozen=True, slots=True)
class Contrast:
    """Differences in peak and end gold, in nats, paired by seed: this less `against` (one model, or the first flip)."""

    optimiser: Optimiser
    reward: Reward
    flip: float
    against: str
    peak: Estimate
    end: Estimate


@dataclass(frozen=True, slots=True)
class OverOptimisation:
    """Curves of gold against distance, by optimiser, reward and flip rate, over seeds."""

    world: str
    labels: int
    seeds: int
    curves: tuple[ProxyCurve, ...]
    contrasts: tuple[Contrast, ...]

    def as_json(self) -> dict[str, Any]:
        """The records as plain values; points are `{kl, proxy, gold}`, and a fit is `{alpha, beta, peak_kl, r_squared}`."""
        told = asdict(self)
        for curve in told["curves"]:
            curve |= {"points": [point._asdict() for point in curve["points"]], "fit": curve["fit"]._asdict()}
        return told

    def rows(self) -> list[Measure]:
        """The curves and the contrasts as rows, in nats of gold over the reference."""
        found = []
        for each in self.curves:
            best = int(np.argmax(np.array([point.gold.value for point in each.points], dtype=float)))
            group, knob = _group(each), "n" if each.optimiser is Optimiser.BEST_OF_N else "beta"
            found += [
                Measure(group, "peak gold", each.peak, "nats", f"highest at {knob} {each.strengths[best]:.3g}"),
                Measure(group, "end gold", each.end, "nats", f"at {knob} {each.strengths[-1]:.3g}"),
                Measure(group, "lost", each.lost, "nats", "peak less end; above 0 is harm"),
                Measure(group, "Gao's peak KL", each.fit.peak_kl, "nats", "where the fitted law turns over"),
            ]
        for each in self.contrasts:
            group = f"{_group(each)}, less {each.against}"
            found.append(Measure(group, "peak gold", each.peak, "nats", "paired by seed"))
            found.append(Measure(group, "end gold", each.end, "nats", "paired by seed"))
        return found


def trained_policies(ranking: RankingResult, world: str) -> list[Measure]:
    """The methods of a ranking by KL, unknown ones last. Raises InputError for a ranking of another world."""
    if ranking.world != world:
        raise InputError(f"the ranking is of the world {ranking.world!r}, and the curves of {world!r}; give rankings of that world")
    by_kl = sorted(ranking.methods, key=lambda each: float("inf") if each.kl.value is None else each.kl.value)
    return [
        Measure(f"trained policy {each.method}", name, of, unit, means)
        for each in by_kl
        for name, of, unit, means in (
            ("KL", each.kl, "nats", "per answer, from the policy that it starts from"),
            ("gold value", each.gold_value, "nats", "as the world gives it, the reference's not taken off"),
            ("win rate", each.win_rate, "share", "as the evaluator sees it"),
        )
    ]


def _group(of: ProxyCurve | Contrast) -> str:
    return f"{of.optimiser}, {of.reward}, flip {of.flip:g}"


Key = tuple[Optimiser, Reward, float]


def over_optimisation(
    world: str = "exact-overoptimised", flips: Sequence[float] = (0.0, 0.25), labels: int = 1000, seeds: int = 20, **options: Any
) -> OverOptimisation:
    """Curves of every optimiser and reward at every share of flipped labels, in [0, 0.5).

    labels: pairs a seed, each labelled once. options: of the world (`prompts=50`). Raises InputError for a world without closed
    forms, and for shares and counts out of range."""
    for rate in flips:
        if not 0 <= rate < 0.5:
            raise InputError(f"flip is {rate}; it is a share of labels, 0 or more and below 0.5")
    if len(set(flips)) < max(len(flips), 1):
        raise InputError(f"flips are {list(flips)}; give one or more, each once")
    if labels < 2 or seeds < 1:
        raise InputError(f"there are {labels} labels and {seeds} seeds; give at least 2 labels and 1 seed")
    runs: dict[Key, list[np.ndarray]] = {}
    for seed in range(seeds):
        made = make_world(world, seed=seed, **options)
        if not isinstance(made, ExactWorld):
            raise InputError(f"the world {world!r} has no closed forms; give exact, exact-overoptimised or exact-cyclic")
        for rate, by_reward in proxies(made, flips, labels, seed).items():
            for reward, proxy_PM in by_reward.items():
                for optimiser in Optimiser:
                    runs.setdefault((optimiser, reward, rate), []).append(measured(made, optimiser, proxy_PM))
    tables = {key: np.array(each) for key, each in runs.items()}
    curves = tuple(_curve(key, tables[key]) for key in sorted(tables, key=lambda key: (list(Optimiser).index(key[0]), key[2])))
    return OverOptimisation(world, labels, seeds, curves, tuple(_contrasts(tables, flips)))


def _curve(key: Key, table_S3K: np.ndarray) -> ProxyCurve:
    kl_SK, proxy_SK, gold_SK = table_S3K.transpose(1, 0, 2)
    kl_K, strengths = kl_SK.mean(axis=0), tuple(map(float, STRENGTHS[key[0]]))
    gains = zip(kl_K, proxy_SK.T, gold_SK.T, strict=True)
    points = tuple(Point(float(kl), over_seeds(proxy_S), over_seeds(gold_S)) for kl, proxy_S, gold_S in gains)
    peak_S, end_S = _peak_and_end(table_S3K)
    peak, end, lost = _peak_estimate(peak_S), over_seeds(end_S), _peak_estimate(peak_S - end_S)
    return ProxyCurve(*key, strengths, points, peak, end, lost, gao_fit(kl_K, gold_SK.T, LAWS[key[0]], unit="seed"))


def _peak_and_end(table_S3K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gold of each seed at the strength that is best for the others, and at the last. A maximum over what it is measured on would
    be too high."""
    gold_SK = table_S3K[:, 2]
    others_SK = gold_SK.sum(axis=0) - gold_SK if len(gold_SK) > 1 else gold_SK
    return np.take_along_axis(gold_SK, others_SK.argmax(axis=1)[:, None], axis=1)[:, 0], gold_SK[:, -1]


def _contrasts(tables: dict[Key, np.ndarray], flips: Sequence[float]) -> list[Contrast]:
    found = []
    for key, table_S3K in tables.items():
        optimiser, reward, rate = key
        rivals = {str(Reward.ONE): (optimiser, Reward.ONE, rate), f"flip {flips[0]:g}": (optimiser, reward, flips[0])}
        for against, rival in rivals.items():
            if rival != key:
                ours_2S, theirs_2S = np.array(_peak_and_end(table_S3K)), np.array(_peak_and_end(tables[rival]))
                peak_S, end_S = ours_2S - theirs_2S
                found.append(Contrast(*key, against, _peak_estimate(peak_S), over_seeds(end_S)))
    return found


def _peak_estimate(values_S: np.ndarray) -> Estimate:
    found = over_seeds(values_S)
    where = "chosen by the other seeds" if len(values_S) > 1 else "chosen on the one seed, so too high"
    return replace(found, how=f"{found.how}; peak {where}")


def run(
    seeds: int = 20, labels: int = 1000, flip: float = 0.0, world: str = "exact-overoptimised", prompts: int = 100
) -> list[Measure]:
    """The rows of one world at one share of flipped labels."""
    check_seeds(seeds)
    return over_optimisation(world, (flip,), labels, seeds, prompts=prompts).rows()


def ensembles(seeds: int = 100, labels: int = 100, flip: float = 0.0, prompts: int = 30) -> list[Measure]:
    """The same with few labels, where members of an ensemble differ."""
    return run(seeds, labels, flip, prompts=prompts)


CLAIM = Claim(run, tuple(Check(f"{each}, {Reward.ONE}, flip 0", "lost") for each in Optimiser))
WORST_OF_ENSEMBLE = Claim(ensembles, (Check(f"{Optimiser.BEST_OF_N}, {Reward.WORST_CASE}, flip 0, less {Reward.ONE}", "end gold"),))
