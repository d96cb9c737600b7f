"""Planted noise and bias have the size they say, compose in any order, and let silence through."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.annotators import make_annotator
from pasture.annotators.make import FunctionAnnotator
from pasture.annotators.panels.panel import Pool
from pasture.annotators.runner import annotate
from pasture.annotators.scripted.pairs import First, Longest, Spammer
from pasture.annotators.wrappers.flip import Drift, Flip, FlipByAnnotator, FlipByLength, FlipByPosition, FlipByPrompt, Lapse
from pasture.annotators.wrappers.log_odds import Biased, Sample, Temperature
from pasture.annotators.wrappers.wrapper import Rationed, Swap
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Prompt, Reason
from pasture.core.seeds import rng_for

N, PROMPTS = 2000, 100


def many(count: int = N, prompts: int = PROMPTS) -> list[Comparison]:
    """Pairs of few prompts, left the longer in every other one; pair k is of prompt k modulo `prompts`."""
    asked = [Prompt(f"question {number}") for number in range(prompts)]
    made = []
    for number in range(count):
        long, short = (Completion(asked[number % prompts], f"{number} {end}") for end in ("is a long answer", "short"))
        made.append(Comparison(long, short) if number // prompts % 2 else Comparison(short, long))
    return made


def wrong(annotator: Any, items: list[Comparison] | None = None, seed: int = 0) -> np.ndarray:
    """Whether each label is not the longer answer."""
    results = annotate(many() if items is None else items, annotator, seed=seed).preferences
    return np.array([(each.p_left > 0.5) != (len(each.comparison.left.text) > len(each.comparison.right.text)) for each in results])


def correlation(flips_N: np.ndarray) -> float:
    """Of the flips of two pairs of one prompt: the intraclass correlation from the variance of the prompts' means."""
    flips_KP = flips_N.reshape(-1, PROMPTS)
    k, p = len(flips_KP), flips_N.mean()
    return float((flips_KP.mean(axis=0).var() / (p * (1 - p)) * k - 1) / (k - 1))


def leans(p_left: float) -> FunctionAnnotator:
    """Gives the longer answer, or the first of two equally long ones, this probability."""

    def lean(comparison: Comparison) -> float:
        return p_left if len(comparison.left.text) >= len(comparison.right.text) else 1.0 - p_left

    return FunctionAnnotator(lean)


def one(annotator: Any, pair: Comparison) -> Any:
    return annotate([pair], annotator).results[0]


def pair_of_texts(left: str, right: str) -> Comparison:
    prompt = Prompt("q")
    return Comparison(Completion(prompt, left), Completion(prompt, right))


def test_a_lapse_is_a_fair_coin_at_its_rate_and_buys_nothing(is_rate):
    asked: list[Comparison] = []

    def longest(comparison: Comparison) -> bool:
        asked.append(comparison)
        return len(comparison.left.text) > len(comparison.right.text)

    assert is_rate(wrong(Lapse(FunctionAnnotator(longest), 0.3)).sum(), N, 0.15)
    assert is_rate(len(asked), N, 0.7)
    with pytest.raises(InputError, match=r"the lapse rate is 1.5; it is a probability in \[0, 1\]"):
        Lapse(Longest(), 1.5)


def test_each_member_of_a_pool_errs_at_its_own_rate(is_rate):
    members = [Flip(Longest(), 0.0, name) for name in ("ann", "bob", "cid")]
    said = annotate(many(), FlipByAnnotator(Pool(members), {"ann": 0.1, "bob": 0.4}, default=0.2)).preferences
    for who, rate in (("ann", 0.1), ("bob", 0.4), ("cid", 0.2)):
        # A label that the least rate decides is a coin in nobody's name: .2 of all, half of them wrong.
        own = [each for each in said if each.persona == who]
        errs = sum((each.p_left > 0.5) != (len(each.comparison.left.text) > len(each.comparison.right.text)) for each in own)
        assert is_rate(errs, len(own), (rate - 0.1) / 0.8)
    assert is_rate(sum(each.rationale == "noise" for each in said), N, 0.2)
    with pytest.raises(InputError, match="has no rate for 'cid'; it has: ann, bob; or give a `default`"):
        annotate(many(), FlipByAnnotator(Pool(members), {"ann": 0.1, "bob": 0.4}))
    with pytest.raises(InputError, match="`rates` is empty"):
        FlipByAnnotator(Pool(members), {})


