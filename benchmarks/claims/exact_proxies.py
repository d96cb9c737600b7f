"""Rewards fitted to noisy labels of pairs in an exact world, and the reference optimised against them, all in closed form.

Ensembles (Coste et al. 2023, arXiv:2310.02743) are fitted to resamples of the same labels, so that they cost no more than one
model; theirs differ by initialisation, which a convex fit does not feel."""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np

from ...core.records import Comparison
from ...core.seeds import rng_for
from ...eval.over_optimisation.curves import mean_reward, standardised, uncertainty_weighted_reward, worst_case_reward
from ...policies import closed_form
from ...simulators.exact.world import SPLITS, ExactWorld
from ...simulators.noise import flip as flipped

NS = tuple(2**power for power in range(11))
BETAS = tuple(float(beta) for beta in np.geomspace(8, 0.02, 11))
"""Weights of the KL, in standard deviations of the proxy a nat."""
MEMBERS = 5
RIDGE = 1e-3
"""Of the fit: enough for a few separable labels to have an answer."""
PENALTY = 0.5  # of uncertainty weighting: proxy's standard deviations per unit of the members' variance


class Reward(StrEnum):
    """Proxies for gold: one reward model, or several combined."""

    ONE = "one model"
    MEAN = "mean of 5"
    WORST_CASE = "worst of 5"
    UNCERTAINTY = "uncertainty-weighted 5"


COMBINED = {
    Reward.MEAN: mean_reward,
    Reward.WORST_CASE: worst_case_reward,
    Reward.UNCERTAINTY: partial(uncertainty_weighted_reward, penalty=PENALTY),
}


class Optimiser(StrEnum):
    """How a proxy is optimised."""

    BEST_OF_N = "best-of-n"
    KL_REGULARISED = "kl-regularised"


STRENGTHS = {Optimiser.BEST_OF_N: NS, Optimiser.KL_REGULARISED: BETAS}


def proxies(world: ExactWorld, flips: Sequence[float], labels: int, seed: int) -> dict[float, dict[Reward, np.ndarray]]:
    """Each reward on the eval prompts' answers, [P, M], at each flip. Pairs, coins and resamples are the same at every flip."""
    rng = rng_for(seed, "over-optimisation")
    pairs_N, differences_ND = _pairs(world, labels, rng)
    p_left_N = np.array([world.probability(pair) for pair in pairs_N])
    coin_N = rng.random(labels)
    draws_EN = [np.arange(labels), *rng.integers(labels, size=(MEMBERS, labels))]
    features_PMD, reference_PM, _ = evaluated(world)
    # a reward has no zero of its own: each prompt's is set where the reference's mean is
    features_PMD = features_PMD - np.einsum("pm,pmd->pd", reference_PM, features_PMD)[:, None]
    found = {}
    for rate in flips:
        label_N = (coin_N < flipped(p_left_N, rate)).astype(float)
        weights_ED = [closed_form.fit_bradley_terry(differences_ND[at_N], label_N[at_N], RIDGE) for at_N in draws_EN]
        raw_EN = np.array(weights_ED) @ features_PMD.reshape(-1, features_PMD.shape[2]).T
        scores_EN = standardised(raw_EN, raw_EN)
        rewards = {Reward.ONE: scores_EN[0]} | {name: combine(scores_EN[1:]) for name, combine in COMBINED.items()}
        found[rate] = {name: reward_N.reshape(reference_PM.shape) for name, reward_N in rewards.items()}
    return found


def _pairs(world: ExactWorld, labels: int, rng: np.random.Generator) -> tuple[list[Comparison], np.ndarray]:
    """Pairs of reference answers to the preference prompts in turn, and their differences in features, [N, D]."""
    prompts, start = world.prompts("preference"), _start(world, "preference")
    pairs, differences = [], []
    for at in range(labels):
        row = at % len(prompts)
        left, right = rng.choice(world.reference_PM.shape[1], 2, p=world.reference_PM[start + row])
        pairs.append(Comparison(*(world.completion(prompts[row], int(answer)) for answer in (left, right))))
        differences.append(world.features_PMD[start + row, left] - world.features_PMD[start + row, right])
    return pairs, np.array(differences)


def evaluated(world: ExactWorld) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [P, M, D], reference [P, M] and gold [P, M] of the eval prompts."""
    start = _start(world, "eval")
    rows = slice(start, start + len(world.prompts("eval")))
    return world.features_PMD[rows], world.reference_PM[rows], world.utilities()[rows]


def _start(world: ExactWorld, split: str) -> int:
    """The first row of a split in the world's tables, which hold the splits one after the other."""
    return sum(len(world.prompts(name)) for name in takewhile(lambda name: name != split, SPLITS))


def measured(world: ExactWorld, optimiser: Optimiser, proxy_PM: np.ndarray) -> np.ndarray:
    """(KL, gain in proxy, gain in gold) at each strength, means over the eval prompts, [3, K]."""
    _, reference_PM, gold_PM = evaluated(world)
    best: Any = closed_form.best_of_n if optimiser is Optimiser.BEST_OF_N else closed_form.regularised_optimum
    rows = []
    for strength in STRENGTHS[optimiser]:
        policy_PM = best(reference_PM, proxy_PM, strength)
        kl = float(closed_form.kl_divergence(policy_PM, reference_PM).mean())
        gains = (closed_form.expected_value(policy_PM - reference_PM, each_PM).mean() for each_PM in (proxy_PM, gold_PM))
        rows.append([max(kl, 0.0), *gains])
    return np.array(rows).T
