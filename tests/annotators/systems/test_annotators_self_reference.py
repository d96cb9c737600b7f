"""The self-reference judge: order averaging lowers the flip rate, strength is calibrated, and the reference step gains."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pasture.annotators.judges.judge import Judge
from pasture.annotators.runner import annotate
from pasture.annotators.systems.self_reference import SelfReference, certainty
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Reason
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.actor.scene import sections_of
from pasture.simulators.text.world import TextWorld

WORLD = TextWorld(0, sft=1, preference=200, unlabeled=1, eval=1)


def pairs(count: int = 200) -> list[Comparison]:
    rng = rng_for(4, "pairs")
    return [Comparison(*(WORLD.answer(each, 0.5, rng) for _ in range(2))) for each in WORLD.prompts("preference")[:count]]


def judged(annotator, items: list[Comparison], engine) -> tuple[Preference, ...]:
    said = annotate(items, annotator, engine=engine).preferences
    assert len(said) == len(items)
    return said


def right(said: Preference) -> float:
    advantage = WORLD.advantage(said.comparison)
    return 0.5 if advantage == 0 or said.is_tied else float((said.p_left > 0.5) == (advantage > 0))


def flips(annotator, engine) -> float:
    """Share of pairs whose winner changes with the order in which they are shown."""
    items = pairs(80)
    shown, turned = judged(annotator, items, engine), judged(annotator, [each.swapped() for each in items], engine)
    return float(np.mean([(a.p_left > 0.5) != (b.p_left < 0.5) for a, b in zip(shown, turned, strict=True)]))


def test_order_averaging_lowers_the_position_flip_rate():
    leaning = Actor(position_bias=0.8)
    one, both = flips(SelfReference(1, both_orders=False), leaning), flips(SelfReference(1), leaning)
    assert one > 0.15
    assert both == 0.0  # what one order is asked the other is asked too


def test_strength_is_calibrated():
    # A judge who sees worth through noise of 1 nat, drawn a request: sure samples agree.
    said = judged(SelfReference(3), pairs(), ScriptedEngine(respond=noisy, name="noisy"))
    by_strength = sorted(said, key=lambda each: each.strength or 0.0)
    third = len(said) // 3
    weak, strong = (float(np.mean([right(each) for each in part])) for part in (by_strength[:third], by_strength[-third:]))
    assert strong > weak + 0.1
    assert all(0 < each.strength <= 1 for each in said if each.strength is not None)


def noisy(request: Request) -> Reply | str:
    if not request.sampling.labels:
        wanted = next(iter(json.loads(request.sampling.schema)["properties"]))
        return json.dumps({wanted: f"thought {request.sampling.seed}"})
    found, _ = sections_of(request.messages)
    prompt = next(each for each in WORLD.prompts("preference") if each.text == found["instruction"])
    a, b = WORLD.utility([Completion(prompt, found[f"answer {side}"]) for side in "AB"])
    margin = float(a - b + 1.5 * rng_for(0, request.messages[-1].content).normal())
    return Reply("A", label_logprobs={"A": -math.log1p(math.exp(-margin)), "B": -math.log1p(math.exp(margin))})


def test_the_reference_step_gains_over_the_direct_verdict():
    # A judge who does not know the facts until it has answered for itself: without a reference it guesses.
    def forgetful(request: Request) -> Reply:
        has_reference = "reference =" in request.messages[-1].content
        return (knows if has_reference or request.sampling.schema else guesses).respond(request)

    knows, guesses = Actor(), Actor(skill=0.4)
    engine, items = ScriptedEngine(respond=forgetful, name="forgetful"), pairs()
    direct, referred = (
        float(np.mean([right(each) for each in judged(annotator, items, engine)])) for annotator in (Judge(), SelfReference(1))
    )
    assert referred > direct + 0.1


def test_with_the_actor_it_is_sure_of_every_verdict_and_right():
    said = judged(SelfReference(1), pairs(20), Actor())
    assert all(each.strength is not None and each.strength > 0.7 for each in said)
    assert [right(each) for each in said] == [1.0] * 20


def test_certainty_is_the_inverse_of_the_semantic_perplexity():
    # exp((log .9 + log .4) / 2) = sqrt(.36) = .6; split samples are at most 1/2.
    assert certainty([0.9, 0.4]) == pytest.approx(0.6)
    assert certainty([1.0, 1.0]) == 1.0
    assert certainty([0.9, 0.1]) == pytest.approx(0.3)
    assert certainty([1.0, 0.0]) == pytest.approx(1e-6)


def test_samples_differ_by_seed_and_the_reference_is_asked_once_a_prompt():
    engine = Actor()
    with Store() as store:
        said = annotate(pairs(1), SelfReference(3), engine=engine, store=store)
        # 1 reference, 2 x 3 critiques, 2 x 3 verdicts, of which those after equal critiques are one
        assert 8 <= said.usage.requests <= 13
        assert len(said.preferences[0].parts) == 6
        assert said.preferences[0].parts[0].comparison == said.preferences[0].comparison
        assert said.preferences[0].parts[-1].comparison == said.preferences[0].comparison.swapped()


def test_two_answers_of_one_text_are_a_tie_in_both_orders():
    item = pairs(1)[0]
    same = Comparison(item.left, item.left)
    assert judged(SelfReference(2), [same], Actor(position_bias=1.0))[0].p_left == pytest.approx(0.5)


def test_a_step_that_cannot_be_read_is_no_verdict():
    with Store() as store:
        said = annotate(pairs(1), SelfReference(), engine=ScriptedEngine(respond=lambda _: "{", name="cut"), store=store).results[0]
        assert isinstance(said, Abstention)
        assert said.reason is Reason.UNPARSABLE
        assert len(store) == 0
    with pytest.raises(InputError):
        SelfReference(samples=0)
