"""Over-optimisation: the unbiased best-of-n estimator, Gao's laws with planted parameters, and ensembles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.eval.over_optimisation.curves import (
    Law,
    best_of_n_curve,
    best_of_n_kl,
    best_of_n_means,
    gao_fit,
    mean_reward,
    peak_kl,
    policy_curve,
    standardised,
    uncertainty_weighted_reward,
    worst_case_reward,
)


def brute_force(proxy, gold, n):
    """The mean over all subsets of the gold of the best by proxy, ties shared."""
    total = []
    for subset in itertools.combinations(range(len(proxy)), n):
        best = max(proxy[k] for k in subset)
        total.append(np.mean([gold[k] for k in subset if proxy[k] == best]))
    return np.mean(total)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=6), st.integers(1, 6), st.integers(0, 99))
def test_the_estimator_is_the_mean_over_all_subsets_ties_included(proxy, n, seed):
    gold = np.random.default_rng(seed).normal(size=6)
    found = best_of_n_means(np.array([proxy], dtype=float), gold[None], n)
    assert found[1][0] == pytest.approx(brute_force(proxy, gold, n), abs=1e-10)
    assert found[0][0] == pytest.approx(brute_force(proxy, proxy, n), abs=1e-10)


def test_best_of_1_is_the_mean_and_best_of_all_the_maximum():
    proxy = np.array([[3.0, 1, 2], [0, 5, 4]])
    gold = np.array([[10.0, 20, 30], [1, 2, 3]])
    assert best_of_n_means(proxy, gold, 1)[1].tolist() == pytest.approx([20, 2])
    assert best_of_n_means(proxy, gold, 3)[1].tolist() == pytest.approx([10, 2])
    many = np.random.default_rng(0).normal(size=(2, 12_600))
    assert best_of_n_means(many, many, 1000)[0] == pytest.approx([3.24, 3.24], abs=0.2)  # E max of 1000 normals is 3.241


def test_gain_is_linear_in_the_root_of_kl_for_normal_rewards():
    proxy = np.random.default_rng(0).normal(size=(40, 2000))
    curve = best_of_n_curve(proxy, proxy, [1, 2, 4, 8, 16, 32, 64, 128])
    root, gain = np.sqrt([point.kl for point in curve]), np.array([point.gold.value for point in curve])
    assert np.corrcoef(root, gain)[0, 1] ** 2 > 0.999
    assert curve[0].kl == 0
    assert best_of_n_kl(16) == pytest.approx(np.log(16) - 15 / 16)


@pytest.mark.parametrize(("law", "alpha", "beta"), [(Law.BEST_OF_N, 1.2, 0.3), (Law.REINFORCEMENT, 0.9, 0.35)])
def test_planted_laws_are_recovered_within_their_intervals(law, alpha, beta):
    kl = np.array([0.0, 0.3, 1, 2, 4, 7, 12, 20])
    d = np.sqrt(kl)
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = np.nan_to_num(d * (alpha - beta * (d if law is Law.BEST_OF_N else np.log(d))))
    exact = gao_fit(kl, np.tile(truth[:, None], 3), law, resamples=20)
    assert (exact.alpha.value, exact.beta.value, exact.r_squared) == pytest.approx((alpha, beta, 1.0))
    peak = (alpha / (2 * beta)) ** 2 if law is Law.BEST_OF_N else np.exp(2 * (alpha / beta - 1))
    assert exact.peak_kl.value == pytest.approx(peak)
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for run in range(200):
        gain = truth[:, None] + 0.5 * rng.normal(size=(1, 60)) * d[:, None] + 0.3 * rng.normal(size=(8, 60))
        found = gao_fit(kl, gain, law, seed=run, resamples=300)
        covered += [found.alpha.low <= alpha <= found.alpha.high, found.beta.low <= beta <= found.beta.high]
    assert (covered / 200 > 0.89).all()  # 4 binomial standard errors
    assert (covered / 200 < 0.995).all()


def test_the_peak_is_where_the_law_is_highest():
    for law, f in ((Law.BEST_OF_N, lambda d: d * (1.1 - 0.3 * d)), (Law.REINFORCEMENT, lambda d: d * (0.6 - 0.4 * np.log(d)))):
        grid = np.linspace(0.01, 6, 60_000)
        kl = peak_kl(1.1 if law is Law.BEST_OF_N else 0.6, 0.3 if law is Law.BEST_OF_N else 0.4, law)
        assert np.sqrt(kl) == pytest.approx(grid[f(grid).argmax()], abs=1e-3)


def test_a_fit_that_does_not_turn_over_has_no_peak():
    kl = np.array([0.5, 1, 2, 4])
    found = gao_fit(kl, np.sqrt(kl)[:, None] + kl[:, None] * 0.1 + np.zeros((4, 5)), Law.BEST_OF_N, resamples=20)
    assert found.peak_kl.value is None
    assert "does not turn over" in found.peak_kl.how


def test_a_fit_needs_two_kls_and_finite_gains():
    assert "needs 2" in gao_fit([0, 1], np.ones((2, 3)), Law.BEST_OF_N).alpha.how
    assert gao_fit([1, 2], np.ones((2, 1)), Law.BEST_OF_N).alpha.low is None
    with pytest.raises(InputError, match="undefined"):
        gao_fit([1, 2], np.array([[np.nan], [1]]), Law.BEST_OF_N)
    with pytest.raises(InputError, match="between 1"):
        best_of_n_means(np.ones((1, 4)), np.ones((1, 4)), 5)
    with pytest.raises(InputError, match="shape"):
        best_of_n_means(np.ones((1, 4)), np.ones((1, 3)), 2)
    with pytest.raises(InputError, match="one of each"):
        policy_curve([1.0], [], [])


def test_a_proxy_that_errs_in_its_tail_turns_gold_over_and_an_ensemble_does_less():
    rng = np.random.default_rng(0)
    prompts, answers = 150, 400
    gold = rng.normal(size=(prompts, answers))
    errors = 0.6 * rng.standard_t(2.2, size=(4, prompts, answers))  # each member's own, heavy-tailed
    members = gold + errors
    ns = [1, 4, 16, 64, 256]
    one = [point.gold.value for point in best_of_n_curve(members[0], gold, ns)]
    worst = worst_case_reward(members.reshape(4, -1)).reshape(prompts, answers)
    robust = [point.gold.value for point in best_of_n_curve(worst, gold, ns)]
    assert max(one) - one[-1] > 0.15
    assert max(robust) - robust[-1] < 0.5 * (max(one) - one[-1])
    assert max(robust) > max(one)


def test_ensembles_by_hand():
    scores = np.array([[1.0, 4], [3, 4]])
    assert mean_reward(scores).tolist() == [2, 4]
    assert worst_case_reward(scores).tolist() == [1, 4]
    assert uncertainty_weighted_reward(scores, 0.5).tolist() == [1.5, 4]  # mean 2, variance 1
    assert uncertainty_weighted_reward(scores, 0).tolist() == mean_reward(scores).tolist()
    assert standardised(scores, np.array([[0.0, 2], [2, 6]])).tolist() == [[0, 3], [-0.5, 0]]
    with pytest.raises(InputError, match="alike"):
        standardised(scores, np.ones((2, 3)))
    with pytest.raises(InputError, match="penalty"):
        uncertainty_weighted_reward(scores, -1)


@pytest.mark.parametrize("law", list(Law))
def test_a_law_that_turns_over_beyond_the_largest_float_rises_for_ever(law: Law) -> None:
    assert peak_kl(1.0, 1e-300, law) is None
    assert peak_kl(1.0, 0.5, law) == pytest.approx(1.0 if law is Law.BEST_OF_N else np.exp(2.0))


def test_a_curve_of_no_n_has_no_points_and_the_bound_is_a_public_name():
    import pasture.eval

    assert best_of_n_curve(np.ones((2, 3)), np.ones((2, 3)), []) == []
    assert pasture.eval.best_of_n_kl(4) == pytest.approx(np.log(4) - 3 / 4)