@pytest.mark.parametrize("rho", [0.0, 0.25, 0.64, 1.0])
def test_flips_by_prompt_have_their_rate_and_their_correlation(rho: float):
    flips = [wrong(FlipByPrompt(Longest(), 0.25, rho, seed=seed), seed=seed) for seed in range(3)]
    # 3 x 100 prompts; at rho = 1 a prompt is one draw, so the rate is known to 5 standard errors of 300 draws
    assert np.mean(flips) == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / 300))
    assert np.mean([correlation(each) for each in flips]) == pytest.approx(rho, abs=0.15 if rho else 0.03)


def test_flips_are_independent_across_the_pairs_of_one_prompt_unless_asked_otherwise():
    # 20 pairs a prompt: under independence the estimate has a standard error of sqrt(2 / (100 * 20 * 19)) = .0073
    assert abs(correlation(wrong(Flip(Longest(), 0.25)))) < 5 * 0.0073


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.4])
def test_two_flipped_copies_agree_as_often_as_they_should(rate: float, is_rate):
    copies = [wrong(Flip(Longest(), rate, name)) for name in ("one", "two")]
    assert is_rate((copies[0] == copies[1]).sum(), N, (1 - rate) ** 2 + rate**2)


def test_a_temperature_divides_the_log_odds():
    pair = pair_of_texts("longer", "short")
    # logit .8 = ln 4; over 2 it is ln 2, which is 2/3; times 2 it is ln 16, which is 16/17
    assert one(Temperature(leans(0.8), 2.0), pair).p_left == pytest.approx(2 / 3)
    assert one(Temperature(leans(0.8), 0.5), pair).p_left == pytest.approx(16 / 17)
    assert one(Temperature(leans(0.8), 0.0), pair).p_left == 1.0
    assert one(Temperature(leans(0.5), 0.0), pair).p_left == 0.5
    assert one(Temperature(leans(1.0), 3.0), pair).p_left == 1.0
    with pytest.raises(InputError, match="the temperature is -1; it divides log-odds"):
        Temperature(leans(0.8), -1)


def test_a_sample_of_a_soft_label_is_hard_and_has_its_probability(is_rate):
    said = np.array([each.p_left for each in annotate(many(), Sample(leans(0.8))).preferences])
    longer = np.array([len(each.left.text) > len(each.right.text) for each in many()])
    assert set(said) == {0.0, 1.0}
    assert is_rate((said == longer).sum(), N, 0.8)


def test_a_bias_for_lists_and_for_the_own_family_is_what_it_says():
    listed = pair_of_texts("Two:\n- one\n- two", "One and two, indeed.")
    assert one(Biased(leans(0.5), lists=math.log(3)), listed).p_left == pytest.approx(0.75)
    assert one(Biased(leans(0.5), lists=math.log(3)), listed.swapped()).p_left == pytest.approx(0.25)
    assert one(Biased(leans(0.5), lists=math.log(3)), pair_of_texts("1. a\n2. b", "* a\n* b")).p_left == pytest.approx(0.5)
    assert one(Biased(leans(0.5), lists=math.log(3)), pair_of_texts("- only one", "none")).p_left == pytest.approx(0.5)
    mine = pair_of_texts("As a helpful model, yes.", "Yes.")
    for family in (r"(?i)^as a helpful", [mine.left.key], lambda completion: "model" in completion.text):
        assert one(Biased(leans(0.5), own=math.log(4), family=family), mine).p_left == pytest.approx(0.8)
        assert one(Biased(leans(0.5), own=math.log(4), family=family), mine.swapped()).p_left == pytest.approx(0.2)
    with pytest.raises(InputError, match="self-preference needs both"):
        Biased(leans(0.5), own=1.0)
    with pytest.raises(InputError, match=r"the family '\(' is not a regular expression"):
        Biased(leans(0.5), own=1.0, family="(")


