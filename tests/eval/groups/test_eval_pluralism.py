"""Pluralism: summaries over personas, steerability, distances between distributions and Overton coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.eval.groups.distributions import argmax_match, entropy_ratio, jensen_shannon, total_variation, wasserstein
from pasture.eval.groups.pluralism import gini, pluralism, steerability, tenth_percentile
from scipy.stats import wasserstein_distance

distribution = st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any).map(lambda c: np.array(c) / sum(c))


@given(distribution, distribution)
def test_distances_are_0_to_1_symmetric_and_0_for_equals(p, q):
    for distance in (jensen_shannon, wasserstein, total_variation):
        found = distance(p, q)[0]
        assert -1e-12 <= found <= 1 + 1e-12
        assert found == pytest.approx(distance(q, p)[0], abs=1e-7)
        assert distance(p, p)[0] == pytest.approx(0, abs=1e-7)
    assert wasserstein(p, q)[0] == pytest.approx(wasserstein_distance(range(4), range(4), p, q) / 3, abs=1e-12)
    assert total_variation(p, q)[0] == pytest.approx(
        max(sum((p - q)[[k for k in range(4) if s >> k & 1]]) for s in range(16)), abs=1e-12
    )


def test_distances_by_hand():
    p, q = [1.0, 0, 0], [0, 0, 1.0]
    assert jensen_shannon(p, q)[0] == pytest.approx(1)  # base 2
    assert (wasserstein(p, q)[0], total_variation(p, q)[0], argmax_match(p, q)[0]) == (1, 1, 0)
    # even against certain: m = (3/4, 1/4); divergence (.5 log2(2/3) + .5 log2(2) + log2(4/3)) / 2 = .3113
    assert jensen_shannon([0.5, 0.5], [1.0, 0.0])[0] == pytest.approx(np.sqrt((0.5 * np.log2(2 / 3) + 0.5 + np.log2(4 / 3)) / 2))
    assert wasserstein([0.5, 0.5, 0], [0, 0.5, 0.5])[0] == pytest.approx(0.5)
    assert wasserstein([1.0, 0, 0], [0, 1.0, 0], [0.0, 9, 10])[0] == pytest.approx(0.9)
    assert argmax_match([0.4, 0.4, 0.2], [0.5, 0.3, 0.2])[0] == 0.5
    assert entropy_ratio([1.0, 0], [0.5, 0.5])[0] == 0
    assert np.isnan(entropy_ratio([0.5, 0.5], [1.0, 0])[0])


def test_what_is_no_distribution_is_refused():
    with pytest.raises(InputError, match="summing to 1"):
        jensen_shannon([0.5, 0.6], [0.5, 0.5])
    with pytest.raises(InputError, match="shapes"):
        total_variation([0.5, 0.5], [1.0])
    with pytest.raises(InputError, match="rising"):
        wasserstein([0.5, 0.5], [0.5, 0.5], [1.0, 0.0])


def test_gini_by_hand_and_without_inequality():
    # rates .2 and .6: mean difference over all pairs with repetition .2, mean .4: .2 / .8
    assert gini(np.array([0.2, 0.6])) == pytest.approx(0.25)
    assert gini(np.full(5, 0.3)) == 0
    assert gini(np.array([0.2, 0.6]), np.array([3.0, 1.0])) == pytest.approx(gini(np.array([0.2, 0.2, 0.2, 0.6])))
    assert np.isnan(gini(np.zeros(3)))


def test_the_tenth_percentile_counts_people():
    rates = np.linspace(0, 0.9, 10)
    assert tenth_percentile(rates, np.ones(10)) == 0
    assert tenth_percentile(rates, np.array([0.01, *[1.0] * 9])) == pytest.approx(0.1)


def test_a_minority_left_out_shows_in_the_worst_group_and_not_in_the_mean():
    rng = np.random.default_rng(2)
    scores = (rng.random((4, 300)) < np.array([0.8, 0.8, 0.8, 0.2])[:, None]).astype(float)
    found = pluralism(scores, ["a", "b", "c", "minority"], weights_G=np.array([30.0, 30, 30, 10]))
    assert found.worst_group == "minority"
    assert found.worst.value == pytest.approx(0.2, abs=0.06)
    assert found.worst.low <= found.worst.value <= found.worst.high < 0.4
    assert found.mean.value == pytest.approx(0.74, abs=0.04)
    assert found.p10.value == found.worst.value
    assert found.groups["a"].low < 0.8 < found.groups["a"].high


def test_a_group_without_a_verdict_is_left_out_and_said():
    found = pluralism(np.array([[1.0, 0, 1], [np.nan] * 3]), ["a", "b"])
    assert found.groups["b"].value is None
    assert "1 without a verdict left out" in found.mean.how
    assert found.mean.value == pytest.approx(2 / 3)
    assert pluralism(np.full((2, 3), np.nan), ["a", "b"]).worst.value is None
    assert pluralism(np.zeros((2, 3)), ["a", "b"]).gini.value is None
    with pytest.raises(InputError, match="positive weight"):
        pluralism(np.ones((2, 3)), ["a", "b"], weights_G=np.array([1.0, 0.0]))


def test_steerability_is_the_diagonal_less_the_rest():
    scores = np.zeros((2, 2, 3))
    scores[0, 0], scores[1, 1], scores[0, 1], scores[1, 0] = [1, 1, 0], [1, 1, 1], [0, 0.5, 0.5], [0.5, 0, 0]
    found = steerability(scores)
    assert found.matrix_GG == pytest.approx(np.array([[2 / 3, 1 / 3], [0.5 / 3, 1]]))
    assert found.steerability.value == pytest.approx((5 - 1.5) / 6)
    assert found.diagonal.value - found.off_diagonal.value == pytest.approx(found.steerability.value)


def test_an_answer_that_is_better_for_all_is_not_steering():
    rng = np.random.default_rng(0)
    even = (rng.random((3, 3, 200)) < 0.9).astype(float)
    found = steerability(even)
    assert found.diagonal.value > 0.85
    assert found.steerability.low < 0 < found.steerability.high
    assert "1 personas" in steerability(np.ones((1, 1, 4))).steerability.how
    with pytest.raises(InputError, match="same personas"):
        steerability(np.ones((2, 3, 4)))


def test_missing_verdicts_of_the_matrix_are_no_losses():
    scores = np.full((2, 2, 2), 0.5)
    scores[0, 1, 0] = np.nan
    assert steerability(scores).steerability.value == 0
