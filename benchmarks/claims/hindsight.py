"""Does feedback in hindsight make a better policy than feedback in foresight? After RLHS (Liang et al. 2025, arXiv:2501.08617).

In the exact world some features of an answer show only in its outcome, and until then look like their opposite, as praise for a
product does. One user labels the same pairs twice: by how the answers look (foresight) and by what they turn out to be (hindsight).
DPO learns from each, ever harder (a lower beta). Measured in closed form, on unseen prompts: true utility, and satisfaction, which
is what the answers look worth. A seed is a world, its pairs and its labels; intervals are over seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...annotators.runner import annotate
from ...annotators.systems.rlhs import Foresight, Hindsight
from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ...eval.intervals.mean import mean_over_seeds
from ...methods.pairwise import dpo
from ...simulators.exact.world import ExactWorld
from ..ranking.feedback import MeteredFeedback
from ..ranking.ground import CurveLog, preference_pairs

MODES = {"foresight": Foresight, "hindsight": Hindsight}
BETAS = (1.0, 0.4, 0.15)
RECIPE: dict[str, Any] = {"learning_rate": 0.1, "epochs": 80, "batch_size": 10_000, "schedule": "cosine", "warmup": 0.0}
"""DPO's settings in the exact world, as its suite has them."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A policy trained on one kind of feedback, less the policy that it started from: means over prompts, in nats."""

    mode: str
    beta: float
    utility: Estimate
    satisfaction: Estimate


@dataclass(frozen=True, slots=True)
class Hindsights:
    """arms: by mode and beta. gaps: by beta, hindsight's true utility less foresight's, paired by seed. growth: the gap at the
    lowest beta less that at the highest. start: true utility and satisfaction of the starting policy."""

    arms: tuple[Arm, ...]
    gaps: dict[float, Estimate]
    growth: Estimate
    start: tuple[Estimate, Estimate]


def run(
    seeds: int = 5, labels: int = 600, betas: Sequence[float] = BETAS, temperature: float = 1.0, **world_options: Any
) -> Hindsights:
    """betas: of DPO, at least two, each > 0. temperature: the user's noise in nats. world_options: `ExactWorld`'s."""
    if seeds < 2 or len(set(betas)) < 2:
        raise InputError(f"{seeds} seeds and betas {tuple(betas)} were asked for; intervals and growth need two of each")
    betas = sorted(betas, reverse=True)
    cells = [_seed(seed, labels, betas, temperature, world_options) for seed in range(seeds)]

    def mean(values_S: list[np.ndarray]) -> Estimate:
        return mean_over_seeds(np.array(values_S))

    gained = {key: [trained[key] - start for start, trained in cells] for key in cells[0][1]}
    arms = tuple(Arm(mode, beta, *(mean([each[k] for each in gains]) for k in range(2))) for (mode, beta), gains in gained.items())
    gap_BS = [[h[0] - f[0] for h, f in zip(gained["hindsight", b], gained["foresight", b], strict=True)] for b in betas]
    growth = mean([last - first for last, first in zip(gap_BS[-1], gap_BS[0], strict=True)])
    gaps = {beta: mean(gap_S) for beta, gap_S in zip(betas, gap_BS, strict=True)}
    starts = mean([start[0] for start, _ in cells]), mean([start[1] for start, _ in cells])
    return Hindsights(arms, gaps, growth, starts)


def _seed(
    seed: int, labels: int, betas: Sequence[float], temperature: float, options: dict[str, Any]
) -> tuple[np.ndarray, dict[tuple[str, float], np.ndarray]]:
    """(what the start reached, what each arm did), each [2, P]: true utility and satisfaction by evaluation prompt."""
    world = ExactWorld(seed, **options)
    policy = world.base_policy(seed)
    pairs = preference_pairs(policy, world.prompts("preference"), labels, seed)
    worth_2PM = _worth(world)

    def reached(trained: Any) -> np.ndarray:
        policy_PM = trained.probabilities(world.prompts("eval")).detach().numpy()
        return (policy_PM * worth_2PM).sum(-1)

    found = {}
    for mode, annotator in MODES.items():
        said = annotate(pairs, annotator(world, temperature=temperature), seed=seed).results
        for beta in betas:
            feedback = MeteredFeedback(world.prompts("unlabeled"), world.demonstrations(), said, lambda items: [], labels)
            config = dpo.Config(beta=beta, **RECIPE)
            found[mode, beta] = reached(dpo.train(policy, feedback, config, rng=rng_for(seed, mode), log=CurveLog()))
    return reached(policy), found


def _worth(world: ExactWorld) -> np.ndarray:
    """[2, P, M]: true utility and looks, in nats, of every answer to the evaluation prompts."""
    prompts, answers = world.prompts("eval"), world.reference_PM.shape[1]
    every = [world.completion(prompt, answer) for prompt in prompts for answer in range(answers)]
    shape = (len(prompts), answers)
    return np.stack([world.utility(every).reshape(shape), (world.seen(every) @ world.weights()).reshape(shape)])


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m pasture.benchmarks.claims.hindsight`: the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=600)
    given = parser.parse_args(arguments)
    found = run(given.seeds, given.labels)
    utility, satisfaction = map(_words, found.start)
    lines = [f"start: true utility {utility}, satisfaction {satisfaction}, in nats; what training adds to it:"]
    lines += [f"{'feedback':<10} {'beta':>5}  {'true utility':>22}  {'satisfaction':>22}"]
    lines += [
        f"{each.mode:<10} {each.beta:>5g}  {_words(each.utility):>22}  {_words(each.satisfaction):>22}" for each in found.arms
    ]
    lines += [f"hindsight less foresight at beta {beta:g}: {_words(gap)} nats of true utility" for beta, gap in found.gaps.items()]
    lines += [f"the gap grows by {_words(found.growth)} nats from the highest beta to the lowest"]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
