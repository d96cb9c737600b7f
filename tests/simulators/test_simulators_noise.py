import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Prompt
from pasture.simulators.noise import (
    InstanceDependentFlip,
    LengthBias,
    LengthConditionalFlip,
    Noise,
    PositionBias,
    PositionConditionalFlip,
    SymmetricFlip,
    corrupt,
    flip,
    shifted,
)

PROMPT = Prompt("which?")
PAIR = Comparison(Completion(PROMPT, "a long answer of six words"), Completion(PROMPT, "short"))
rates = st.floats(0, 1)
biases = st.floats(-20, 20)
flips = st.one_of(
    st.builds(SymmetricFlip, rates),
    st.builds(LengthConditionalFlip, rates, rates),
    st.builds(InstanceDependentFlip, rates, st.floats(0.01, 10)),
    st.builds(LengthBias, biases, st.floats(0.1, 100)),
)
position_noises = st.one_of(st.builds(PositionConditionalFlip, rates, rates), st.builds(PositionBias, biases))


@given(rates, st.one_of(flips, position_noises), st.floats(-20, 20))
def test_noise_maps_probabilities_to_probabilities(p: float, noise: Noise, advantage: float) -> None:
    assert 0.0 <= noise(p, PAIR, advantage) <= 1.0


@given(rates, flips, st.floats(-20, 20))
def test_noise_without_position_obeys_the_swap_law(p: float, noise: Noise, advantage: float) -> None:
    there, back = noise(p, PAIR, advantage), noise(1.0 - p, PAIR.swapped(), -advantage)
    assert there + back == pytest.approx(1.0, abs=1e-9)


@given(rates, rates, rates)
def test_two_flips_are_one(p: float, one: float, two: float) -> None:
    assert flip(flip(p, one), two) == pytest.approx(flip(p, one * (1 - two) + two * (1 - one)), abs=1e-12)


@given(rates, rates)
def test_equal_class_rates_are_symmetric_noise(p: float, rate: float) -> None:
    assert flip(p, rate, rate) == pytest.approx(flip(p, rate), abs=1e-12)


def test_flips_of_worked_numbers() -> None:
    assert flip(0.9, 0.25) == pytest.approx(0.75 * 0.9 + 0.25 * 0.1)
    assert flip(1 - 0.25, 0.25) == 0.625  # how often two labels agree that are each flipped: 0.75^2 + 0.25^2
    # .8 of labels are "first": a tenth of them go; .2 are "second": a half of them come
    assert flip(0.8, 0.1, 0.5) == pytest.approx(0.72 + 0.10)


def test_close_pairs_are_flipped_most() -> None:
    noise = InstanceDependentFlip(0.4, 2.0)
    assert noise(1.0, PAIR, 0.0) == pytest.approx(1 - 0.4)
    assert noise(1.0, PAIR, 2.0) == noise(1.0, PAIR, -2.0) == pytest.approx(1 - 0.4 / math.e)


def test_biases_add_log_odds() -> None:
    assert shifted(0.5, math.log(3)) == pytest.approx(0.75)
    assert shifted(1.0, -5.0) == 1.0
    assert PositionBias(math.log(3))(0.5, PAIR.swapped(), 0.0) == pytest.approx(0.75)
    assert LengthBias(2.0, scale=5.0)(0.5, PAIR, 0.0) == pytest.approx(shifted(0.5, 2 * math.tanh(1)))
    # 6 words against 1, 5 more: half of the scale
    assert LengthBias(2.0, scale=10.0)(0.5, PAIR, 0.0) == pytest.approx(shifted(0.5, 2 * math.tanh(0.5)))
    assert LengthBias(2.0, scale=10.0)(0.5, PAIR.swapped(), 0.0) < 0.5


def test_asymmetric_noise_follows_length_and_not_place() -> None:
    noise = LengthConditionalFlip(rate_longer=0.5, rate_shorter=0.0)
    assert noise(1.0, PAIR, 0.0) == 0.5
    assert noise(0.0, PAIR, 0.0) == 0.0
    assert noise(1.0, PAIR.swapped(), 0.0) == 1.0
    same = Comparison(Completion(PROMPT, "yes"), Completion(PROMPT, "no"))
    assert noise(1.0, same, 0.0) == 0.75


def test_noise_conditional_on_position_follows_place() -> None:
    noise = PositionConditionalFlip(rate_left=0.0, rate_right=0.5)
    assert noise(1.0, PAIR, 0.0) == noise(1.0, PAIR.swapped(), 0.0) == 1.0
    assert noise(0.0, PAIR, 0.0) == noise(0.0, PAIR.swapped(), 0.0) == 0.5


def test_corruptions_act_in_order() -> None:
    assert corrupt(0.5, [PositionBias(math.log(3)), SymmetricFlip(0.1)], PAIR, 0.0) == pytest.approx(0.75 * 0.9 + 0.25 * 0.1)
    assert corrupt(0.5, [SymmetricFlip(0.1), PositionBias(math.log(3))], PAIR, 0.0) == pytest.approx(0.75)
    assert corrupt(0.3, [], PAIR, 0.0) == 0.3


@pytest.mark.parametrize(
    "make", [SymmetricFlip, InstanceDependentFlip, lambda r: PositionConditionalFlip(r, 0), lambda r: LengthConditionalFlip(0, r)]
)
@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_a_rate_outside_the_unit_interval_is_refused(make: type, rate: float) -> None:
    with pytest.raises(InputError, match="probability"):
        make(rate)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_a_scale_that_is_not_positive_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="scale"):
        InstanceDependentFlip(0.1, scale)
    with pytest.raises(InputError, match="scale"):
        LengthBias(0.1, scale)
