"""PERSONA's loop in the world whose users are the personas: a revision helps whom it was made for, and them most."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pasture.annotators.runner import Session
from pasture.annotators.systems.persona.judge import PersonaJudge
from pasture.benchmarks.claims.persona_bench import persona_bench
from pasture.core.errors import InputError
from pasture.core.records import Completion
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.material import world_items
from pasture.simulators.personas.words import render
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import text_personas

WORLD = text_personas(0, spread=3.0, preference=60)
ANSWERS = [each for each in world_items(WORLD, "answer", 60) if isinstance(each, Completion)]


def test_a_revision_helps_whom_it_was_made_for_more_than_others():
    found = persona_bench(ANSWERS, Session(Actor()), world=WORLD, samples=2, attributes=("religion",), temperature=0.0)
    assert found.revisions == 120
    assert found.row("by true utility").low > 0.7
    assert found.row("as its person").value > found.row("as another person").value + 0.03
    assert found.row("pass@2").value == found.row("pass@1").value  # at the temperature 0 all tries are one
    assert found.row("as the truth").value > 0.8
    assert found.row("without religion").n == len({each.prompt.id for each in ANSWERS})
    assert found.abstentions == 0
    assert found.row("as the truth, kappa").value > 0.5
    assert (
        found.row("same person, other order").value > found.row("another person").value + 0.05
    )  # test and retest, against between persons


@pytest.mark.parametrize("misread", [0, 1, 2])
def test_the_worst_served_person_is_the_one_that_is_misread(misread: int):
    actor, person = Actor(temperature=0.0), PersonaJudge(personas=3).personas[misread]

    def respond(request):
        reply = actor.respond(request)
        if not request.sampling.labels or render(person) not in request.messages[-1].content:
            return reply
        turned = {"A": reply.label_logprobs["B"], "B": reply.label_logprobs["A"]}
        return replace(reply, label_logprobs=turned)

    engine = ScriptedEngine(respond=respond, name="misreads")
    found = persona_bench(ANSWERS, Session(engine), world=WORLD, personas=3, samples=1, attributes=())
    (worst,) = (each for each in found.rows if each.name == "worst served person")
    assert worst.finding == person.id
    assert worst.estimate.value < 0.3
    assert found.row("as the truth").value > 0.5


def test_sampled_revisions_differ_so_more_tries_please_more_often():
    found = persona_bench(ANSWERS, Session(Actor()), world=WORLD, samples=4, attributes=(), temperature=1.0)
    assert found.row("pass@4").value > found.row("pass@1").value + 0.03
    assert found.row("by true utility").low > 0.7
    assert found.row("same person, other order").value > found.row("another person").value


def test_what_cannot_be_read_is_counted():
    actor = Actor()

    def respond(request):
        reply = actor.respond(request)
        return Reply("hm") if "critique" in reply.text and len(reply.text) % 3 == 0 else reply

    found = persona_bench(
        ANSWERS[:20], Session(ScriptedEngine(respond=respond, name="forgetful")), world=WORLD, samples=1, attributes=()
    )
    assert 0 < found.abstentions < 20
    assert found.revisions == 20 - found.abstentions


def test_bad_material_is_refused():
    with pytest.raises(InputError, match="two answers"):
        persona_bench([ANSWERS[0], ANSWERS[0]], Session(Actor()))
    with pytest.raises(InputError, match="needs two or more"):
        persona_bench(ANSWERS[:2], Session(Actor()), personas=1)
