"""The ground that the cells of one seed share: the SFT policy, and the labelled pairs that are sampled from it.

It is made once per seed, so that every method starts from the same policy and reads the same labels."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.protocols import FeedbackSource, Policy
from ...core.records import Abstention, Comparison, Feedback, Prompt
from ...core.results import Curve, CurvePoint
from ...core.seeds import rng_for
from ...methods import METHODS
from .feedback import feedback_source, training_annotator
from .suite import Suite, method_config, suite_world, yields_policy


@dataclass(frozen=True, slots=True)
class Ground:
    """What the cells of one seed share."""

    sft: Policy
    offline: tuple[Feedback | Abstention, ...]
    sft_curve: Curve
    seconds: Mapping[str, float]
    """Wall-clock by stage: `sft`, `pairs`, `labels`."""


class Stopwatch:
    """Wall-clock by stage: `lap(name)` books the time since the last lap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


class CurveLog:
    """Implements `core.protocols.TrainingLog`: keeps the points for the report's curves."""

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []

    def __call__(
        self, step: int, *, reward: float | None, kl: float | None, length: float | None, entropy: float | None, **extra: float
    ) -> None:
        self.points.append(CurvePoint(step, reward, kl, length, entropy, extra))


def train_method(suite: Suite, name: str, policy: Policy, feedback: FeedbackSource, seed: int) -> tuple[Policy, Curve]:
    """What the method makes of the policy, and its log."""
    log, config = CurveLog(), method_config(suite, name)
    with METHODS.explained(name):
        trained = METHODS.load(name).train(policy, feedback, config, rng=rng_for(seed, "train", name), log=log)
    if yields_policy(name) and not callable(getattr(trained, "sample", None)):
        raise InputError(f"the method {name!r} returned a {type(trained).__name__}; `train` returns the new policy")
    return trained, Curve(name, seed, tuple(log.points))


def preference_pairs(policy: Policy, prompts: Sequence[Prompt], count: int, seed: int) -> list[Comparison]:
    """`count` pairs of the policy's own answers: one for each prompt, then a second for each, and so on."""
    rounds = -(-count // len(prompts))
    answers = policy.sample(prompts[:count], 2 * rounds, rng_for(seed, "pairs"))
    return [Comparison(row[2 * k], row[2 * k + 1]) for k in range(rounds) for row in answers][:count]


def make_ground(suite: Suite, seed: int, session: Session) -> Ground:
    """Trains the seed's SFT policy, samples two answers to each preference prompt from it, and has the pairs labelled."""
    world, watch = suite_world(suite), Stopwatch()
    sft, curve = train_method(suite, "sft", world.base_policy(seed), feedback_source(suite, world, seed, (), session), seed)
    watch.lap("sft")
    pairs = preference_pairs(sft, world.prompts("preference"), suite.labels, seed)
    watch.lap("pairs")
    offline = session.ask_all(pairs, training_annotator(suite, world), seed).results
    watch.lap("labels")
    return Ground(sft, offline, curve, watch.seconds)
