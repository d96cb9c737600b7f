"""Rank correlations against scipy, and their intervals against planted truth."""

import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.eval.rankings.rank_correlation import kendall_rows, rank_correlation, rank_correlation_of, spearman_rows
from scipy import stats

grades = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=9)


@given(grades)
def test_both_equal_scipys_with_ties(pairs: list[tuple[int, int]]) -> None:
    x_M, y_M = np.array(pairs, dtype=float).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        rho, tau = stats.spearmanr(x_M, y_M)[0], stats.kendalltau(x_M, y_M)[0]
    assert spearman_rows(x_M[None], y_M[None])[0] == pytest.approx(rho, nan_ok=True)
    assert kendall_rows(x_M[None], y_M[None])[0] == pytest.approx(tau, nan_ok=True)


def test_the_value_is_the_correlation_of_the_means_over_the_prompts_judged() -> None:
    # Means: 1, 2 (its second prompt was not judged), 3 against 10, 30, 20: one of three pairs is discordant.
    scores_MP = np.array([[1.0, 1.0], [2.0, np.nan], [2.0, 4.0]])
    gold_MP = np.array([[10.0, 10.0], [30.0, 30.0], [20.0, 20.0]])
    found = rank_correlation(scores_MP, gold_MP, seed=0)
    assert found.spearman.value == pytest.approx(0.5)
    assert found.kendall.value == pytest.approx(1 / 3)
    # The second prompt alone, drawn twice a quarter of the time, leaves the second method without a verdict.
    assert 400 < found.spearman.extra["undefined_resamples"] < 600


def test_a_constant_ranking_is_undefined_and_says_which() -> None:
    moving, flat = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    for found, which in ((rank_correlation(flat, moving, 0), "first"), (rank_correlation(moving, flat, 0), "second")):
        assert found.spearman.value is None
        assert found.kendall.low is None
        assert f"the {which} ranking is constant" in found.spearman.how
    assert "1 method, and a ranking needs 2" in rank_correlation(flat[:1], flat[:1], 0).kendall.how
    unjudged = np.full((3, 2), np.nan)
    assert "a method has no value" in rank_correlation(unjudged, moving, 0).spearman.how


def test_one_prompt_gives_a_value_and_no_interval() -> None:
    found = rank_correlation(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [3.0], [2.0]]), 0).spearman
    assert (found.value, found.low, found.high, found.standard_error) == (pytest.approx(0.5), None, None, None)
    assert "no interval" in found.how


def test_the_interval_holds_the_value_and_the_seed_fixes_it() -> None:
    rng = np.random.default_rng(0)
    scores_MP = np.arange(8)[:, None] * 0.01 + rng.random((8, 30))
    noise_MP = rng.random((8, 30))
    gold_MP = scores_MP + noise_MP - noise_MP.mean(axis=1, keepdims=True)  # the same means, and other ones in a resample
    first, again = (rank_correlation(scores_MP, gold_MP, seed=4) for _ in range(2))
    assert first == again
    assert first.spearman.value == 1.0
    assert first.spearman.high == 1.0
    assert first.spearman.low < 1.0
    other = rank_correlation(scores_MP, scores_MP + rng.random((8, 30)), seed=4).spearman
    assert other.low is not None
    assert other.value is not None
    assert other.high is not None
    assert other.low <= other.value <= other.high


def test_prompts_are_drawn_for_all_methods_together() -> None:
    # What differs by prompt moves all methods alike, so the ranking never moves: there is a value, and no interval without width.
    scores_MP = np.arange(5.0)[:, None] + np.random.default_rng(0).normal(0, 100, 50)
    found = rank_correlation(scores_MP, scores_MP[[1, 0, 2, 3, 4]] * 1.0, seed=0).spearman
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high, found.standard_error) == (None, None, None)
    assert "no spread to measure over 50 prompts" in found.how


@pytest.mark.parametrize(("gap", "least"), [(0.03, 0.85), (0.2, 0.95)])
def test_the_bootstrap_covers_where_methods_differ_by_more_than_noise(gap: float, least: float) -> None:
    rng = np.random.default_rng(2)
    truth_M = np.arange(9.0) * gap
    gold_M = truth_M[[0, 1, 7, 2, 4, 5, 6, 3, 8]]
    planted = stats.spearmanr(truth_M, gold_M)[0]
    hits = []
    for seed in range(200):
        ease_P = rng.normal(size=100)
        scores_MP, gold_MP = (
            mean_M[:, None] + ease_P + rng.normal(0, noise, (9, 100)) for mean_M, noise in ((truth_M, 0.3), (gold_M, 0.2))
        )
        found = rank_correlation(scores_MP, gold_MP, seed, resamples=300).spearman
        low, high = (
            (found.value, found.value) if found.low is None else (found.low, found.high)
        )  # None: no resample ranks otherwise
        hits.append(low - 1e-9 <= planted <= high + 1e-9)
    assert np.mean(hits) > least


def test_two_thousand_resamples_of_ten_methods_take_well_under_a_second() -> None:
    rng = np.random.default_rng(0)
    scores_MP, gold_MP = rng.random((10, 100)), rng.random((10, 100))
    started = time.perf_counter()
    rank_correlation(scores_MP, gold_MP, seed=0, resamples=2000)
    assert time.perf_counter() - started < 1.0


def test_two_plain_lists_get_the_published_parametric_interval() -> None:
    x_M, y_M = np.arange(12.0), np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10.0])
    found = rank_correlation_of(x_M, y_M)
    rho = stats.spearmanr(x_M, y_M)[0]
    half = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / 9)
    assert (found.spearman.low, found.spearman.high) == pytest.approx(
        (np.tanh(np.arctanh(rho) - half), np.tanh(np.arctanh(rho) + half))
    )
    assert found.kendall.value == pytest.approx(stats.kendalltau(x_M, y_M)[0])


def test_a_perfect_or_short_list_gets_no_parametric_interval() -> None:
    assert "it has none at 1" in rank_correlation_of([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).spearman.how
    short = rank_correlation_of([1, 2, 3], [1, 3, 2]).spearman
    assert (short.value, short.low) == (pytest.approx(0.5), None)
    assert "over 3 methods" in short.how
    with pytest.raises(ValueError, match="equally long"):
        rank_correlation_of([1, 2], [1, 2, 3])
