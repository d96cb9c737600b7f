"""One cell of a ranking: one method under one seed, trained, sampled from and judged; and the ground that its seed's cells share.

The ground (the SFT policy, and the labelled pairs sampled from it) is made once a seed, so that every method starts from
the same policy and reads the same labels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...annotators import make_annotator
from ...annotators.runner import annotate
from ...core.errors import InputError
from ...core.protocols import Annotator, Engine, FeedbackSource, Policy, World
from ...core.records import Abstention, Comparison, Completion, Feedback, Item, Preference, Prompt
from ...core.results import Curve, CurvePoint, Example
from ...core.seeds import rng_for, seed_for
from ...core.store import Store
from ...engines import make_engine
from ...eval.win_rates.pairing import blind_pairs
from ...methods import METHODS
from ...simulators import WORLDS
from .feedback import MeteredFeedback
from .suite import Suite

EXAMPLES = 12
"""Comparisons a cell keeps for the report's browser."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one method reached under one seed. Lists run over the suite's evaluation prompts."""

    method: str
    seed: int
    scores_PK: tuple[tuple[float | None, ...], ...]
    """Probability of beating the rival, by prompt and sample; None where the evaluator abstained."""
    gold_values_P: tuple[float, ...]
    gold_win_rates_P: tuple[float, ...]
    kl: float
    length: float
    labels: int
    label_abstentions: int
    seconds: Mapping[str, float]
    """Wall-clock by stage: `train`, `sample`, `judge`, `truth`."""
    curve: Curve
    examples: tuple[Example, ...]


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


@lru_cache(maxsize=1)
def _engine(name: str, model: str) -> Engine:
    return make_engine(name, model)


def ask_all(
    suite: Suite, items: Sequence[Item], annotator: Annotator, seed: int, store: Store | None
) -> list[Feedback | Abstention]:
    engine = _engine(suite.engine, suite.model) if suite.engine else None
    return list(annotate(items, annotator, engine=engine, store=store, seed=seed).results)


@lru_cache(maxsize=2)
def _world(name: str, options: tuple[tuple[str, Any], ...]) -> World:
    return WORLDS.load(name)(**dict(options))


def suite_world(suite: Suite) -> World:
    return _world(suite.world, tuple(sorted(suite.world_options.items())))


def check_suite(suite: Suite, *, yields: str | None = "policy") -> None:
    """Every name and setting of the suite is known, and every ranked method yields a policy, before anything is trained."""
    for name in suite.ranked:
        if yields and METHODS.entry(name).traits.get("yields", "policy") != yields:
            raise InputError(
                f"the method {name!r} yields a {METHODS.entry(name).traits['yields']}, which cannot be ranked; leave it out"
            )
        method_config(suite, name)
    if suite.model and not suite.engine:
        raise InputError(f"the model {suite.model!r} goes with an engine; name one, for instance --engine vllm")
    world = suite_world(suite)
    for amount, split in (("prompts", "unlabeled"), ("eval_prompts", "eval")):
        wanted, known = getattr(suite, amount), len(world.prompts(split))
        if wanted > known:
            raise InputError(
                f"the suite has {amount} = {wanted} and the world {suite.world!r} has {known} {split} prompts; lower `{amount}`"
            )
    make_annotator(suite.feedback, world=world)
    make_annotator(suite.evaluator, world=world)


def method_config(suite: Suite, name: str) -> Any:
    """The method's Config under the suite's settings."""
    settings = suite.methods.get(name, {})
    try:
        return METHODS.load(name).Config(**settings)
    except TypeError as error:
        known = ", ".join(METHODS.load(name).Config.__dataclass_fields__)
        raise InputError(f"the method {name!r} does not take {settings}: {error}; its settings are: {known}") from error


def training_annotator(suite: Suite, world: World) -> Annotator:
    """Whoever labels the training pairs, noise included."""
    inner = make_annotator(suite.feedback, world=world)
    if not suite.flip:
        return inner
    from ...annotators.wrappers.flip import Flip

    return Flip(inner, suite.flip)


def feedback_source(
    suite: Suite, world: World, seed: int, offline: Sequence[Feedback | Abstention], store: Store | None = None
) -> MeteredFeedback:
    annotator = training_annotator(suite, world)
    prompts = world.prompts("unlabeled")[: suite.prompts]
    return MeteredFeedback(
        prompts, world.demonstrations(), offline, lambda items: ask_all(suite, items, annotator, seed, store), suite.labels
    )


class CurveLog:
    """Implements `core.protocols.TrainingLog`: keeps the points for the report's curves."""

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []

    def __call__(
        self, step: int, *, reward: float | None, kl: float | None, length: float | None, entropy: float | None, **extra: float
    ) -> None:
        self.points.append(CurvePoint(step, reward, kl, length, entropy, extra))


def train_method(suite: Suite, name: str, policy: Policy, feedback: FeedbackSource, seed: int) -> tuple[Policy, Curve]:
    log = CurveLog()
    trained = METHODS.load(name).train(policy, feedback, method_config(suite, name), rng=rng_for(seed, "train", name), log=log)
    return trained, Curve(name, seed, tuple(log.points))


