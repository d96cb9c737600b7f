"""Iterative proportional fitting: a hand-worked table, its laws, and what it says when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.simulators.personas.census import Margin, rake


def test_a_uniform_seed_gives_the_product_of_the_margins():
    # rows .6 and .4, columns .3 and .7, independent: .6 * .3 = .18 and so on
    margins = [Margin("rows", (0,), np.array([0.6, 0.4])), Margin("columns", (1,), np.array([0.3, 0.7]))]
    assert rake(np.ones((2, 2)), margins) == pytest.approx(np.array([[0.18, 0.42], [0.12, 0.28]]), abs=1e-9)


def test_a_seed_with_odds_ratio_four_keeps_it():
    # [[2, 1], [1, 2]] to margins of a half each way: [[a, .5 - a], [.5 - a, a]] with (a / (.5 - a))^2 = 4, so a = 1/3
    halves = np.array([0.5, 0.5])
    found = rake(np.array([[2.0, 1.0], [1.0, 2.0]]), [Margin("rows", (0,), halves), Margin("columns", (1,), halves)])
    assert found == pytest.approx(np.array([[1 / 3, 1 / 6], [1 / 6, 1 / 3]]), abs=1e-9)


weights = st.floats(0.05, 20.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(weights, min_size=24, max_size=24), st.lists(weights, min_size=24, max_size=24))
def test_margins_are_met_and_odds_ratios_stay_whatever_the_seed(seed: list[float], other: list[float]):
    table, wanted = np.array(seed).reshape(2, 3, 4), np.array(other).reshape(2, 3, 4)
    wanted /= wanted.sum()
    margins = [Margin("first two", (0, 1), wanted.sum(axis=2)), Margin("last", (2,), wanted.sum(axis=(0, 1)))]
    found = rake(table, margins)
    for margin in margins:
        assert np.abs(margin.of(found) - margin.target).max() <= 1e-10

    def log_odds(of: np.ndarray) -> np.ndarray:
        flat = np.log(of.reshape(6, 4))
        return flat[1:, 1:] - flat[:1, 1:] - flat[1:, :1] + flat[:1, :1]

    assert log_odds(found) == pytest.approx(log_odds(table), abs=1e-8)


def test_a_margin_of_a_part_leaves_the_rest_as_it_was():
    seed = np.array([[1.0, 3.0], [2.0, 2.0]])
    found = rake(seed, [Margin("second row", (1,), np.array([1.0, 4.0]), np.array([False, True]))])
    assert found == pytest.approx(np.array([[1.0, 3.0], [1.0, 4.0]]))


def test_a_zero_stays_a_zero():
    seed = np.array([[0.0, 1.0], [1.0, 1.0]])
    found = rake(seed, [Margin("rows", (0,), np.array([0.3, 0.7])), Margin("columns", (1,), np.array([0.2, 0.8]))])
    assert found == pytest.approx(np.array([[0.0, 0.3], [0.2, 0.5]]), abs=1e-9)


def test_what_cannot_be_met_is_an_error_that_names_the_margin():
    with pytest.raises(InputError, match=r"'rows' wants 0.5 at \(0,\), where the seed has nobody"):
        rake(np.array([[0.0, 0.0], [1.0, 1.0]]), [Margin("rows", (0,), np.array([0.5, 0.5]))])
    clash = [Margin("rows", (0,), np.array([0.5, 0.5])), Margin("columns", (1,), np.array([0.5, 0.6]))]
    with pytest.raises(InputError, match="contradict"):
        rake(np.ones((2, 2)), clash, limit=50)
    with pytest.raises(InputError, match="its axes have sizes"):
        rake(np.ones((2, 2)), [Margin("rows", (0,), np.ones(3))])
    with pytest.raises(InputError, match="negative or undefined"):
        rake(np.array([[1.0, -1.0]]), [])


@pytest.mark.parametrize("target", [-1.0, np.nan, np.inf])
def test_a_target_that_is_not_a_share_is_refused_at_once(target: float):
    with pytest.raises(InputError, match="the margin 'm' holds a negative or undefined number"):
        rake(np.ones(2), [Margin("m", (0,), np.array([target, 2.0]))])
