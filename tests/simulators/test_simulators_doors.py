"""The doors of both worlds: features and weights explain utility, faults have places, mending mends, looks deceive, and users can
be given or sampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError, UnknownName
from pasture.core.protocols import World
from pasture.core.records import Completion, Prompt
from pasture.simulators import WORLDS
from pasture.simulators.exact.world import ExactWorld, overoptimised
from pasture.simulators.simulated import persona_users
from pasture.simulators.text.faults import parts_of
from pasture.simulators.text.rules import FEATURES, gold_weights
from pasture.simulators.text.world import TextWorld

SMALL = {
    "exact": {"prompts": 4, "responses": 16},
    "exact-overoptimised": {"prompts": 4, "responses": 16},
    "exact-cyclic": {"prompts": 4, "responses": 16},
    "exact-personas": {"prompts": 4, "responses": 16, "personas": 20},
    "text": {"sft": 40, "preference": 20, "unlabeled": 20, "eval": 20},
    "text-personas": {"sft": 40, "preference": 20, "unlabeled": 20, "eval": 20, "personas": 20},
}
TEXT = TextWorld(0, **SMALL["text"])
FULL = "What is the capital of France? Mention tea. Never say very. Use at most 10 words. Be formal. Write a list."


@pytest.fixture(scope="module", params=sorted(WORLDS.table))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS.load(request.param)(0, **SMALL[request.param])


def some(world: World) -> Sequence[Completion]:
    return [*world.demonstrations(), *world.rivals(world.prompts("eval"))]


def test_utility_is_features_times_weights_for_gold_and_every_user(world: World):
    features_NA = world.features(some(world))
    assert features_NA.shape == (len(some(world)), len(world.aspects))
    for user in ("gold", *world.users):
        np.testing.assert_allclose(features_NA @ world.weights(user), world.utility(some(world), user), atol=1e-9)
    assert world.features([]).shape == (0, len(world.aspects))


def test_gold_is_the_users_mean(world: World):
    np.testing.assert_allclose(np.mean([world.weights(user) for user in world.users], axis=0), world.weights(), atol=1e-9)


def test_what_a_door_hands_out_is_a_copy(world: World):
    world.weights()[:] = 99.0
    world.features(some(world))[:] = 99.0
    world.seen(some(world))[:] = 99.0
    assert np.abs(world.features(some(world)) @ world.weights()).max() < 50


def test_unknown_users_and_aspects_are_refused(world: World):
    answer = some(world)[0]
    with pytest.raises(UnknownName, match="user"):
        world.weights("nobody")
    with pytest.raises(UnknownName, match="user"):
        world.faults(answer, "nobody")
    with pytest.raises(UnknownName, match="aspect"):
        world.mended(answer, ["beauty"])


def test_faults_come_worst_first_with_a_place_a_sentence_and_a_wish(world: World):
    for answer in some(world)[:20]:
        faults = world.faults(answer, world.users[0])
        assert [each.loss for each in faults] == sorted((each.loss for each in faults), reverse=True)
        for each in faults:
            assert each.aspect in world.aspects
            assert each.loss > 0
            assert 0 <= each.start <= each.end <= len(answer.text)
            assert each.text.endswith(".")
            assert each.wish.endswith(".")


def test_mending_never_costs_the_user_and_mends_what_was_asked(world: World):
    gains = []
    for place, answer in enumerate(some(world)[:30]):
        user = ("gold", *world.users)[place % (1 + len(world.users))]
        gains.append(world.utility([world.mended(answer, user=user)], user)[0] - world.utility([answer], user)[0])
        for aspect in {each.aspect for each in world.faults(answer, user)}:
            better = world.mended(answer, [aspect], user)
            assert better.prompt == answer.prompt
            assert aspect not in {each.aspect for each in world.faults(better, user)}
    assert min(gains) >= -1e-9
    assert np.mean(gains) > 0.5


def test_where_nothing_is_wrong_nothing_is_mended(world: World):
    answer = world.mended(some(world)[0])
    unblemished = [each for each in world.aspects if each not in {fault.aspect for fault in world.faults(answer)}]
    assert world.mended(answer, unblemished) == answer


def test_a_perfect_answer_has_no_fault_and_a_fault_is_what_mending_gains():
    good = Completion(Prompt(FULL), "- Certainly.\n- It is Paris.\n- I like tea.")
    assert not TEXT.faults(good)
    bad = Completion(Prompt(FULL), "Hey! It is Rome. Let me think. Let me think. I am very sure. Oh la.")
    expected = {  # weight times units, by hand; 16 words are 6 too many
        "fact": 1.3 * 2,
        "mention": 1.0,
        "avoid": 1.0,
        "length": 0.25 * 6,
        "tone": 0.7 * 2,
        "format": 0.5 * 2,
        "broken": 0.15 * 2,
        "repeated": 0.5,
        "filler": 0.15 * 3,
    }
    losses = dict.fromkeys(expected, 0.0)
    for each in TEXT.faults(bad):
        losses[each.aspect] += each.loss
    assert losses == pytest.approx(expected)
    assert TEXT.utility([bad])[0] == pytest.approx(TEXT.utility([good])[0] - sum(expected.values()))
    quotes = {(each.aspect, bad.text[each.start : each.end]) for each in TEXT.faults(bad)}
    assert quotes >= {("fact", "It is Rome."), ("tone", "Hey!"), ("avoid", "very"), ("broken", "Oh la.")}
    assert ("length", "I am very sure. Oh la.") in quotes  # the eleventh word and all after it


LETTERS = st.text("ab .!-\n", max_size=30)


@settings(max_examples=40)
@given(st.integers(0, 79), st.floats(0, 1), st.integers(0, 2**31), LETTERS, st.integers(0, 13))
def test_mending_an_answer_of_any_quality_and_any_noise(place: int, quality: float, seed: int, noise: str, user: int):
    prompt = [each for split in ("sft", "preference", "eval") for each in TEXT.prompts(split)][place]
    rng = np.random.default_rng(seed)
    text = TEXT.answer(prompt, quality, rng).text
    cut = int(rng.integers(len(text) + 1))
    answer, who = Completion(prompt, text[:cut] + noise + text[cut:]), ("gold", *TEXT.users)[user]
    faults = TEXT.faults(answer, who)
    assert TEXT.utility([TEXT.mended(answer, user=who)], who)[0] >= TEXT.utility([answer], who)[0] - 1e-9
    for aspect in {each.aspect for each in faults}:
        assert aspect not in {each.aspect for each in TEXT.faults(TEXT.mended(answer, [aspect], who), who)}
    assert [each.text for each in parts_of(answer.text)] == [answer.text[each.start : each.end] for each in parts_of(answer.text)]


def test_a_fault_whose_mending_would_cost_more_stays():
    taste = gold_weights()
    taste[FEATURES.index("length")], taste[FEATURES.index("words")] = -0.01, 1.0  # asked to be brief, and hates it
    world = TextWorld(0, sft=1, tastes={"chatty": taste})
    text = "It is Paris. Many people love tea. It goes well with honey. Do not forget soup."
    answer = Completion(Prompt("What is the capital of France? Use at most 8 words."), text)
    assert {each.aspect for each in world.faults(answer, "chatty")} == {"length"}
    assert world.utility([world.mended(answer, user="chatty")], "chatty")[0] >= world.utility([answer], "chatty")[0]
    brief = world.mended(answer, ["length"], "chatty")
    assert "length" not in {each.aspect for each in world.faults(brief, "chatty")}
    assert world.utility([brief], "chatty")[0] < world.utility([answer], "chatty")[0]


def test_in_a_table_of_answers_not_even_a_single_aspect_is_mended_at_a_loss():
    world = ExactWorld(2, prompts=10, responses=16)
    for answer in some(world):
        for aspect in world.aspects:
            assert world.utility([world.mended(answer, [aspect])])[0] >= world.utility([answer])[0]


def test_a_false_fact_looks_like_a_true_one_and_nothing_else_deceives():
    prompt = Prompt("What is the capital of France?")
    right, wrong, none = (Completion(prompt, text) for text in ("It is Paris.", "It is Rome.", "I like tea."))
    seen_NF, true_NF = TEXT.seen([right, wrong, none]), TEXT.features([right, wrong, none])
    assert seen_NF[:, 0].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(seen_NF[:, 1:], true_NF[:, 1:])


def test_hidden_features_look_like_their_opposite():
    world = ExactWorld(0, prompts=3, features=6, hidden=2, length_cost=1.0)
    true_NA, seen_NA = world.features(some(world)), world.seen(some(world))
    np.testing.assert_array_equal(seen_NA[:, 4:6], -true_NA[:, 4:6])
    np.testing.assert_array_equal(np.delete(seen_NA, [4, 5], 1), np.delete(true_NA, [4, 5], 1))


@pytest.mark.parametrize("seed", range(5))
def test_going_by_looks_is_worse_than_knowing_and_worse_the_harder_it_is_gone_by(seed: int):
    world = ExactWorld(seed, prompts=30)
    every = [[world.completion(prompt, answer) for answer in range(64)] for prompt in world.prompts("eval")]
    seen_PM = np.stack([world.seen(row) @ world.weights() for row in every])
    true_PM = np.stack([world.utility(row) for row in every])
    gaps = []
    for tried in (1, 4, 64):
        by_looks = np.take_along_axis(true_PM[:, :tried], seen_PM[:, :tried].argmax(1)[:, None], 1).mean()
        gaps.append(true_PM[:, :tried].max(1).mean() - by_looks)
    assert gaps[0] == pytest.approx(0)
    assert gaps[0] < gaps[1] < gaps[2]


def test_too_much_length_is_one_more_aspect_where_it_costs():
    world = overoptimised(0, prompts=3)
    assert world.aspects[-1] == "over-length"
    assert world.weights()[-1] == world.weights("user-00")[-1] == 1.0
    assert (world.features(some(world))[:, -1] <= 0).all()
    assert "over-length" not in ExactWorld(0, prompts=3).aspects


def test_users_may_be_given_as_weights():
    mean = ExactWorld(1, prompts=2).weights()
    given = {"ann": mean + 1, "bob": mean - 1}
    for world in (ExactWorld(1, prompts=2, tastes=given), ExactWorld(1, prompts=2, tastes=lambda m: {"ann": m + 1, "bob": m - 1})):
        assert world.users == ("ann", "bob")
        np.testing.assert_array_equal(world.weights("ann"), mean + 1)
        np.testing.assert_array_equal(world.weights(), mean)
    text = TextWorld(0, tastes={"ann": gold_weights() * 2})
    assert text.users == ("ann",)
    assert text.utility(TEXT.demonstrations()[:3], "ann") == pytest.approx(2 * TEXT.utility(TEXT.demonstrations()[:3]))


@pytest.mark.parametrize("make", [ExactWorld, TextWorld])
@pytest.mark.parametrize(
    ("tastes", "why"),
    [
        ({}, "at least one user"),
        ({"gold": np.ones(12)}, "none called 'gold'"),
        ({"ann": [1.0]}, "one finite weight for each of"),
        ({"ann": np.full(12, np.nan)}, "finite"),
    ],
)
def test_unusable_tastes_are_refused(make: type, tastes: dict[str, object], why: str):
    with pytest.raises(InputError, match=why):
        make(0, tastes=tastes)


@pytest.mark.parametrize("make", [ExactWorld, TextWorld])
def test_users_and_tastes_exclude_one_another(make: type):
    with pytest.raises(InputError, match="both users=3 and tastes"):
        make(0, users=3, tastes={"ann": np.ones(12)})


def test_nothing_hides_that_is_not_there():
    with pytest.raises(InputError, match="hidden=13 of features=12"):
        ExactWorld(0, hidden=13)


def test_sampled_personas_are_users_by_their_ids_and_the_more_spread_the_more_they_differ():
    tame, wild = (WORLDS.load("text-personas")(3, personas=30, spread=spread) for spread in (0.5, 2.0))
    assert tame.users[:2] == ("persona-3-0", "persona-3-1")
    away = [np.std([world.weights(user) for user in world.users], axis=0) for world in (tame, wild)]
    np.testing.assert_allclose(4 * away[0], away[1])
    assert tame.name == "text-personas"
    uncentred = persona_users(FEATURES, 30, 3, centred=False)(gold_weights())
    more = persona_users(FEATURES, 40, 3, centred=False)(gold_weights())
    np.testing.assert_array_equal(uncentred["persona-3-7"], more["persona-3-7"])  # whoever else there is
