"""Noise has the rate it says, is drawn once a pair, and costs nothing where it decides; wrappers compose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.core.requests import Reply
from pasture.eval.judges.position_bias import position_bias

N = 4000


def many(count: int = N, prompts: int = 40) -> list[Comparison]:
    """Pairs of few prompts, left the longer in every other one."""
    asked = [Prompt(f"question {number}") for number in range(prompts)]
    made = []
    for number in range(count):
        prompt = asked[number % prompts]
        long, short = Completion(prompt, f"{number} is a long answer"), Completion(prompt, f"{number} short")
        made.append(Comparison(long, short) if number % 2 else Comparison(short, long))
    return made


def wrong(annotations: Any) -> np.ndarray:
    """Whether each label is not the longer answer."""
    return np.array(
        [(each.p_left > 0.5) != (len(each.comparison.left.text) > len(each.comparison.right.text)) for each in annotations.results]
    )


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.5])
def test_a_flip_has_its_rate(rate: float, is_rate):
    flips = wrong(annotate(many(), make_annotator("flip", inner="longest", rate=rate)))
    assert is_rate(int(flips.sum()), N, rate)


def test_flips_of_two_copies_agree_as_often_as_they_should(is_rate):
    one = wrong(annotate(many(), make_annotator("flip", inner="longest", rate=0.25, name="one")))
    two = wrong(annotate(many(), make_annotator("flip", inner="longest", rate=0.25, name="two")))
    # both right .75^2, or both wrong .25^2: .625
    assert is_rate(int((one == two).sum()), N, 0.75**2 + 0.25**2)


def test_flips_are_independent_across_the_pairs_of_one_prompt():
    flips_PK = wrong(annotate(many(), make_annotator("flip", inner="longest", rate=0.25))).reshape(-1, 40).T
    # Independent flips among a prompt's 100 pairs have variance 100 * .25 * .75; keyed on the prompt, 100 times that.
    assert flips_PK.sum(axis=1).var() < 3 * 100 * 0.25 * 0.75


def test_another_seed_is_other_noise_and_the_same_seed_the_same():
    flip = make_annotator("flip", inner="longest", rate=0.25)
    assert (wrong(annotate(many(), flip, seed=1)) == wrong(annotate(many(), flip, seed=1))).all()
    assert not (wrong(annotate(many(), flip, seed=1)) == wrong(annotate(many(), flip, seed=2))).all()


def test_a_label_that_noise_decides_is_not_bought(fake_engine, is_rate):
    engine = fake_engine()
    annotate(many(), make_annotator("flip", inner="judge", rate=0.25), engine=engine)
    assert is_rate(len(engine.asked), N, 0.5)  # a fair coin with probability 2 * .25
    silent = fake_engine()
    annotate(many(100), make_annotator("flip", inner="judge", rate=0.5), engine=silent)
    assert not silent.asked


def test_flips_by_length_have_their_rates(is_rate):
    items = many()
    flip = make_annotator(
        "flip-by-length", inner=lambda comparison: int(comparison.key, 16) % 2 == 0, rate_longer=0.4, rate_shorter=0.1
    )
    honest = np.array([int(int(each.key, 16) % 2 == 0) for each in items])
    said = np.array([each.p_left for each in annotate(items, flip).results])
    longer = np.array([len(each.left.text) > len(each.right.text) for each in items])
    verdict_for_longer = honest == longer
    flipped = said != honest
    assert is_rate(int(flipped[verdict_for_longer].sum()), int(verdict_for_longer.sum()), 0.4)
    assert is_rate(int(flipped[~verdict_for_longer].sum()), int((~verdict_for_longer).sum()), 0.1)


def test_flips_by_position_have_their_rates(is_rate):
    items = many()
    left = np.array([len(each.left.text) > len(each.right.text) for each in items])
    flipped = wrong(annotate(items, make_annotator("flip-by-position", inner="longest", rate_left=0.05, rate_right=0.3)))
    assert is_rate(int(flipped[left].sum()), int(left.sum()), 0.05)
    assert is_rate(int(flipped[~left].sum()), int((~left).sum()), 0.3)


def test_flips_by_closeness_hit_close_pairs(fake_world, is_rate):
    prompt = Prompt("q")

    def apart(gap: int) -> list[Comparison]:
        return [Comparison(Completion(prompt, f"{n:05d}" + "x" * gap), Completion(prompt, f"{n:05d}")) for n in range(2000)]

    flip = make_annotator("flip-by-closeness", world=fake_world, inner="gold", largest=0.4, scale=2.0)
    for gap in (1, 4):
        # .4 exp(-gap / 2): .2426 and .0541
        assert is_rate(int(wrong(annotate(apart(gap), flip)).sum()), 2000, 0.4 * math.exp(-gap / 2))


@pytest.mark.parametrize(("option", "value"), [("rate", 0.6), ("rate", -0.1), ("rate", float("nan"))])
def test_a_rate_that_is_none_is_refused(option: str, value: Any):
    with pytest.raises(InputError, match=r"it is a probability in \[0, 0.5\]: more than one half would invert"):
        make_annotator("flip", inner="longest", **{option: value})


def test_a_flip_of_a_tie_or_an_abstention_is_none(fake_engine):
    prompt = Prompt("q")
    tie = Comparison(Completion(prompt, "ab"), Completion(prompt, "cd"))
    said = [
        annotate([tie], make_annotator("flip-by-position", inner="longest", rate_left=0.5, rate_right=0.0), seed=s).results[0]
        for s in range(20)
    ]
    assert {each.p_left for each in said} == {0.5}
    silent = annotate([tie], make_annotator("flip", inner="judge", rate=0.0), engine=fake_engine(lambda _: Reply("hm"))).results[0]
    assert isinstance(silent, Abstention)
    assert silent.annotator == "flip(judge, 0)"


def test_a_swap_averages_both_orders_and_keeps_them(fake_engine, some_pairs):
    (pair,) = some_pairs(1)
    (said,) = annotate([pair], make_annotator("swap", inner="judge"), engine=fake_engine()).results
    # A with .8 in both orders: (.8 + .2) / 2
    assert said.p_left == pytest.approx(0.5)
    assert [part.comparison for part in said.parts] == [pair, pair.swapped()]
    assert [part.p_left for part in said.parts] == pytest.approx([0.8, 0.8])
    assert said.usage.requests == 2


@pytest.mark.parametrize(
    ("shown", "turned", "p_left", "strength"),
    [
        ((1.0, 3.0), (0.0, 1.0), 1.0, 2.0),  # both for left: the mean
        ((0.0, 1.0), (1.0, 3.0), 0.0, 2.0),
        ((1.0, 3.0), (1.0, 3.0), 0.5, 0.0),  # the place decides: a tie has no strength
        ((0.9, 1.0), (0.6, 3.0), 0.65, 0.0),  # sure for left, and strongly for right
        ((1.0, None), (0.0, 2.0), 1.0, None),
    ],
)
def test_the_strength_of_a_swap_is_that_of_both_orders_and_of_the_swapped_pair(some_pairs, shown, turned, p_left, strength):
    (pair,) = some_pairs(1)

    def strong(comparison: Comparison) -> Preference:
        p, how_much = shown if comparison == pair else turned
        return Preference(comparison, p, "strong", strength=how_much)

    swap = make_annotator("swap", inner=strong)
    said, other = annotate([pair, pair.swapped()], swap).results
    assert (said.p_left, said.strength) == (pytest.approx(p_left), strength)
    assert (other.p_left, other.strength) == (pytest.approx(1 - p_left), strength)


def test_a_planted_bias_shows_no_parts_that_are_without_it(fake_engine, some_pairs):
    inner = make_annotator("swap", inner="judge")
    (said,) = annotate(some_pairs(1), make_annotator("biased", inner=inner, position=1.0), engine=fake_engine()).results
    assert said.p_left > 0.7
    assert said.parts == ()
    assert position_bias([said]).first.value == 1.0  # an audit that took it apart would find 0.5


def test_a_swap_with_one_silent_order_is_silent(fake_engine, some_pairs):
    (pair,) = some_pairs(1)

    def half(comparison: Comparison) -> float | Abstention:
        return 1.0 if comparison == pair else Abstention(comparison, Reason.REFUSED, "half", "no")

    (said,) = annotate([pair], make_annotator("swap", inner=half)).results
    assert (said.reason, said.detail, said.annotator, said.item) == (Reason.REFUSED, "in the other order: no", "swap(half)", pair)


def test_a_swap_gives_both_orders_the_same_noise(some_pairs):
    inner = make_annotator("flip", inner="longest", rate=0.4)
    for said in annotate(some_pairs(50), make_annotator("swap", inner=inner)).results:
        assert said.p_left in (0.0, 0.5, 1.0)
        assert said.parts[0].p_left == 1.0 - said.parts[1].p_left


def test_a_mixture_asks_each_member_its_share(is_rate):
    said = annotate(many(), make_annotator("mixture", members=["longest", {"use": "first"}], weights=[1, 3])).results
    assert is_rate(sum(each.persona == "first" for each in said), N, 0.75)
    assert all(each.annotator == "mixture(longest, first)" for each in said)
    with pytest.raises(InputError, match="a mixture has no members"):
        make_annotator("mixture", members=[])
    with pytest.raises(InputError, match=r"the weights are \[1\] for 2 members"):
        make_annotator("mixture", members=["longest", "first"], weights=[1])


def test_a_planted_position_bias_is_what_an_audit_finds(fake_world):
    soft = make_annotator("bradley-terry", world=fake_world, temperature=1e9, soft=True)
    said = annotate(many(200), make_annotator("biased", inner=soft, position=1.0)).results
    assert position_bias(said).first.extra["mean_probability"] == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-6)


def test_a_planted_length_bias_follows_words(fake_world):
    prompt = Prompt("q")
    pair = Comparison(Completion(prompt, "one two three"), Completion(prompt, "one"))
    soft = make_annotator("bradley-terry", world=fake_world, temperature=1e9, soft=True)
    (said,) = annotate([pair], make_annotator("biased", inner=soft, length=2.0, length_scale=4.0)).results
    # 2 words longer: log-odds 2 tanh(2 / 4) = .9242
    assert said.p_left == pytest.approx(1 / (1 + math.exp(-2 * math.tanh(0.5))), abs=1e-6)


def test_a_wrapper_of_pairs_refuses_another_kind_of_answer(some_pairs):
    from pasture.core.records import Rating

    def rates(comparison: Comparison) -> Rating:
        return Rating(comparison.left, {"overall": 1.0}, "rates")

    with pytest.raises(InputError, match=r"'swap\(rates\)' wraps an annotator of pairs, and 'rates' gave a Rating"):
        annotate(some_pairs(1), make_annotator("swap", inner=rates))


def test_gold_prefers_the_better_and_ties_honestly(fake_world):
    prompt = Prompt("q")
    better, worse, same = Completion(prompt, "abcd"), Completion(prompt, "ab"), Completion(prompt, "xy")
    said = annotate(
        [Comparison(better, worse), Comparison(worse, better), Comparison(worse, same)], make_annotator("gold", world=fake_world)
    )
    assert [each.p_left for each in said.results] == [1.0, 0.0, 0.5]


def test_bradley_terry_chooses_at_its_rate(fake_world, is_rate):
    prompt = Prompt("q")
    items = [Comparison(Completion(prompt, f"{n:05d}xx"), Completion(prompt, f"{n:05d}")) for n in range(N)]
    soft = annotate(items[:1], make_annotator("bradley-terry", world=fake_world, temperature=2.0, soft=True)).results[0]
    assert soft.p_left == pytest.approx(1 / (1 + math.exp(-1.0)))  # 2 nats at temperature 2
    hard = annotate(items, make_annotator("bradley-terry", world=fake_world, temperature=2.0)).results
    assert {each.p_left for each in hard} == {0.0, 1.0}
    assert is_rate(int(sum(each.p_left for each in hard)), N, 1 / (1 + math.exp(-1.0)))


def test_the_pool_asks_every_user_alike_and_says_whom(fake_world, is_rate):
    said = annotate(many(), make_annotator("pool", world=fake_world, temperature=0.0)).results
    assert is_rate(sum(each.persona == "ann" for each in said), N, 0.5)
    for each in said:
        assert isinstance(each, Preference)
        longer_is_left = len(each.comparison.left.text) > len(each.comparison.right.text)
        assert (each.p_left == 1.0) == (longer_is_left == (each.persona == "ann"))


def test_a_user_that_is_not_there_is_named(fake_world):
    with pytest.raises(InputError, match="the world 'fake' has no user 'eve'; its users are: ann, bob, gold"):
        make_annotator("bradley-terry", world=fake_world, user="eve")
    with pytest.raises(InputError, match="the temperature is -1"):
        make_annotator("pool", world=fake_world, temperature=-1)
