"""Hindsight knows what only the outcome shows, with a model that simulates it and by a world's truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.annotators.scripted.pairs import Gold
from pasture.annotators.systems.rlhs import Foresight, Hindsight, Rlhs
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Reason
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.exact.world import ExactWorld
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld

WORLD = TextWorld(0, sft=1, preference=150, unlabeled=1, eval=1)


def pairs() -> list[Comparison]:
    rng = rng_for(3, "pairs")
    return [Comparison(*(WORLD.answer(each, 0.5, rng) for _ in range(2))) for each in WORLD.prompts("preference")]


def gold_agreement(annotator, engine=None) -> float:
    items = pairs()
    gold = annotate(items, Gold(WORLD)).preferences
    said = annotate(items, annotator, engine=engine).preferences
    return float(np.mean([(a.p_left > 0.5) == (b.p_left > 0.5) for a, b in zip(said, gold, strict=True) if not b.is_tied]))


def test_with_outcomes_shown_a_judge_who_takes_facts_at_their_word_is_mended():
    naive = Actor(foresight=True, temperature=0.05)
    foresight, hindsight = gold_agreement(Rlhs("foresight"), naive), gold_agreement(Rlhs(), naive)
    assert foresight < 0.85
    assert hindsight > foresight + 0.1
    assert hindsight > 0.95


def test_both_outcomes_are_shown_to_the_judge_under_the_answers_that_they_came_of():
    seen = []

    def respond(request: Request) -> Reply | str:
        if request.sampling.labels:
            seen.append(request.messages[-1].content)
            return Reply("A", label_logprobs={"A": -0.1, "B": -2.0})
        return json.dumps({"outcome": f"then {len(request.messages[-1].content)}"})

    pair = pairs()[0]
    said = annotate([pair], Rlhs(), engine=ScriptedEngine(respond=respond, name="x")).preferences[0]
    left, right = (len(Rlhs()._outcome.request(each).messages[-1].content) for each in (pair.left, pair.right))
    assert (
        seen[0].index("outcome A =") < seen[0].index(f"then {left}") < seen[0].index("outcome B =") < seen[0].index(f"then {right}")
    )
    assert said.rationale == f"Outcome of the left answer: then {left}\n\nOutcome of the right answer: then {right}"


@pytest.mark.parametrize("text", ['{"outcome": ""}', '{"ending": "good"}', '{"outcome": "cut', "\ufffd"])
def test_an_outcome_that_cannot_be_read_is_no_verdict_and_is_not_kept(text):
    with Store() as store:
        engine = ScriptedEngine(respond=lambda request: text, name=f"x{text}")
        said = annotate(pairs()[:1], Rlhs(), engine=engine, store=store).results[0]
        assert isinstance(said, Abstention)
        assert said.reason is Reason.UNPARSABLE
        assert len(store) == 0


def test_by_a_worlds_truth_hindsight_is_gold_and_foresight_goes_by_looks():
    assert gold_agreement(Hindsight(WORLD, temperature=0.0)) == 1.0
    assert gold_agreement(Foresight(WORLD, temperature=0.0)) < 0.9
    exact = ExactWorld(0, prompts=20, features=6, hidden=6)
    prompt = exact.prompts("preference")[0]
    pair = Comparison(exact.completion(prompt, 0), exact.completion(prompt, 1))
    assert Foresight(exact).advantage(pair) == pytest.approx(
        -Hindsight(exact).advantage(pair)
    )  # all features are hidden, and look opposite
    open_world = ExactWorld(0, prompts=20, features=6, hidden=0)
    assert Foresight(open_world).advantage(pair) == pytest.approx(Hindsight(open_world).advantage(pair))


@pytest.mark.parametrize("mode", [Foresight, Hindsight])
def test_noise_is_the_pairs(mode):
    items = pairs()
    said = annotate(items, mode(WORLD), seed=2).preferences
    turned = annotate([each.swapped() for each in items], mode(WORLD), seed=2).preferences
    assert [a.p_left for a in said] == [1 - b.p_left for b in turned]
    assert {each.p_left for each in said} <= {0.0, 0.5, 1.0}


def test_a_report_can_tell_the_modes_apart_and_a_name_of_ones_own_wins():
    said = annotate(pairs()[:2], Rlhs("foresight"), engine=Actor()).preferences
    assert {each.annotator for each in said} == {"rlhs(foresight)"}
    assert (Rlhs().name, make_annotator("rlhs", mode="foresight").name) == ("rlhs(hindsight)", "rlhs(foresight)")
    assert make_annotator("rlhs", mode="foresight", name="naive").name == "naive"


def test_an_rlhs_that_cannot_be_is_refused():
    for options in ({"mode": "insight"}, {"mode": "foresight", "outcome": {"max_tokens": 3}}, {"judge": {"sheared": "x"}}):
        with pytest.raises(InputError):
            make_annotator(Rlhs, **options)
    with pytest.raises(InputError):
        Foresight(WORLD, user="nobody")
    with pytest.raises(InputError):
        Hindsight(WORLD, temperature=-1.0)
