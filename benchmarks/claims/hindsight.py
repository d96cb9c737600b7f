"""Does feedback in hindsight make a better policy than feedback in foresight? After RLHS (Liang et al. 2025, arXiv:2501.08617).

In the exact world some features of an answer show only in its outcome, and until then look like their opposite, as praise for a
product does. One user labels the same pairs twice: by how the answers look (foresight) and by what they turn out to be (hindsight).
DPO learns from each, ever harder (a lower beta). Measured in closed form, on unseen prompts: true utility, and satisfaction, which
is what the answers look worth. A seed is a world, its pairs and its labels; intervals are over seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...annotators.runner import annotate
from ...annotators.systems.rlhs import Foresight, Hindsight
from ...core.errors import InputError
from ...core.results import Measure
from ...core.seeds import rng_for
from ...eval.intervals.clusters import mean_over_seeds
from ...methods.pairwise import dpo
from ...simulators.exact.world import ExactWorld
from ..ranking.cell import CurveLog, preference_pairs
from ..ranking.feedback import MeteredFeedback
from .claim import Check, Claim, check_seeds

MODES = {"foresight": Foresight, "hindsight": Hindsight}
BETAS = (1.0, 0.4, 0.15)
GAP = "hindsight less foresight"
RECIPE: dict[str, Any] = {"learning_rate": 0.1, "epochs": 80, "batch_size": 10_000, "schedule": "cosine", "warmup": 0.0}
"""DPO's settings in the exact world, as its suite has them."""


def run(
    seeds: int = 5,
    labels: int = 600,
    betas: Sequence[float] = BETAS,
    temperature: float = 1.0,
    prompts: int = 100,
    responses: int = 64,
    hidden: int | None = None,
) -> list[Measure]:
    """What the start reached, what each arm adds to it, and hindsight's true utility less foresight's, paired by seed; in nats.

    betas: of DPO, at least two, each > 0. temperature: the user's noise in nats. prompts, responses, hidden: of `ExactWorld`."""
    check_seeds(seeds)
    if len(set(betas)) < 2:
        raise InputError(f"betas are {tuple(betas)}; growth needs two of them")
    betas = sorted(betas, reverse=True)
    options = {"prompts": prompts, "responses": responses, "hidden": hidden}
    cells = [_seed(seed, labels, betas, temperature, options) for seed in range(seeds)]

    def rows(group: str, tables_S2P: list[np.ndarray]) -> list[Measure]:
        utility_SP, looks_SP = np.array(tables_S2P).transpose(1, 0, 2)
        return [
            Measure(group, "true utility", mean_over_seeds(utility_SP), "nats", "of the answers"),
            Measure(group, "satisfaction", mean_over_seeds(looks_SP), "nats", "what they look worth"),
        ]

    gained = {key: [trained[key] - start for start, trained in cells] for key in cells[0][1]}
    found = rows("start", [start for start, _ in cells])
    for (mode, beta), gains in gained.items():
        found += rows(f"{mode}, beta {beta:g}, less the start", gains)
    gap_BS = [[h[0] - f[0] for h, f in zip(gained["hindsight", b], gained["foresight", b], strict=True)] for b in betas]
    for beta, gap_S in zip(betas, gap_BS, strict=True):
        found.append(Measure(GAP, f"beta {beta:g}", mean_over_seeds(np.array(gap_S)), "nats", "difference in true utility"))
    growth = np.array([last - first for last, first in zip(gap_BS[-1], gap_BS[0], strict=True)])
    found.append(Measure(GAP, "growth", mean_over_seeds(growth), "nats", "the gap at the lowest beta, less that at the highest"))
    return found


def _seed(
    seed: int, labels: int, betas: Sequence[float], temperature: float, options: dict[str, Any]
) -> tuple[np.ndarray, dict[tuple[str, float], np.ndarray]]:
    """(what the start reached, what each arm did), each [2, P]: true utility and satisfaction by evaluation prompt."""
    world = ExactWorld(seed, **options)
    policy = world.base_policy(seed)
    pairs = preference_pairs(policy, world.prompts("preference"), labels, seed)
    prompts, answers = world.prompts("eval"), world.reference_PM.shape[1]
    every = [world.completion(prompt, answer) for prompt in prompts for answer in range(answers)]
    # true utility and looks, in nats, of every answer to the evaluation prompts
    worth_2PM = np.array([world.utility(every), world.seen(every) @ world.weights()]).reshape(2, len(prompts), answers)

    def reached(trained: Any) -> np.ndarray:
        policy_PM = trained.probabilities(prompts).detach().numpy()
        return (policy_PM * worth_2PM).sum(-1)

    found = {}
    for mode, annotator in MODES.items():
        said = annotate(pairs, annotator(world, temperature=temperature), seed=seed).results
        for beta in betas:
            feedback = MeteredFeedback(world.prompts("unlabeled"), world.demonstrations(), said, lambda items: [], labels)
            config = dpo.Config(beta=beta, **RECIPE)
            found[mode, beta] = reached(dpo.train(policy, feedback, config, rng=rng_for(seed, mode), log=CurveLog()))
    return reached(policy), found


CLAIM = Claim(run, (*(Check(GAP, f"beta {beta:g}") for beta in BETAS), Check(GAP, "growth")))
