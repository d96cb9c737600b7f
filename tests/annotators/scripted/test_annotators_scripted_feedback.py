"""Scripted users in the exact and the text world: they say what the planted truth is, and err as often as they are told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from pasture.annotators.make import make_annotator
from pasture.annotators.runner import annotate
from pasture.annotators.scripted import rated as choices
from pasture.annotators.scripted import worded as feedback
from pasture.core.errors import InputError
from pasture.core.protocols import Annotator, World
from pasture.core.records import (
    Abstention,
    Comparison,
    Completion,
    Item,
    Polarity,
    Preference,
    Ranking,
    Rating,
    ReactionKind,
    Reason,
    Slate,
)
from pasture.core.seeds import rng_for
from pasture.simulators.exact.world import ExactWorld
from pasture.simulators.text.world import TextWorld
from scipy.special import expit
from scipy.stats import spearmanr

WORLDS = {"exact": ExactWorld(0, prompts=60), "text": TextWorld(0, sft=120, preference=60, unlabeled=1, eval=60)}
EVERYBODY = (
    *(choices.ScriptedRanker, choices.ScriptedRater, choices.ScriptedVerdict),
    *(
        feedback.ScriptedCritic,
        feedback.ScriptedEditor,
        feedback.ScriptedDirectives,
        feedback.ScriptedReactions,
        feedback.ScriptedFollowUps,
    ),
)


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Any:
    return WORLDS[request.param]


def say(annotator: Annotator, item: Item, seed: int = 0) -> Any:
    async def nobody(request: object) -> Any:
        raise AssertionError("no engine is asked")

    try:
        annotator.annotate(item, nobody, rng_for(seed, annotator.name)).send(None)  # pyright: ignore[reportAttributeAccessIssue]
    except StopIteration as done:  # it never waits
        return done.value
    raise AssertionError("it waits for something")


@cache
def answers(world: World) -> Sequence[Completion]:
    return [*world.demonstrations(), *world.rivals(world.prompts("eval"))]


def slate(world: Any, size: int = 4, place: int = 0) -> Slate:
    prompt = world.prompts("eval")[place]
    if isinstance(world, ExactWorld):
        return Slate(tuple(world.completion(prompt, number) for number in range(size)))
    rng = np.random.default_rng(place)
    found: dict[str, Completion] = {}
    while len(found) < size:
        made = world.answer(prompt, float(rng.random()), rng)
        found[made.text] = made
    return Slate(tuple(found.values()))


def pairs(world: Any, count: int = 60) -> list[Comparison]:
    return [Comparison(*slate(world, 2, place).completions) for place in range(count)]


@pytest.mark.parametrize("make", EVERYBODY)
def test_each_takes_a_world_repeats_itself_and_refuses_strangers(make: Any, world: World):
    one = make_annotator(make, world=world)
    items: Sequence[Item] = pairs(world, 8) if make is choices.ScriptedVerdict else answers(world)[:8]
    items = [slate(world, 4, place) for place in range(4)] if make is choices.ScriptedRanker else items
    assert list(annotate(items, one, seed=3).results) == list(annotate(items, one, seed=3).results)
    assert make(world, user=world.users[1]).name.startswith("scripted-")
    with pytest.raises(InputError, match="has no user 'nobody'"):
        make(world, user="nobody")


@pytest.mark.parametrize("make", [choices.ScriptedRanker, choices.ScriptedRater, choices.ScriptedVerdict])
def test_pairs_are_judged_alike_in_both_orders(make: Any, world: World):
    for pair in pairs(world, 30):
        shown, swapped = (say(make(world), each) for each in (pair, pair.swapped()))
        assert shown.p_left == 1 - swapped.p_left
        assert shown.strength == swapped.strength
    same = Completion(answers(world)[0].prompt, answers(world)[0].text)
    assert say(make(world), Comparison(same, same)).p_left == 0.5


@pytest.mark.parametrize("make", [choices.ScriptedRanker, choices.ScriptedRater])
def test_slates_are_ranked_alike_in_every_order(make: Any, world: World):
    shown = slate(world)
    best = [shown.completions[place].text for place in say(make(world), shown).order]
    for mixed in permutations(shown.completions):
        order = say(make(world), Slate(mixed)).order
        assert [mixed[place].text for place in order] == best


def test_without_noise_the_order_is_that_of_the_utilities(world: World):
    for place in range(10):
        shown = slate(world, 4, place)
        utility_K = world.utility(shown.completions, world.users[2])
        order = say(choices.ScriptedRanker(world, world.users[2], temperature=0.0), shown).order
        assert (np.diff(utility_K[list(order)]) <= 0).all()


def test_rankings_are_plackett_and_luces(world: World):
    shown, temperature = slate(world, 3), 1.5
    weight_K = np.exp(world.utility(shown.completions) / temperature)
    counts = Counter(say(choices.ScriptedRanker(world, temperature=temperature), shown, seed).order for seed in range(1000))
    for first, second, last in permutations(range(3)):
        p = weight_K[first] / weight_K.sum() * weight_K[second] / (weight_K[second] + weight_K[last])
        assert abs(counts[first, second, last] / 1000 - p) < 4 * np.sqrt(p * (1 - p) / 1000) + 1e-9


@pytest.mark.parametrize("make", [choices.ScriptedRanker, choices.ScriptedVerdict])
def test_pairs_are_chosen_by_bradley_and_terry(make: Any, world: World):
    pair = pairs(world)[3]
    p = float(expit(world.advantage(pair) / 2.0))
    rate = np.mean([say(make(world, temperature=2.0), pair, seed).p_left for seed in range(800)])
    assert abs(rate - p) < 4 * np.sqrt(p * (1 - p) / 800)


def test_scores_follow_utility_and_each_aspect_its_part(world: World):
    rater = choices.ScriptedRater(world, noise=0.0, high=20)
    said = [say(rater, each) for each in answers(world)]
    assert all(isinstance(each, Rating) and set(each.scores) == {"overall", *world.aspects} for each in said)
    assert spearmanr([each.scores["overall"] for each in said], world.utility(answers(world))).statistic > 0.97
    parts_NA = world.features(answers(world)) * world.weights()
    for place, aspect in enumerate(world.aspects):
        if np.std(parts_NA[:, place]) > 0.3:
            assert spearmanr([each.scores[aspect] for each in said], parts_NA[:, place]).statistic > 0.9
    middle = np.median(
        [say(choices.ScriptedRater(world, noise=0.0), each).scores["overall"] for each in world.rivals(world.prompts("eval"))]
    )
    assert middle == 3  # the median rival is the acceptable answer


def test_scores_are_whole_numbers_of_the_scale_and_noise_moves_them(world: World):
    low, high = 0, 4
    quiet, loud = (choices.ScriptedRater(world, low=low, high=high, noise=noise, aspects=()) for noise in (0.0, 3.0))
    scores = [[say(each, answer, k).scores["overall"] for k, answer in enumerate(answers(world))] for each in (quiet, loud)]
    assert set(scores[1]) == {0.0, 1.0, 2.0, 3.0, 4.0}
    utility = world.utility(answers(world))
    assert spearmanr(scores[0], utility).statistic > spearmanr(scores[1], utility).statistic + 0.1
    with pytest.raises(InputError, match="has no aspect 'beauty'"):
        choices.ScriptedRater(world, aspects=["beauty"])


def test_pairs_are_rated_and_equal_scores_tie(world: World):
    rater = choices.ScriptedRater(world, noise=0.0)
    for pair in pairs(world):
        said, (left, right) = say(rater, pair), (say(rater, each).scores["overall"] for each in (pair.left, pair.right))
        assert isinstance(said, Preference)
        assert (said.p_left, said.strength) == (0.5 + 0.5 * np.sign(left - right), abs(left - right))
    ranked = say(rater, slate(world))
    assert isinstance(ranked, Ranking)
    assert ranked.grades is not None
    assert [ranked.grades[place] for place in ranked.order] == sorted(ranked.grades, reverse=True)


def test_a_verdict_has_a_strength_a_reason_a_tie_and_a_neither(world: World):
    for pair in pairs(world, 30):
        said = say(choices.ScriptedVerdict(world, temperature=0.0), pair)
        advantage = world.advantage(pair)
        assert said.p_left == float(advantage > 0) if advantage else said.p_left == 0.5
        assert said.strength == pytest.approx(abs(advantage))
        if said.rejected is not None:
            faults = world.faults(said.rejected)
            assert not faults or faults[0].text in said.rationale
    every = [say(choices.ScriptedVerdict(world, tie=1.0, acceptable=0.0), pair) for pair in pairs(world)]
    assert any(isinstance(each, Abstention) for each in every)
    for each in every:
        shown = each.item if isinstance(each, Abstention) else each.comparison
        worth = world.utility([shown.left, shown.right])
        assert (isinstance(each, Abstention) and each.reason is Reason.NEITHER) == (worth.max() < 0)
    assert any(isinstance(each, Preference) and each.is_tied for each in every)


def test_a_critic_names_the_faults_and_where_they_are(world: World):
    for answer in answers(world)[:40]:
        said, faults = say(feedback.ScriptedCritic(world, most=3), answer), list(world.faults(answer))[:3]
        assert [(each.start, each.end, each.category) for each in said.spans] == [(f.start, f.end, f.aspect) for f in faults]
        assert all(each.text in said.text for each in faults)
        assert (said.polarity is Polarity.PRAISE) == (not faults)
    best = world.mended(answers(world)[0])
    assert say(feedback.ScriptedCritic(world), best).text == feedback.CONTENT
    polarities = {say(feedback.ScriptedCritic(world), each).polarity for each in answers(world)}
    assert {Polarity.BLAME, Polarity.MIXED} <= polarities


def test_a_critic_misses_and_invents_as_often_as_it_is_told(world: World):
    shown = answers(world)
    faults = sum(len(world.faults(each)) for each in shown)
    found = sum(len(say(feedback.ScriptedCritic(world, most=99, miss=0.3), each, k).spans) for k, each in enumerate(shown))
    assert abs(found / faults - 0.7) < 4 * np.sqrt(0.21 / faults)
    invented = 0
    for seed, each in enumerate(shown):
        true = {fault.aspect for fault in world.faults(each)}
        invented += sum(
            span.category not in true for span in say(feedback.ScriptedCritic(world, most=99, hallucinate=0.4), each, seed).spans
        )
    assert abs(invented / len(shown) - 0.4) < 4 * np.sqrt(0.24 / len(shown))


def test_an_edit_is_worth_more_to_the_one_who_made_it_and_follows_its_critique(world: World):
    gains, few = [], []
    for answer in answers(world)[:30]:
        user = world.users[0]
        before = world.utility([answer], user)[0]
        for effort, found in ((None, gains), (1, few)):
            said = say(feedback.ScriptedEditor(world, user, effort=effort), answer)
            found.append(world.utility([Completion(answer.prompt, said.text)], user)[0] - before)
            assert said.critique is not None
            assert (said.text == answer.text) or said.critique.spans
    assert min(gains) >= -1e-9
    assert np.mean(gains) >= np.mean(few) > 0
    assert say(feedback.ScriptedEditor(world, miss=1.0), answers(world)[0]).text == answers(world)[0].text


def test_a_directive_is_the_worst_faults_wish_or_the_users_taste(world: World):
    answer = answers(world)[0]
    assert say(feedback.ScriptedDirectives(world), answer).text == world.faults(answer)[0].wish
    assert say(feedback.ScriptedDirectives(world), answer).about == (answer.prompt,)
    assert isinstance(say(feedback.ScriptedDirectives(world), world.mended(answer)), Abstention)
    assert len({say(feedback.ScriptedDirectives(world, user, source="taste"), answer).text for user in world.users}) > 1
    planted = TextWorld(
        0, sft=1, tastes=lambda gold: {"terse": gold - np.eye(len(gold))[list(WORLDS["text"].aspects).index("words")]}
    )
    assert (
        say(feedback.ScriptedDirectives(planted, "terse", source="taste"), planted.demonstrations()[0]).text
        == "Prefer the shorter answer."
    )


def test_reactions_are_sparse_follow_utility_and_turn_round_with_the_adversarial(world: World):
    shown, signs = answers(world), {}
    for adversarial in (0.0, 1.0):
        reactor = feedback.ScriptedReactions(world, silence=0.8, adversarial=adversarial, temperature=0.1)
        said = [(each, say(reactor, each, seed).kind) for seed, each in enumerate(shown * 5)]
        silent = np.mean([kind is ReactionKind.SILENCE for _, kind in said])
        assert abs(silent - 0.8) < 4 * np.sqrt(0.16 / len(said))
        pleased = {ReactionKind.THUMBS_UP, ReactionKind.HEART}
        signs[adversarial] = [
            (world.utility([each])[0], kind in pleased) for each, kind in said if kind is not ReactionKind.SILENCE
        ]
        assert {kind for _, kind in said} == set(ReactionKind)
    honest, lying = (np.corrcoef(*np.array(signs[each]).T)[0, 1] for each in (0.0, 1.0))
    assert honest > 0.6
    assert lying < -0.6


def test_who_is_served_says_thanks_and_who_is_not_says_why(world: World):
    answer = answers(world)[0]
    worst = world.faults(answer)[0]
    said = say(feedback.ScriptedFollowUps(world), answer)
    assert said.polarity is Polarity.BLAME
    assert worst.text in said.text
    assert worst.wish in said.text
    for patient in (
        say(feedback.ScriptedFollowUps(world, patience=99.0), answer),
        say(feedback.ScriptedFollowUps(world), world.mended(answer)),
    ):
        assert (patient.text, patient.polarity) == (feedback.THANKS, Polarity.PRAISE)


@pytest.mark.parametrize(
    ("make", "options", "why"),
    [
        (feedback.ScriptedCritic, {"miss": 1.5}, "miss rate is 1.5"),
        (feedback.ScriptedCritic, {"most": 0}, "1 or more"),
        (feedback.ScriptedEditor, {"effort": 0}, "1 or more"),
        (feedback.ScriptedDirectives, {"source": "dream"}, "'fault' or 'taste'"),
        (feedback.ScriptedReactions, {"temperature": 0.0}, "more than 0"),
        (choices.ScriptedRanker, {"temperature": -1.0}, "0 or more"),
        (choices.ScriptedRater, {"low": 5}, "low below high"),
        (choices.ScriptedVerdict, {"tie": float("nan")}, "0 or more"),
    ],
)
def test_impossible_options_are_refused(make: Any, options: dict[str, Any], why: str):
    with pytest.raises(InputError, match=why):
        make(WORLDS["exact"], **options)


def test_a_wrong_kind_of_item_is_refused(world: World):
    pair = pairs(world)[0]
    with pytest.raises(InputError, match="reads one answer and was given a pair"):
        say(feedback.ScriptedCritic(world), pair)
    with pytest.raises(InputError, match="judges a pair and was given one answer"):
        say(choices.ScriptedVerdict(world), pair.left)
    with pytest.raises(InputError):
        say(choices.ScriptedRanker(world), pair.left)
