"""A user edits by rules of the context; CIPHER's parts read the edit, keep it and recall it; edits become cheaper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.annotators import make_annotator
from pasture.annotators.runner import Session, annotate
from pasture.annotators.systems.cipher import EditingUser, Memory, Steps, aggregated, edit_cost
from pasture.core.errors import InputError, PastureError
from pasture.core.records import Abstention, Comparison, Completion, Prompt, Revision
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.principles import style
from pasture.simulators.text.world import TextWorld

WORLD = TextWorld(0, sft=1, preference=60, unlabeled=1, eval=1)
SAID = st.lists(st.sampled_from(["a", "b", "c", "\n"]), max_size=6).map(" ".join)


def revised(prompt: str, draft: str, **options) -> str:
    said = annotate([Completion(Prompt(prompt), draft)], EditingUser(**options)).results[0]
    assert isinstance(said, Revision)
    return said.text


def test_the_user_edits_by_the_rules_of_the_context_and_leaves_what_suits():
    draft = "It eats hay."
    formal = revised("What does a cow eat?", draft, rules={"food": "Prefer formal answers."})
    assert style("What does a cow eat?", formal)["formal"] == 1.0
    assert "hay" in formal
    assert revised("What does a cow eat?", formal, rules={"food": "Prefer formal answers."}) == formal
    assert revised("What does a cow eat?", draft, rules={"capital": "Prefer formal answers."}) == draft


def test_of_two_answers_the_user_prefers_the_one_that_costs_less_to_edit():
    prompt = Prompt("What does a cow eat?")
    pair = Comparison(Completion(prompt, "Certainly. It eats hay."), Completion(prompt, "It eats hay."))
    said = annotate([pair, pair.swapped()], EditingUser({"food": "Prefer formal answers."})).preferences
    assert [(each.p_left, each.strength) for each in said] == [(1.0, 1.0), (0.0, 1.0)]
    assert (
        annotate([pair], EditingUser({"food": "Prefer formal answers."}, by="engine"), engine=Actor()).preferences[0].p_left == 1.0
    )


def test_a_user_by_engine_edits_by_the_same_rule():
    drafts = [WORLD.answer(each, 0.6, rng_for(0, each.id)) for each in WORLD.prompts("preference")[:20]]
    by_rule = annotate(drafts, EditingUser()).results
    by_engine = annotate(drafts, EditingUser(by="engine"), engine=Actor()).results
    alike = [
        style(a.completion.prompt.text, a.text)["formal"] == style(a.completion.prompt.text, b.text)["formal"]
        for a, b in zip(by_rule, by_engine, strict=True)
    ]
    assert np.mean(alike) > 0.9
    cut = annotate(drafts[:1], EditingUser(by="engine"), engine=ScriptedEngine(respond=lambda _: "{", name="cut")).results[0]
    assert isinstance(cut, Abstention)


def test_the_cost_of_an_edit_is_counted_in_words():
    assert edit_cost("It eats hay.", "Certainly. It eats hay.") == 1
    assert edit_cost("It eats hay.", "It eats seeds.") == 1
    assert edit_cost("- One.\n- Two.", "One. Two.") == 3  # two bullets and a line end
    assert edit_cost("", "") == 0


@given(SAID, SAID, SAID)
@settings(max_examples=60, deadline=None)
def test_the_cost_is_a_metric(a, b, c):
    assert edit_cost(a, b) == edit_cost(b, a)
    assert (edit_cost(a, b) == 0) == (a.split(" ") == b.split(" "))
    assert edit_cost(a, c) <= edit_cost(a, b) + edit_cost(b, c)


def edit(prompt: str) -> Revision:
    return Revision(Completion(Prompt(prompt), "draft"), f"edit of {prompt}", "user")


def test_memory_recalls_what_was_learned_in_the_nearest_contexts():
    memory = Memory(k=2, share=0.5)
    for subject, preference in (("France", "Prefer lists."), ("Peru", "Prefer lists."), ("Cuba", "Prefer lists.")):
        memory.add(edit(f"Name the capital of {subject}."), preference)
    for animal in ("cow", "pig"):
        memory.add(edit(f"What does a {animal} eat?"), "Prefer formal answers.")
    assert memory.recall(Prompt("Name the capital of Kenya. Be casual.")) == "Prefer lists."
    assert memory.recall(Prompt("What does a seal eat?")) == "Prefer formal answers."
    assert Memory().recall(Prompt("anything?")) == ""


def test_memory_recalls_the_edits_themselves_with_the_nearest_last():
    memory = Memory(k=3)
    shown = [
        edit("What does a cow eat?"),
        edit("Name the capital of Peru."),
        edit("What does a pig eat?"),
        edit("What colour is it?"),
    ]
    for each in shown:
        memory.add(each, "")
    assert memory.recall_edits(Prompt("What does a cow eat? Be brief."))[1:] == [shown[2], shown[0]]
    assert Memory().recall_edits(Prompt("anything?")) == []


def test_a_draft_like_earlier_edits_shows_each_in_fences_of_its_own():
    shown = [edit("What does a cow eat?"), Revision(Completion(Prompt("Q ====="), "d"), "======= edited 9 =======", "user")]
    text = Steps().draft_like(Prompt("What does a pig eat?"), shown).messages[-1].content
    fence = "=" * 8
    titles = [line for line in text.split("\n") if line.startswith(f"{fence} ")]
    wanted = ["instruction 1", "draft 1", "edited 1", "instruction 2", "draft 2", "edited 2", "instruction", "end"]
    assert titles == [f"{fence} {each} {fence}" for each in wanted]
    assert [text.count(each) for each in ("edit of What does a cow eat?", "What does a pig eat?")] == [1, 1]


def test_of_opposites_the_more_frequent_is_recalled():
    said = [("Prefer lists.",), ("Prefer plain text.",), ("Prefer lists.", "Be kind to me."), ("Prefer lists.",)]
    assert aggregated(said, 0.25) == "Prefer lists. Be kind to me."
    assert aggregated(said, 0.5) == "Prefer lists."


@pytest.mark.slow
def test_cipher_costs_less_than_a_learner_without_contexts_and_than_none_and_the_oracle_is_the_floor():
    from pasture.benchmarks.claims.cipher import stream

    user, session = EditingUser(), Session(Actor(temperature=0.0))
    rounds = {
        learner: stream(learner, WORLD.prompts("preference"), user, session)
        for learner in ("cipher", "examples", "agnostic", "none", "oracle")
    }
    cost = {learner: sum(each.cost for each in done) for learner, done in rounds.items()}
    assert cost["oracle"] == 0  # drafts by the user's own rules suit the user
    assert cost["cipher"] < 0.8 * cost["none"]
    assert cost["cipher"] < 0.8 * cost["agnostic"]
    assert cost["examples"] < 0.8 * cost["none"]  # the actor reads edits as well as what was made of them; a model may not
    late = rounds["cipher"][-15:]
    assert np.mean([each.is_right for each in late]) > 0.7  # what is recalled says the rules
    assert sum(each.cost for each in late) < sum(each.cost for each in rounds["cipher"][:15])


def test_a_stream_is_resumed_from_the_store():
    from pasture.benchmarks.claims.cipher import stream

    prompts, user = WORLD.prompts("preference")[:8], EditingUser()
    with Store() as store:
        one = stream("cipher", prompts, user, Session(Actor(temperature=0.0), store))
        paid = store.paid.requests
        assert paid >= 8
        assert stream("cipher", prompts, user, Session(Actor(temperature=0.0), store)) == one
        assert store.paid.requests == paid
    with pytest.raises(PastureError, match="ended after 0 rounds"):
        stream("cipher", prompts, user, Session(ScriptedEngine(respond=lambda _: "{", name="cut")))


@pytest.mark.parametrize("options", [{"by": "hand"}, {"user": {"max_tokens": 3}}])
def test_a_user_that_cannot_be_is_refused(options):
    with pytest.raises(InputError):
        make_annotator(EditingUser, **options)