def test_a_drift_follows_its_clock(is_rate):
    items = many()
    order = [f"{each.prompt.id}" for each in items[:PROMPTS]]
    flips_KP = wrong(Drift(Longest(), rate=(0.0, 0.4), clock=order)).reshape(-1, PROMPTS)
    early, late = flips_KP[:, :25], flips_KP[:, -25:]
    # the mean rate of the first quarter of 100 times is .4 * 12 / 99, of the last .4 * 87 / 99
    assert is_rate(early.sum(), early.size, 0.4 * 12 / 99)
    assert is_rate(late.sum(), late.size, 0.4 * 87 / 99)
    assert is_rate(wrong(Drift(Longest(), rate=(0.0, 0.4))).sum(), N, 0.2)  # by the hash: the mixture of all times
    soft = Drift(leans(0.8), temperature=(1.0, 3.0), clock={"a": 0.5})
    assert one(soft, Comparison(Completion(Prompt("q", "a"), "longer"), Completion(Prompt("q", "a"), "s"))).p_left == pytest.approx(
        2 / 3
    )
    with pytest.raises(InputError, match="has no time for the prompt 'b'; it has 1 others"):
        soft.time("b")
    with pytest.raises(InputError, match=r"rate is 0.7; it is a probability in \[0, 0.5\]"):
        Drift(Longest(), rate=(0.0, 0.7))
    with pytest.raises(InputError, match=r"gives the prompt 'a' the time 2.0"):
        Drift(Longest(), clock={"a": 2})


def test_a_spammer_keeps_to_its_habit(is_rate):
    pair = pair_of_texts("a longer one", "short")
    said = {habit: one(Spammer(habit), pair).p_left for habit in ("first", "last", "longer", "shorter")}
    assert said == {"first": 1.0, "last": 0.0, "longer": 1.0, "shorter": 0.0}
    assert one(Spammer("longer"), pair.swapped()).p_left == 0.0
    assert is_rate(wrong(Spammer()).sum(), N, 0.5)
    with pytest.raises(InputError, match="it is one of: random, first, last, longer, shorter"):
        Spammer("lazy")


def test_a_share_of_the_items_is_asked_and_the_rest_is_over_budget(is_rate):
    said = annotate(many(), Rationed(Longest(), share=0.3))
    assert is_rate(len(said.preferences), N, 0.3)
    assert said.reasons == {"over budget": N - len(said.preferences)}
    asked = {each.comparison.key for each in said.preferences}
    again = annotate(many()[::-1], Rationed(Longest(), share=0.3), window=7)
    assert {each.comparison.key for each in again.preferences} == asked


def test_a_ration_of_labels_or_dollars_goes_to_the_first_items_in_any_order_of_work():
    items = many(50)
    for ration in (
        Rationed(Longest(), labels=12, among=items),
        Rationed(Longest(), dollars=0.6, dollars_a_label=0.05, among=items),
    ):
        for shown in (items, items[::-1], items[25:]):
            said = annotate(shown, ration, window=3).preferences
            assert {each.comparison.key for each in said} == {each.key for each in items[:12]} & {each.key for each in shown}
    with pytest.raises(InputError, match="is not among the 50 that 'rationed"):
        annotate(many(60), Rationed(Longest(), labels=12, among=items))
    for options in (
        {},
        {"share": 0.5, "labels": 3},
        {"labels": 3},
        {"dollars": 1.0, "among": items},
        {"share": 0.5, "among": items},
    ):
        with pytest.raises(InputError, match="a ration has one of share, labels, dollars"):
            Rationed(Longest(), **options)


