"""A small exact world, feedback without noise, and the settings that the exact suite gives the methods."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pasture.benchmarks.ranking.suites
import pytest
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.core.protocols import Policy
from pasture.core.records import Comparison, Preference
from pasture.core.seeds import rng_for
from pasture.methods import METHODS
from pasture.simulators.exact.world import ExactWorld


class Log:
    """Keeps a run's log: (step, reward, kl, length, entropy, extra) as dicts."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def __call__(self, step: int, **values: float | None) -> None:
        self.lines.append({"step": step, **values})


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(scope="session")
def world() -> ExactWorld:
    return ExactWorld(0, prompts=40, responses=16, features=6)


@pytest.fixture(scope="session")
def settings() -> dict[str, dict]:
    folder = Path(pasture.benchmarks.ranking.suites.__file__).parent
    return tomllib.loads((folder / "exact.toml").read_text(encoding="utf-8"))["methods"]


@pytest.fixture(scope="session")
def label(world: ExactWorld) -> Callable[..., list[Preference]]:
    """label(policy, seed=0, copies=1): pairs that the policy samples, with the probability that gold prefers the left answer."""

    def make(policy: Policy, seed: int = 0, copies: int = 1) -> list[Preference]:
        rows = policy.sample(list(world.prompts("preference")) * copies, 2, rng_for(seed, "pairs"))
        pairs = [Comparison(left, right) for left, right in rows]
        return [Preference(pair, world.probability(pair), "gold") for pair in pairs]

    return make


@pytest.fixture(scope="session")
def source(world: ExactWorld) -> Callable[[Sequence[Preference]], MeteredFeedback]:
    """source(preferences): the world's unlabelled prompts and demonstrations, and these labels."""
    prompts, demonstrations = world.prompts("unlabeled"), world.demonstrations()
    return lambda preferences: MeteredFeedback(prompts, demonstrations, preferences, lambda items: [], len(preferences))


@pytest.fixture(scope="session")
def trained(world: ExactWorld, settings: dict[str, dict], label: Callable, source: Callable) -> dict[str, Policy]:
    """Every method's policy from one SFT policy (`start`) and one set of noise-free labels; and `base`, before SFT."""
    sft = METHODS.load("sft")
    base = world.base_policy(0)
    start = sft.train(base, source(()), sft.Config(**settings["sft"]), rng=rng_for(0, "sft"), log=Log())
    preferences = label(start, copies=3)
    policies = {"base": base, "start": start}
    for name, entry in METHODS.table.items():
        if name != "sft" and "yields" not in entry.traits:
            method = METHODS.load(name)
            config = method.Config(**settings[name])
            policies[name] = method.train(start, source(preferences), config, rng=rng_for(0, name), log=Log())
    return policies
