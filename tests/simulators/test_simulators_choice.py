import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Prompt
from pasture.core.seeds import rng_for
from pasture.simulators.noise import bradley_terry, draw

PROMPT = Prompt("which?")
advantages = st.floats(-50, 50)
probabilities = st.floats(0, 1)


def pair(left: str, right: str) -> Comparison:
    return Comparison(Completion(PROMPT, left), Completion(PROMPT, right))


def test_bradley_terry_of_worked_numbers() -> None:
    assert bradley_terry(math.log(3)) == pytest.approx(0.75)  # 3 / (3 + 1)
    assert bradley_terry(2 * math.log(3), temperature=2.0) == pytest.approx(0.75)


def test_no_temperature_takes_the_better_answer_and_ties_are_even() -> None:
    assert [bradley_terry(du, temperature=0.0) for du in (-0.1, 0.0, 0.1)] == [0.0, 0.5, 1.0]


def test_functions_take_arrays() -> None:
    np.testing.assert_allclose(bradley_terry(np.array([[0.0, math.log(3)]]), 1.0), [[0.5, 0.75]])


@pytest.mark.parametrize("temperature", [-1.0, math.nan])
def test_a_temperature_below_zero_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature"):
        bradley_terry(1.0, temperature)


@given(advantages, st.floats(0, 10))
def test_a_choice_is_a_probability_and_swapping_gives_its_complement(du: float, tau: float) -> None:
    p = bradley_terry(du, tau)
    assert 0.0 <= p <= 1.0
    assert p + bradley_terry(-du, tau) == pytest.approx(1.0, abs=1e-12)


@given(probabilities, st.integers(0, 10_000), st.text(max_size=3), st.text(max_size=3))
def test_the_swapped_pair_gets_the_swapped_label(p_left: float, seed: int, left: str, right: str) -> None:
    comparison = pair(left, right)
    label = draw(p_left, comparison, rng_for(seed))
    assert draw(1.0 - p_left, comparison.swapped(), rng_for(seed)) == 1.0 - label
    assert (label == 0.5) == (left == right)


@pytest.mark.parametrize(("left", "right"), [("a", "b"), ("b", "a")])
def test_labels_are_drawn_with_their_probability_in_both_orders(left: str, right: str) -> None:
    rng = rng_for(3)
    labels = [draw(0.3, pair(left, right), rng) for _ in range(10_000)]
    assert np.mean(labels) == pytest.approx(0.3, abs=0.02)  # four standard errors are .018


def test_certainty_is_kept() -> None:
    for seed in range(50):
        assert draw(1.0, pair("b", "a"), rng_for(seed)) == 1.0
        assert draw(0.0, pair("b", "a"), rng_for(seed)) == 0.0


def test_a_label_cannot_be_drawn_from_what_is_no_probability() -> None:
    with pytest.raises(InputError, match=r"p_left is 1\.5"):
        draw(1.5, pair("a", "b"), rng_for(0))
