"""One cell of a ranking: one method under one seed, trained, sampled from and judged, on the ground that a seed's cells share.

The ground is made once per seed, so that every method starts from the same policy and reads the same labels."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.protocols import Annotator, FeedbackSource, Policy, Truth, World
from ...core.records import Abstention, Comparison, Completion, Feedback, Preference, Prompt, score_of
from ...core.results import Curve, CurvePoint, Example
from ...core.seeds import rng_for, seed_for
from ...eval.win_rates.pairing import blind_pairs
from ...methods import METHODS
from .feedback import feedback_source, training_annotator
from .suite import Suite, method_config, suite_world, yields_policy

EXAMPLES = 12  # comparisons a cell keeps for the report's browser


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


@dataclass(frozen=True, slots=True)
class Cell:
    """What one method reached under one seed. Lists run over the suite's evaluation prompts."""

    method: str
    seed: int
    scores_PK: tuple[tuple[float | None, ...], ...]
    """Probability of beating the rival, by prompt and sample; None where the evaluator abstained."""
    gold_values_P: tuple[float | None, ...]
    """None where the world does not know, here and below."""
    gold_win_rates_P: tuple[float | None, ...]
    kl: float | None
    length: float
    labels: int
    """Training labels bought."""
    label_abstentions: int
    """Those of them that are abstentions."""
    seconds: Mapping[str, float]
    """Wall-clock by stage: `train`, `sample`, `judge`, `truth`."""
    curve: Curve
    examples: tuple[Example, ...]


def run_cell(suite: Suite, method: str, seed: int, ground: Ground, session: Session) -> Cell:
    """Trains and judges one method. SFT is the ground itself: its policy is not trained twice."""
    world, watch = suite_world(suite), Stopwatch()
    feedback = feedback_source(suite, world, seed, ground.offline, session)
    if method == "sft":
        policy, curve = ground.sft, ground.sft_curve
    else:
        start = world.base_policy(seed) if METHODS.entry(method).traits.get("starts_from") == "base" else ground.sft
        policy, curve = train_method(suite, method, start, feedback, seed)
    watch.lap("train")
    prompts = world.prompts("eval")[: suite.eval_prompts]
    answers = policy.sample(prompts, suite.samples, rng_for(seed, "evaluate"))
    watch.lap("sample")
    preferences, is_left = judge(make_annotator(suite.evaluator, world=world), world, answers, session)
    scores = [_known(score_of(each, left)) for each, left in zip(preferences, is_left, strict=True)]
    watch.lap("judge")
    truth = true_values(suite, world, policy, answers)
    flat = [each for row in answers for each in row]
    kl = policy.kl(ground.sft, flat)
    watch.lap("truth")
    return Cell(
        method=method,
        seed=seed,
        scores_PK=tuple(tuple(scores[start : start + suite.samples]) for start in range(0, len(scores), suite.samples)),
        gold_values_P=tuple(map(_known, truth.values_P)),
        gold_win_rates_P=tuple(map(_known, truth.win_rates_P)),
        kl=_known(kl),
        length=sum(len(each.tokens) for each in flat) / len(flat),
        labels=feedback.bought,
        label_abstentions=feedback.abstained,
        seconds=watch.seconds,
        curve=curve,
        examples=_examples(world, method, seed, preferences, is_left),
    )


def true_values(suite: Suite, world: World, policy: Policy, answers: Sequence[Sequence[Completion]]) -> Truth:
    """The world's truth on the prompts of the answers. Raises InputError where it is of other prompts."""
    truth = world.truth(policy, answers)
    for values_P in truth:
        if np.shape(values_P) != (len(answers),):
            what = f"the world {suite.world!r} was asked for the truth on {len(answers)} prompts and gave an array of shape"
            raise InputError(f"{what} {np.shape(values_P)}; `truth(policy, answers)` gives one value per row of `answers`")
    return truth


def check_truth(suite: Suite, policy: Policy) -> None:
    """The world knows the truth, or NaN, of the evaluation prompts that are asked: said before anything is trained."""
    world = suite_world(suite)
    rivals = world.rivals(world.prompts("eval")[: suite.eval_prompts])
    true_values(suite, world, policy, [[rival] for rival in rivals])


def judge(
    evaluator: Annotator, world: World, answers: Sequence[Sequence[Completion]], session: Session
) -> tuple[list[Preference | Abstention], list[bool]]:
    """The evaluator's verdicts on answers against the world's fixed rivals, blind to their makers and in random order.

    Its randomness is keyed on the pair alone, so that two methods with the same answer get the same verdict."""
    candidates = [each for row in answers for each in row]
    rivals = world.rivals([row[0].prompt for row in answers])
    comparisons, is_left = blind_pairs(candidates, rivals, seed=seed_for(0, "evaluate"))
    said = session.ask_all(comparisons, evaluator, seed_for(0, "evaluate")).results
    verdicts = [each for each in said if isinstance(each, Preference | Abstention)]
    if len(verdicts) < len(said):
        raise InputError(f"the evaluator {evaluator.name!r} gives no preferences; name an annotator that compares two answers")
    return verdicts, list(is_left)


def _known(value: float) -> float | None:
    """As JSON has it: None for an abstention, and for what the world does not know."""
    return float(value) if math.isfinite(value) else None


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
                p_candidate=_known(score_of(said, left)),
                annotator=said.annotator,
                rationale=said.rationale if isinstance(said, Preference) else f"abstained: {said.reason}. {said.detail}",
                gold_candidate=_known(gold_candidate),
                gold_rival=_known(gold_rival),
            )
        )
    return tuple(kept)
