"""A planted constitution is recovered from preferences in the text world, and a judge that follows it says what they say."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.judges.judge import Judge
from pasture.annotators.runner import Session, annotate
from pasture.annotators.systems.icai.extraction import clustered, fit_constitution, price_constitution, tfidf
from pasture.annotators.systems.icai.judge import Icai
from pasture.core.errors import EngineError, InputError, PastureError
from pasture.core.files.labels import read_preferences
from pasture.core.files.preferences import write_preferences
from pasture.core.ledger import Budget
from pasture.core.records import Comparison, Preference, Reason
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Paid, Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.principles import read_rules, value
from pasture.simulators.text.world import TextWorld

WORLD = TextWorld(0, sft=1, preference=240, unlabeled=1, eval=1)
FIT = {"proposing": 20, "voting": 40}


def pairs() -> list[Comparison]:
    rng = rng_for(1, "pairs")
    return [
        Comparison(*(WORLD.answer(prompt, float(rng.uniform(0.2, 0.9)), rng) for _ in range(2)))
        for prompt in WORLD.prompts("preference")
    ]


def preferred(rule: str, items: list[Comparison]) -> list[Preference]:
    """What somebody says who follows one rule and nothing else; pairs that it does not tell apart are left out."""
    taste = read_rules(rule)
    found = []
    for pair in items:
        left, right = (value(taste, pair.prompt.text, each.text) for each in (pair.left, pair.right))
        if left != right:
            found.append(Preference(pair, float(left > right), "planted"))
    return found


def accuracy(said: list[Preference], truth: list[Preference]) -> float:
    return float(np.mean([(a.p_left > 0.5) == (b.p_left > 0.5) for a, b in zip(said, truth, strict=True)]))


@pytest.mark.parametrize(
    "rule", ["Prefer the shorter answer.", "Prefer formal answers.", "Prefer lists.", "Prefer the longer answer."]
)
def test_a_planted_rule_is_recovered_and_reconstructs_what_the_default_judge_does_not(rule):
    labelled, engine = preferred(rule, pairs()), Actor()
    fitted, held_out = labelled[: len(labelled) // 2], labelled[len(labelled) // 2 :]
    found = fit_constitution(fitted, Session(engine), **FIT)
    assert found.constitution[0] == rule
    assert found.kept[0].accuracy > 0.95
    icai = Icai(constitution=found.constitution[:1])
    default = annotate([each.comparison for each in held_out], Judge(), engine=engine).preferences
    anti = [i for i, (a, b) in enumerate(zip(default, held_out, strict=True)) if (a.p_left > 0.5) != (b.p_left > 0.5)]
    assert len(anti) >= 8  # the rule is no gold taste
    followed = list(annotate([each.comparison for each in held_out], icai, engine=engine).preferences)
    assert accuracy(followed, held_out) > 0.95
    assert accuracy([followed[i] for i in anti], [held_out[i] for i in anti]) > 0.9
    assert accuracy([default[i] for i in anti], [held_out[i] for i in anti]) == 0.0


def test_two_planted_rules_are_both_in_the_constitution_and_opposites_are_dropped():
    rules = "Prefer the shorter answer. Prefer formal answers."
    found = fit_constitution(preferred(rules, pairs()), Session(Actor()), top=3, proposing=30, voting=60)
    assert {"Prefer the shorter answer.", "Prefer formal answers."} <= set(found.constitution)
    assert not {"Prefer the longer answer.", "Prefer casual answers."} & set(found.constitution)


def test_from_a_file_it_is_fitted_at_the_first_pair_and_paid_for_once(tmp_path):
    labelled = preferred("Prefer the shorter answer.", pairs())
    write_preferences(tmp_path / "prefs.jsonl", labelled[:60])
    assert [each.chosen.text for each in read_preferences(tmp_path / "prefs.jsonl")] == [each.chosen.text for each in labelled[:60]]
    asked = [each.comparison for each in labelled[60:90]]
    with Store(tmp_path / "s.sqlite") as store:
        one = make_annotator(
            "pasture.annotators.systems.icai.judge:Icai",
            preferences=str(tmp_path / "prefs.jsonl"),
            fit={"proposing": 20, "voting": 30, "top": 1},
        )
        first = annotate(asked, one, engine=Actor(), store=store)
        assert one.constitution[0] == "Prefer the shorter answer."
        two = Icai(preferences=labelled[:60], fit={"proposing": 20, "voting": 30, "top": 1})
    with Store(tmp_path / "s.sqlite") as store:
        again = annotate(asked, make_annotator(one), engine=Actor(), store=store)
        fresh = annotate(asked, two, engine=Actor(), store=store)
    assert first.usage.requests > 30
    assert again.usage.requests == fresh.usage.requests == 0
    assert accuracy(list(first.preferences), labelled[60:90]) > 0.9
    assert [each.p_left for each in fresh.preferences] == [each.p_left for each in first.preferences]


def test_a_budget_stops_the_extraction_and_it_goes_on_from_there():
    labelled = preferred("Prefer lists.", pairs())[:40]
    with Store() as store:
        with pytest.raises(PastureError, match="no constitution was extracted"):
            fit_constitution(labelled, Session(Actor(), store, budget=Budget(requests=30)), **FIT)
        kept = len(store)
        assert kept == 30
        found = fit_constitution(labelled, Session(Actor(), store), **FIT)
        assert found.constitution[0] == "Prefer lists."
        assert found == fit_constitution(labelled, Session(Actor()), **FIT)


def test_where_nothing_is_found_it_abstains():
    engine = ScriptedEngine(respond=lambda request: Reply("no idea"), name="mute")
    items = pairs()[:3]
    said = annotate(items, Icai(preferences=preferred("Prefer lists.", pairs())[:5]), engine=engine)
    assert [each.reason for each in said.abstentions] == [Reason.UNPARSABLE] * 3
    with pytest.raises(PastureError, match="none of 5 gave a verdict; the first: no list of `principles` in the reply"):
        fit_constitution(preferred("Prefer lists.", pairs())[:5], Session(engine))
    never = Icai(preferences=preferred("Prefer lists.", pairs()), fit=FIT | {"margin": 0.4999999})
    said = annotate(items, never, engine=Actor())
    assert [each.reason for each in said.abstentions] == [Reason.NOT_APPLICABLE] * 3


class Patchy:
    """An actor that goes wrong on every `third` request: says nothing that can be read, or fails."""

    prices = (1.0, 2.0)

    def __init__(self, fails: bool = False) -> None:
        self.name, self.fails, self.wrong, self.actor = "patchy", fails, True, Actor()
        self.asked: list[Request] = []

    def generate(self, requests):
        for index, (_, reply) in zip(range(len(requests)), sorted(self.actor.generate(requests)), strict=True):
            self.asked.append(requests[index])
            if not self.wrong or int(requests[index].key("").hex(), 16) % 3:
                yield index, reply
            else:
                yield index, EngineError("a hiccup") if self.fails else Reply("well ...")


@pytest.mark.parametrize("fails", [False, True])
def test_what_cannot_be_had_is_one_less_and_is_asked_again_the_next_time(fails, tmp_path):
    labelled, engine = preferred("Prefer lists.", pairs())[:60], Patchy(fails)
    with Store(tmp_path / "s.sqlite") as store:
        found = fit_constitution(labelled, Session(engine, store), **FIT)
        asked = found.proposals + found.votes
        assert found.constitution[0] == "Prefer lists."
        assert 0.2 * asked < len(found.silent) < 0.45 * asked
        assert {each.reason for each in found.silent} == {Reason.ENGINE_FAILED if fails else Reason.UNPARSABLE}
        assert all(sum((p.right, p.wrong, p.neither)) < FIT["voting"] for p in (*found.kept, *found.dropped))
        assert len(store) == asked - len(found.silent)  # never cached
        engine.wrong, engine.asked = False, []
        mended = fit_constitution(labelled, Session(engine, store), **FIT)
        assert mended.silent == ()
        assert len(engine.asked) == mended.proposals + mended.votes - (asked - len(found.silent))
    assert mended == fit_constitution(labelled, Session(Actor()), **FIT)


@pytest.mark.parametrize("fails", [False, True])
def test_where_no_vote_can_be_had_nothing_is_found_of_the_preferences_and_a_healthy_engine_is_asked_again(fails):
    def respond(request: Request) -> Reply:
        if not request.sampling.labels:
            return Reply('{"principles": ["Prefer lists."]}')
        if fails:
            raise EngineError("down")
        return Reply("?")

    labelled, down = preferred("Prefer lists.", pairs())[:30], ScriptedEngine(respond=respond, name="patchy")
    with pytest.raises(PastureError, match="no constitution was extracted: none of 30 gave a verdict"):
        fit_constitution(labelled, Session(down), **FIT)
    icai, items = Icai(preferences=labelled, fit=FIT), [each.comparison for each in labelled[:3]]
    said = annotate(items, icai, engine=down).results
    assert {each.reason for each in said} == {Reason.ENGINE_FAILED if fails else Reason.UNPARSABLE}
    assert icai.extraction is None
    assert len(annotate(items, icai, engine=Actor()).preferences) == 3


def test_proposals_that_a_killed_run_left_unread_are_asked_for_once_more_in_the_same_run():
    labelled, engine = preferred("Prefer lists.", pairs())[:30], Actor()
    with Store() as store:
        asked: list[Request] = []
        noting = ScriptedEngine(respond=lambda r: asked.append(r) or engine.respond(r), name=engine.name)
        fit_constitution(labelled, Session(noting), **FIT)
        proposals = [each for each in asked if not each.sampling.labels]
        store.put_many([Paid(each.key(engine.name), Reply("garbled"), 0.0) for each in proposals], engine.name)
        said = annotate([labelled[0].comparison], Icai(preferences=labelled, fit=FIT), engine=engine, store=store)
        assert len(said.preferences) == 1


def test_unread_votes_of_an_extraction_at_the_first_pair_are_not_cached_either(tmp_path):
    labelled, engine = preferred("Prefer lists.", pairs())[:60], Patchy()
    icai = Icai(preferences=labelled[:40], fit=FIT)
    with Store(tmp_path / "s.sqlite") as store:
        said = annotate([each.comparison for each in labelled[40:]], icai, engine=engine, store=store)
        assert icai.extraction is not None
        found = icai.extraction
        votes_heard = sum(each.right + each.wrong + each.neither for each in (*found.kept, *found.dropped))
        assert 0 < len(found.silent) - (found.votes - votes_heard) < len(found.silent)  # some of both were not heard
        assert (len(said.preferences) > 5, len(said.abstentions) > 2) == (True, True)
        assert len(store) == len({each.key("") for each in engine.asked}) - len(icai.extraction.silent) - len(said.abstentions)
        engine.wrong = False
        annotate([each.comparison for each in labelled[40:]], Icai(preferences=labelled[:40], fit=FIT), engine=engine, store=store)
    with Store(tmp_path / "s.sqlite") as store:
        engine.asked = []
        annotate([each.comparison for each in labelled[40:]], Icai(preferences=labelled[:40], fit=FIT), engine=engine, store=store)
        assert engine.asked == []


def test_the_price_is_known_before_and_is_not_passed():
    labelled, engine = preferred("Prefer lists.", pairs())[:60], Patchy()
    engine.wrong = False
    quote = price_constitution(labelled, Session(engine), **FIT)
    assert engine.asked == []
    assert (quote.items, quote.requests) == (60, 20 + 20 * 3 * 40)
    with Store() as store:
        found = fit_constitution(labelled, Session(engine, store), **FIT)
        assert quote.requests >= found.proposals + found.votes == len(store)
        bought = price_constitution(labelled, Session(engine, store), **FIT)
        assert (bought.requests, bought.cached, bought.dollars) == (0, len(store), 0.0)
        more = price_constitution(labelled, Session(engine, store), proposing=22, voting=40)
        assert (more.requests, more.cached) == (2 + 2 * 3 * 40, len(store))
        prompts = sum(len(turn.content) for request in engine.asked for turn in request.messages) / 4
        assert quote.prompt_tokens > prompts
        assert quote.dollars == pytest.approx((quote.prompt_tokens + 2 * quote.completion_tokens) / 1e6)


def test_a_voter_who_likes_what_comes_first_makes_no_principle_look_right():
    def respond(request: Request) -> Reply:
        if request.sampling.labels:
            return Reply("A", label_logprobs={"A": -0.1, "B": -3.0})
        return Reply('{"principles": ["Prefer the longer answer."]}')

    labelled = preferred("Prefer lists.", pairs())
    chosen_first = [each if each.p_left > 0.5 else each.swapped() for each in labelled]
    found = fit_constitution(chosen_first, Session(ScriptedEngine(respond=respond, name="first")), voting=200, least_accuracy=0.0)
    (principle,) = found.kept
    assert principle.relevance == 1.0
    assert 0.35 < principle.accuracy < 0.65
    turned = [each.swapped() for each in chosen_first]
    assert found == fit_constitution(turned, Session(ScriptedEngine(respond=respond, name="first")), voting=200, least_accuracy=0.0)


@pytest.mark.parametrize(("speaks", "right", "kept"), [(40, 10, True), (40, 5, False), (2, 10, False), (8, 10, True)])
def test_a_principle_that_speaks_to_few_pairs_or_against_the_labels_is_dropped(speaks, right, kept):
    """speaks: to so many of 40 pairs; right: on so many of 10."""
    labelled = preferred("Prefer lists.", pairs())[:40]
    texts = {each.chosen.text for each in labelled if each.chosen}
    order = sorted(each.comparison.prompt.text for each in labelled)

    def respond(request: Request) -> Reply:
        shown = request.messages[-1].content
        if not request.sampling.labels:
            return Reply('{"principles": ["Prefer the longer answer.", "Prefer the longer one."]}')  # alike, so they are one
        place = next(k for k, prompt in enumerate(order) if f"\n{prompt}\n" in shown)
        left = shown.split("= answer A ")[1].split("\n")[1]
        first = any(left == text.split("\n")[0] for text in texts) == (place % 10 < right)
        p = 0.5 if place >= speaks else 0.9 if first else 0.1
        return Reply("A", label_logprobs={"A": math.log(p), "B": math.log(1 - p)})

    found = fit_constitution(labelled, Session(ScriptedEngine(respond=respond, name="votes")), voting=40)
    (principle,) = (*found.kept, *found.dropped)
    assert (principle.relevance, principle.accuracy) == (speaks / 40, right / 10)
    assert (bool(found.kept), principle.proposed) == (kept, 80)


def test_alike_principles_are_one_and_opposites_are_not():
    counted = Counter(
        {"Prefer the shorter answer.": 3, "Prefer the shorter one": 1, "Prefer the longer answer.": 2, "Prefer a formal tone.": 1}
    )
    assert clustered(counted, 0.9, tfidf) == {
        "Prefer a formal tone.": 1,
        "Prefer the longer answer.": 2,
        "Prefer the shorter answer.": 4,
    }
    assert clustered(counted, 0.9, lambda texts: np.ones((len(texts), 2))) == {"Prefer the shorter answer.": 7}
    assert clustered(Counter({"the": 1, "it is": 2}), 0.9, tfidf) == {"it is": 2, "the": 1}


def test_principles_come_last_so_that_a_pair_is_read_once():
    one, two = (
        Icai(constitution=[text]).voter.request(pairs()[0], [text]).messages[-1].content for text in ("Be kind.", "Be short.")
    )
    shared = next(k for k, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    assert one.index("principles =") < shared == one.index("kind")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"constitution": ["x"], "preferences": []},
        {"constitution": []},
        {"constitution": "nowhere.txt"},
        {"constitution": ["x"], "fit": {"top": 1}},
    ],
)
def test_an_icai_that_cannot_be_is_refused(options):
    with pytest.raises(InputError):
        Icai(**options)


def test_a_constitution_is_read_from_a_file(tmp_path: Path):
    (tmp_path / "rules.txt").write_text("# of the house\nPrefer lists.\n\nPrefer formal answers.\n", encoding="utf-8")
    assert Icai(constitution=tmp_path / "rules.txt").constitution == ("Prefer lists.", "Prefer formal answers.")
