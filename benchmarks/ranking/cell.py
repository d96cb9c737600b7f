"""One cell of a ranking: one method under one seed, trained, sampled from and judged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.protocols import Annotator, Policy, Truth, World
from ...core.records import Abstention, Comparison, Completion, Preference, score_of
from ...core.results import Curve, Example
from ...core.seeds import rng_for, seed_for
from ...eval.win_rates.pairing import blind_pairs
from ...methods import METHODS
from .feedback import feedback_source
from .ground import Ground, Stopwatch, train_method
from .suite import Suite, suite_world

EXAMPLES = 12
"""Comparisons a cell keeps for the report's browser."""


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
            raise InputError(
                f"the world {suite.world!r} was asked for the truth on {len(answers)} prompts and gave an array of shape "
                f"{np.shape(values_P)}; `truth(policy, answers)` gives one value per row of `answers`"
            )
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