def preference_pairs(policy: Policy, prompts: Sequence[Prompt], count: int, seed: int) -> list[Comparison]:
    """`count` pairs of the policy's own answers: one for each prompt, then a second for each, and so on."""
    rounds = -(-count // len(prompts))
    answers = policy.sample(prompts[:count], 2 * rounds, rng_for(seed, "pairs"))
    return [Comparison(row[2 * k], row[2 * k + 1]) for k in range(rounds) for row in answers][:count]


def make_ground(suite: Suite, seed: int, store: Store | None = None) -> Ground:
    """Trains the seed's SFT policy, samples two answers to each preference prompt from it, and has the pairs labelled."""
    world, watch = suite_world(suite), Stopwatch()
    sft, curve = train_method(suite, "sft", world.base_policy(seed), feedback_source(suite, world, seed, ()), seed)
    watch.lap("sft")
    pairs = preference_pairs(sft, world.prompts("preference"), suite.labels, seed)
    watch.lap("pairs")
    offline = ask_all(suite, pairs, training_annotator(suite, world), seed, store)
    watch.lap("labels")
    return Ground(sft, tuple(offline), curve, watch.seconds)


def run_cell(suite: Suite, method: str, seed: int, ground: Ground, store: Store | None = None) -> Cell:
    """Trains and judges one method. SFT is the ground itself: its policy is not trained twice."""
    world, watch = suite_world(suite), Stopwatch()
    feedback = feedback_source(suite, world, seed, ground.offline, store)
    if method == "sft":
        policy, curve = ground.sft, ground.sft_curve
    else:
        start = world.base_policy(seed) if METHODS.entry(method).traits.get("starts_from") == "base" else ground.sft
        policy, curve = train_method(suite, method, start, feedback, seed)
    watch.lap("train")
    prompts = world.prompts("eval")[: suite.eval_prompts]
    answers = policy.sample(prompts, suite.samples, rng_for(seed, "evaluate"))
    watch.lap("sample")
    preferences, is_left = judge(suite, world, answers, store)
    watch.lap("judge")
    truth = world.truth(policy, answers)
    flat = [each for row in answers for each in row]
    kl = policy.kl(ground.sft, flat)
    watch.lap("truth")
    return Cell(
        method=method,
        seed=seed,
        scores_PK=_scores(preferences, is_left, suite.samples),
        gold_values_P=tuple(map(float, truth.values_P)),
        gold_win_rates_P=tuple(map(float, truth.win_rates_P)),
        kl=kl,
        length=sum(len(each.tokens) for each in flat) / len(flat),
        labels=feedback.bought,
        label_abstentions=feedback.abstained,
        seconds=watch.seconds,
        curve=curve,
        examples=_examples(world, method, seed, preferences, is_left),
    )


def judge(
    suite: Suite, world: World, answers: Sequence[Sequence[Completion]], store: Store | None = None
) -> tuple[list[Preference | Abstention], list[bool]]:
    """The evaluator's verdicts on answers against the world's fixed rivals, blind to who made them and in random order.

    Its randomness is keyed on the pair alone, so that two methods with the same answer get the same verdict."""
    candidates = [each for row in answers for each in row]
    rivals = world.rivals([row[0].prompt for row in answers])
    comparisons, is_left = blind_pairs(candidates, rivals, seed=seed_for(0, "evaluate"))
    evaluator = make_annotator(suite.evaluator, world=world)
    said = ask_all(suite, comparisons, evaluator, seed_for(0, "evaluate"), store)
    verdicts = [each for each in said if isinstance(each, Preference | Abstention)]
    if len(verdicts) < len(said):
        raise InputError(f"the evaluator {suite.evaluator!r} gives no preferences; name an annotator that compares two answers")
    return verdicts, list(is_left)


def _score(said: Preference | Abstention, is_left: bool) -> float | None:
    """Probability of the candidate; None for an abstention."""
    if isinstance(said, Abstention):
        return None
    return said.p_left if is_left else 1.0 - said.p_left


def _scores(said: Sequence[Preference | Abstention], is_left: Sequence[bool], samples: int) -> tuple[tuple[float | None, ...], ...]:
    flat = [_score(each, left) for each, left in zip(said, is_left, strict=True)]
    return tuple(tuple(flat[start : start + samples]) for start in range(0, len(flat), samples))


def _examples(
    world: World, method: str, seed: int, preferences: Sequence[Preference | Abstention], is_left: Sequence[bool]
) -> tuple[Example, ...]:
    kept: list[Example] = []
    for said, left in list(zip(preferences, is_left, strict=True))[:EXAMPLES]:
        pair = said.comparison if isinstance(said, Preference) else said.item
        assert isinstance(pair, Comparison)
        candidate, rival = (pair.left, pair.right) if left else (pair.right, pair.left)
        gold_candidate, gold_rival = world.utility([candidate, rival])
        kept.append(
            Example(
                method=method,
                seed=seed,
                prompt=pair.prompt.text,
                candidate=candidate.text,
                rival=rival.text,
                shown_first="candidate" if left else "rival",
                p_candidate=_score(said, left),
                annotator=said.annotator,
                rationale=said.rationale if isinstance(said, Preference) else f"abstained: {said.reason}. {said.detail}",
                gold_candidate=float(gold_candidate),
                gold_rival=float(gold_rival),
            )
        )
    return tuple(kept)
