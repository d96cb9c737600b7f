"""Language models give every kind of answer: what is asked, what is read, and the text world's truth behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.judges.verdict import PromptedRanker, PromptedVerdict
from pasture.annotators.judges.worded import (
    PromptedCritic,
    PromptedDirectives,
    PromptedEditor,
    PromptedFollowUps,
    PromptedReactions,
)
from pasture.annotators.prompting.prompted import Question
from pasture.annotators.runner import annotate
from pasture.annotators.systems.fine_grained import FineGrained
from pasture.annotators.systems.hh_rlhf import HelpfulHarmless
from pasture.core.errors import InputError
from pasture.core.records import (
    NOTHING,
    Abstention,
    Comparison,
    Completion,
    Critique,
    Directive,
    FollowUp,
    Item,
    Polarity,
    Preference,
    Prompt,
    Ranking,
    Reaction,
    ReactionKind,
    Reason,
    Revision,
    Slate,
    Span,
)
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.faults import parts_of
from pasture.simulators.text.grammar import FACTS, parse_instruction
from pasture.simulators.text.world import TextWorld

ASKED = Prompt("What is the capital of Italy?")
ANSWER = Completion(ASKED, "It is Paris. I like tea.")
OTHER = Completion(ASKED, "It is Rome.")
PAIR = Comparison(ANSWER, OTHER)
SLATE = Slate((ANSWER, OTHER, Completion(ASKED, "Hey!")))


def says(text: Any) -> ScriptedEngine:
    said = text if isinstance(text, str) else json.dumps(text)
    return ScriptedEngine(respond=lambda _: said, name="says")


def said(annotator: Any, item: Item, *replies: Any) -> Any:
    turns = iter(replies)
    engine = ScriptedEngine(respond=lambda _: each if isinstance(each := next(turns), str) else json.dumps(each), name="says")
    result = annotate([item], annotator, engine=engine).results[0]
    assert result.usage.requests == len(replies)
    return replace(result, usage=NOTHING)


@pytest.mark.parametrize(
    ("reply", "p_left", "strength"),
    [
        ({"rationale": "Short.", "verdict": "A", "strength": 3}, 1.0, 3.0),
        ({"rationale": "Short.", "verdict": "B", "strength": 9}, 0.0, None),
        ({"verdict": "tie", "strength": 1}, 0.5, None),
        ("The better answer is B.", 0.0, None),
    ],
)
def test_a_verdict_has_its_strength_and_its_reasons(reply: Any, p_left: float, strength: float | None):
    found = said(PromptedVerdict(), PAIR, reply)
    assert (found.p_left, found.strength) == (p_left, strength)
    assert found.rationale == (reply.get("rationale", "") if isinstance(reply, dict) else "")
    assert found.comparison is PAIR


def test_neither_is_an_abstention_with_its_reasons():
    found = said(PromptedVerdict(), PAIR, {"rationale": "Both insult the user.", "verdict": "neither", "strength": 1})
    assert (found.reason, found.detail, found.item) == (Reason.NEITHER, "Both insult the user.", PAIR)


def test_reasons_are_asked_for_before_the_verdict():
    schema = json.loads(PromptedVerdict().prompted.request(PAIR).sampling.schema)
    assert list(schema["properties"]) == ["rationale", "verdict", "strength"]
    assert schema["required"] == ["rationale", "verdict", "strength"]


def test_a_ranking_of_a_pair_is_a_preference():
    assert said(PromptedRanker(), SLATE, {"ranking": [2, 3, 1]}) == Ranking(SLATE, (1, 2, 0), "ranker")
    assert said(PromptedRanker(), PAIR, {"ranking": [2, 1]}) == Preference(PAIR, 0.0, "ranker")
    assert said(PromptedRanker(), PAIR, {"ranking": [1, 2]}) == Preference(PAIR, 1.0, "ranker")
    tied = said(PromptedRanker(), PAIR, {"ranking": "1 = 2"})
    assert tied.item is PAIR
    assert tied.reason is Reason.UNPARSABLE
    assert len(tied.unread) == 1


def test_a_slate_is_shown_with_a_number_for_each_answer():
    text = PromptedRanker().prompted.request(SLATE).messages[-1].content
    assert "===== answer 1 =====\nIt is Paris. I like tea.\n===== answer 2 =====\nIt is Rome.\n===== answer 3 =====\nHey!\n" in text


def test_a_critique_places_its_quotes_and_leaves_out_what_it_cannot_place():
    reply = {
        "critique": "Wrong.",
        "spans": [
            {"quote": "It is Paris.", "category": "fact", "polarity": "blame"},
            {"quote": "It is Oslo.", "category": "fact", "polarity": "blame"},
            {"quote": "tea", "category": "", "polarity": "blame"},
        ],
    }
    # No polarity of the whole is said, so it is that of its spans.
    wanted = Critique(ANSWER, "Wrong.", "critic", (Span(0, 12, "fact"), Span(20, 23, "blame")), Polarity.BLAME)
    assert said(PromptedCritic(), ANSWER, reply) == wanted
    assert said(PromptedCritic(), ANSWER, reply | {"polarity": "mixed"}).polarity is Polarity.MIXED
    assert isinstance(said(PromptedCritic(), ANSWER, {"critique": "Wrong."}), Abstention)


def test_an_editor_critiques_and_then_revises():
    turns: list[Request] = []

    def reply(request: Request) -> str:
        turns.append(request)
        return json.dumps({"critique": "Wrong city.", "spans": []} if len(turns) == 1 else {"revision": "It is Rome."})

    found = annotate([ANSWER], PromptedEditor(), engine=ScriptedEngine(respond=reply)).results[0]
    assert found == Revision(ANSWER, "It is Rome.", "editor", Critique(ANSWER, "Wrong city.", "critic"), found.usage)
    assert found.usage.requests == 2
    assert "===== critique =====\nWrong city.\n===== end =====" in turns[1].messages[-1].content


def test_an_editor_heeds_a_critique_that_it_is_given():
    found = said(
        make_annotator("pasture.annotators.judges.worded:PromptedEditor", critique="Be short."), ANSWER, {"revision": "Rome."}
    )
    assert (found.text, found.critique.text) == ("Rome.", "Be short.")
    given = Critique(ANSWER, "Too wordy.", "ann")

    async def ask(_: Request) -> Reply:
        return Reply('{"revision": "Rome."}')

    revision = asyncio.run(PromptedEditor().revised(given, ask, rng_for(0)))
    assert isinstance(revision, Revision)
    assert revision.critique is given
    with pytest.raises(InputError, match="both a critic"):
        PromptedEditor(inner=PromptedCritic(), critique="Be short.")


def test_an_editor_without_a_critique_says_so_and_names_the_request():
    found = said(PromptedEditor(), ANSWER, "No idea.")
    assert found.reason is Reason.UNPARSABLE
    assert found.detail.startswith("no critique: ")
    assert len(found.unread) == 1
    with pytest.raises(InputError, match="gave a Reaction"):
        annotate([ANSWER], PromptedEditor(inner=PromptedReactions()), engine=says({"reaction": "heart"}))


def test_rules_reactions_and_next_messages_are_read():
    assert said(PromptedDirectives(), ANSWER, {"directive": "Check facts."}) == Directive("Check facts.", "directives", (ASKED,))
    assert said(PromptedReactions(), ANSWER, {"reaction": "👎"}) == Reaction(ANSWER, ReactionKind.THUMBS_DOWN, "reactions")
    assert said(PromptedReactions(), ANSWER, {"reaction": "silence"}).kind is ReactionKind.SILENCE
    blame = {"follow_up": "No, Rome!", "polarity": "blame"}
    assert said(PromptedFollowUps(), ANSWER, blame) == FollowUp(ANSWER, "No, Rome!", "follow-up", Polarity.BLAME)
    assert isinstance(said(PromptedFollowUps(), ANSWER, {"follow_up": "Hm."}), Abstention)


KINDS: list[tuple[Callable[..., Question], Item, Item]] = [
    (PromptedVerdict, PAIR, SLATE),
    (PromptedRanker, SLATE, ANSWER),
    (PromptedCritic, ANSWER, PAIR),
    (PromptedEditor, ANSWER, PAIR),
    (PromptedDirectives, ANSWER, PAIR),
    (PromptedReactions, ANSWER, PAIR),
    (PromptedFollowUps, ANSWER, PAIR),
    (FineGrained, ANSWER, SLATE),
]
"""Each with an item that it reads, and with one that it does not."""


@pytest.mark.parametrize(("make", "item", "wrong"), KINDS)
def test_every_kind_abstains_on_what_it_cannot_read_and_refuses_other_items(make: Callable[..., Question], item: Item, wrong: Item):
    for reply in ("", "I cannot say.", '{"rationale": "cut', "{}", '{"verdict": "A|B"}'):
        found = annotate([item], make(), engine=says(reply)).results[0]
        assert isinstance(found, Abstention)
        assert found.reason is Reason.UNPARSABLE
        assert found.item is item
        assert found.unread
    with pytest.raises(InputError, match=r"was given (a|one) \w+"):
        annotate([wrong], make(), engine=says("{}"))


@pytest.mark.parametrize(("make", "item"), [each[:2] for each in KINDS])
def test_parts_of_a_question_are_replaced_and_unknown_ones_refused(make: Callable[..., Question], item: Item):
    asker = make(name="mine", shared="Be a judge.", persona="You are Ann.", temperature=0.5)
    extras = dict.fromkeys(asker.extras, "x")
    request = asker.prompted.request(item, **extras)
    assert asker.name == "mine"
    assert request.messages[-1].content.startswith("Be a judge.\n\n")
    assert request.messages[-1].content.endswith("You are Ann.")
    assert request.sampling.temperature == 0.5
    with pytest.raises(InputError, match="has no part 'tone'"):
        make(tone="rude")


def test_errors_are_weighed_by_category():
    def reply(request: Request) -> str:
        wrong = {"quote": "It is Paris.", "category": "incorrect", "polarity": "blame"}
        idle = {"quote": "I like tea.", "category": "irrelevant", "polarity": "blame"}
        missing = {"quote": "", "category": "incomplete", "polarity": "blame"}
        shown = request.messages[-1].content
        return json.dumps({"critique": "Errors.", "spans": [wrong, idle] if "Paris" in shown else [missing]})

    engine = ScriptedEngine(respond=reply)
    found = annotate([ANSWER], FineGrained(), engine=engine).results[0]
    assert isinstance(found, Critique)
    assert found.spans == (Span(0, 12, "incorrect"), Span(13, 24, "irrelevant"))
    assert found.polarity is Polarity.BLAME
    # Left costs w_incorrect + w_irrelevant, right w_incomplete: 2 against 1; 1.5 against 4; 2 against 2.
    for weights, p_left, strength in (
        ({}, 0.0, 1.0),
        ({"incomplete": 4, "irrelevant": 0.5}, 1.0, 2.5),
        ({"incomplete": 2}, 0.5, 0.0),
    ):
        verdict = annotate([PAIR], FineGrained(weights), engine=engine).results[0]
        assert isinstance(verdict, Preference)
        assert (verdict.p_left, verdict.strength) == (p_left, strength)
    with pytest.raises(InputError, match="the weight of 'rude' is 1"):
        FineGrained({"rude": 1})
    lost = {"critique": "Wrong.", "spans": [{"quote": "It is Oslo.", "category": "incorrect", "polarity": "blame"}]}
    assert isinstance(said(FineGrained(), ANSWER, lost), Abstention)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_weighed_errors_obey_the_swap_law_when_sampled_too(slates: list[Slate], temperature: float):
    pairs = pairs_of(slates[:15])
    shown, swapped = (
        annotate(items, FineGrained(temperature=temperature), engine=Actor(temperature=2.0)).preferences
        for items in (pairs, [each.swapped() for each in pairs])
    )
    assert [each.p_left for each in shown] == [1 - each.p_left for each in swapped]


def test_helpful_and_harmless_are_opposed_and_mix():
    def reply(request: Request) -> Reply:
        p = 0.9 if "safer" in request.messages[-1].content else 0.2
        return Reply("A", label_logprobs={"A": float(np.log(p)), "B": float(np.log(1 - p))})

    engine = ScriptedEngine(respond=reply)

    def p_left(**options: Any) -> Preference:
        found = annotate([PAIR], HelpfulHarmless(**options), engine=engine).results[0]
        assert isinstance(found, Preference)
        return found

    assert p_left().p_left == pytest.approx(0.2)
    assert p_left(objective="harmless").p_left == pytest.approx(0.9)
    # .25 * .9 + .75 * .2 = .375
    both = p_left(objective="both", mixture=0.25)
    assert both.p_left == pytest.approx(0.375)
    assert [each.annotator for each in both.parts] == ["helpful", "harmless"]
    assert both.annotator == "hh-rlhf(both 0.25)"
    assert both.usage.requests == 2
    assert p_left(objective="both", mixture=1.0).usage.requests == 1
    for options, message in (({"objective": "kind"}, "is one of: helpful"), ({"mixture": 2.0}, "in \\[0, 1\\]")):
        with pytest.raises(InputError, match=message):
            HelpfulHarmless(**options)
    silent = ScriptedEngine(respond=lambda _: "hm", name="hm")
    unread = annotate([PAIR], HelpfulHarmless("both"), engine=silent).results[0]
    assert isinstance(unread, Abstention)
    assert len(unread.unread) == 2


# In the text world, where the actor plays the model and the world knows the truth.


@pytest.fixture(scope="module")
def world() -> TextWorld:
    return TextWorld(preference=80, sft=1, unlabeled=1, eval=1)


@pytest.fixture(scope="module")
def slates(world: TextWorld) -> list[Slate]:
    made = []
    for prompt in world.prompts("preference"):
        rng = rng_for(0, "slate", prompt.id)
        texts = {world.answer(prompt, quality, rng).text for quality in (0.1, 0.5, 0.9)}
        made.append(Slate(tuple(Completion(prompt, text) for text in sorted(texts, key=str.__len__))))
    return [each for each in made if len(each.completions) == 3]


def pairs_of(slates: list[Slate]) -> list[Comparison]:
    return [Comparison(each.completions[0], each.completions[2]) for each in slates]


@pytest.mark.parametrize("prose", [False, True])
def test_every_kind_runs_in_the_text_world(slates: list[Slate], prose: bool):
    engine = Actor(prose=prose)
    for make, item, _ in KINDS:
        items: list[Item] = [*slates[:10]]
        if isinstance(item, Comparison):
            items = [*pairs_of(slates[:10])]
        elif isinstance(item, Completion):
            items = [each.completions[0] for each in slates[:10]]
        found = annotate(items, make(), engine=engine)
        assert all(each.reason is Reason.NEITHER for each in found.abstentions), (make, found.abstentions[:1])
        assert len(found.abstentions) < len(items) / 2


def test_verdicts_and_rankings_follow_the_worlds_truth(world: TextWorld, slates: list[Slate]):
    pairs = pairs_of(slates)
    for annotator in (PromptedVerdict(), PromptedRanker()):
        said = annotate(pairs, annotator, engine=Actor(temperature=0.0)).preferences
        decided = [each for each in said if not each.is_tied]
        assert len(decided) > 0.5 * len(pairs)
        right = [(each.p_left > 0.5) == (world.advantage(each.comparison) > 0) for each in decided]
        assert np.mean(right) > 0.95
    strong = [each for each in annotate(pairs, PromptedVerdict(), engine=Actor(temperature=0.0)).preferences if each.strength]
    gaps = {s: np.mean([abs(world.advantage(e.comparison)) for e in strong if e.strength == s]) for s in (1.0, 3.0)}
    assert gaps[3.0] > gaps[1.0] + 1.0


def test_revisions_are_worth_more_than_what_they_revise(world: TextWorld, slates: list[Slate]):
    answers = [each.completions[0] for each in slates]
    found = [each for each in annotate(answers, PromptedEditor(), engine=Actor()).results if isinstance(each, Revision)]
    assert len(found) == len(answers)
    before, after = (world.utility(each) for each in (answers, [Completion(e.completion.prompt, e.text) for e in found]))
    assert (after >= before - 1e-9).mean() > 0.9
    assert (after - before).mean() > 1.0


@pytest.mark.parametrize("category", ["irrelevant", "incorrect"])
def test_planted_errors_are_found_at_their_places(world: TextWorld, category: str):
    planted: list[tuple[Completion, str]] = []
    for prompt in world.prompts("preference"):
        good = world.answer(prompt, 1.0, rng_for(1, prompt.id))
        right = parse_instruction(prompt.text)
        is_plain = world.check(good).length_miss is None and "\n" not in good.text and good.text.count(right.answer) == 1
        if world.faults(good) or not is_plain or right.avoid is not None:
            continue
        wrong = next(each for each in FACTS[right.kind].values() if each != right.answer)
        text = f"{good.text} Let me think." if category == "irrelevant" else good.text.replace(right.answer, wrong)
        error = next(each.text for each in parts_of(text) if each.text == "Let me think." or wrong in each.text)
        planted.append((Completion(prompt, text), error))
    assert len(planted) >= 5
    found = annotate([answer for answer, _ in planted], FineGrained(), engine=Actor()).results
    for (answer, error), critique in zip(planted, found, strict=True):
        assert isinstance(critique, Critique)
        assert [(answer.text[each.start : each.end], each.category) for each in critique.spans] == [(error, category)]


@pytest.fixture(scope="module")
def paid() -> Iterator[Store]:
    with Store() as store:
        yield store


@pytest.mark.parametrize("category", ["irrelevant", "incorrect", "incomplete"])
def test_a_heavier_weight_moves_its_attribute_and_never_back(slates: list[Slate], paid: Store, category: str):
    """Over the chosen answers, the count of errors of a category falls as its weight rises."""
    pairs = [Comparison(*each.completions[i : i + 2]) for each in slates[:40] for i in (0, 1)]
    answers = {each.key: each for pair in pairs for each in (pair.left, pair.right)}
    engine = Actor()
    critiques = annotate(list(answers.values()), FineGrained(), engine=engine, store=paid).results
    counts = {e.completion.key: sum(s.category == category for s in e.spans) for e in critiques if isinstance(e, Critique)}
    chosen = []
    for weight in (0.0, 0.5, 1.0, 2.0, 8.0):
        said = annotate(pairs, FineGrained({category: weight}), engine=engine, store=paid).preferences
        # A tie is either answer, as likely.
        kept = [e.p_left * counts[e.comparison.left.key] + (1 - e.p_left) * counts[e.comparison.right.key] for e in said]
        chosen.append(float(np.mean(kept)))
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[-1] < chosen[0]


def test_opposed_objectives_choose_opposed_answers_in_the_text_world(slates: list[Slate]):
    pairs = pairs_of(slates)
    engine = Actor()
    words = {}
    for objective in ("helpful", "both", "harmless"):
        said = annotate(pairs, HelpfulHarmless(objective), engine=engine).preferences
        words[objective] = np.mean([each.p_left for each in said])  # the left one is the shorter
    assert words["helpful"] + 0.1 < words["both"] < words["harmless"] - 0.1