WRAPPERS: dict[str, Any] = {
    "flip": lambda inner: Flip(inner, 0.25),
    "lapse": lambda inner: Lapse(inner, 0.3),
    "flip-by-length": lambda inner: FlipByLength(inner, 0.4, 0.1),
    "flip-by-annotator": lambda inner: FlipByAnnotator(inner, {"ann": 0.1}, 0.4),
    "flip-by-prompt": lambda inner: FlipByPrompt(inner, 0.25, 0.5),
    "temperature": lambda inner: Temperature(inner, 0.5),
    "sample": Sample,
    "length bias": lambda inner: Biased(inner, length=0.7, lists=0.5, own=0.4, family="a"),
    "drift": lambda inner: Drift(inner, (0.1, 0.4), (0.5, 2.0)),
    "share": lambda inner: Rationed(inner, share=0.8),
    "swap": Swap,
    "pool": lambda inner: Pool([inner, Spammer()], [3, 1]),
    "flip-by-position": lambda inner: FlipByPosition(inner, 0.4, 0.1),
    "position bias": lambda inner: Biased(inner, position=1.0),
}
BREAK_THE_SWAP_LAW = {"flip-by-position", "position bias"}
texts = st.text(alphabet="ab \n-", max_size=12)


def judged(annotator: Any, pairs: list[Comparison], seed: int) -> list[Any]:
    async def ask(request: Any) -> Any:
        raise AssertionError("nothing is asked here")

    async def all_of_them() -> list[Any]:
        return [await annotator.annotate(each, ask, rng_for(seed, annotator.name, each.key)) for each in pairs]

    return asyncio.run(all_of_them())


@settings(max_examples=100)
@given(st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=5), texts, texts, st.floats(0, 1), st.integers(0, 99))
def test_wrappers_compose_in_any_order(names: list[str], left: str, right: str, p_left: float, seed: int):
    def lean(comparison: Comparison) -> float:
        return p_left if comparison.is_canonical else 1.0 - p_left

    annotator: Any = FunctionAnnotator(lean)
    for name in names:
        annotator = WRAPPERS[name](annotator)
    pair = pair_of_texts(left, right)
    said, again, turned = judged(annotator, [pair, pair, pair.swapped()], seed)
    assert said == again
    assert said.annotator == annotator.name
    last_swap = max((place for place, name in enumerate(names) if name == "swap"), default=-1)  # it mends what is inside it
    broken = any(name in BREAK_THE_SWAP_LAW for name in names[last_swap + 1 :])
    if isinstance(said, Abstention):
        assert said.reason is Reason.OVER_BUDGET
        assert isinstance(turned, Abstention)
        return
    assert 0.0 <= said.p_left <= 1.0
    assert said.comparison is pair
    if not broken and left != right:
        assert turned.p_left == pytest.approx(1.0 - said.p_left, abs=1e-9)


@pytest.mark.parametrize("name", sorted(WRAPPERS))
def test_silence_and_neither_go_through(name: str):
    pair = pair_of_texts("a", "b")

    def silent(comparison: Comparison) -> Abstention:
        return Abstention(comparison, Reason.REFUSED, "silent", "no")

    def neither(comparison: Comparison) -> Abstention:
        return Abstention(comparison, Reason.NEITHER, "neither", "no")

    heard = [judged(WRAPPERS[name](FunctionAnnotator(silent)), [pair], seed)[0] for seed in range(20)]
    noise = [each for each in heard if not isinstance(each, Abstention)]
    assert all(each.rationale == "noise" or each.persona == "spammer(random)" for each in noise)
    assert any(isinstance(each, Abstention) and each.reason is Reason.REFUSED and each.detail.endswith("no") for each in heard)
    for seed in range(20):
        (said,) = judged(WRAPPERS[name](FunctionAnnotator(neither)), [pair], seed)
        assert isinstance(said, Abstention) or said.rationale == "noise" or said.persona == "spammer(random)"


def test_first_is_moved_by_no_bias_and_by_every_flip():
    pair = pair_of_texts("a", "b")
    assert one(Biased(First(), position=-9.0), pair).p_left == 1.0  # a hard label is certain


@pytest.mark.parametrize("option", ["position", "length", "lists"])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_bias_without_bound_is_refused_when_it_is_made(option: str, value: float):
    with pytest.raises(InputError, match=f"^{option} is {value}; it is a finite number of log-odds"):
        make_annotator("biased", inner="longest", **{option: value})
