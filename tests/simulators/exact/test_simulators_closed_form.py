import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.policies.closed_form import (
    best_of_n,
    best_of_n_kl,
    expected_value,
    fit_bradley_terry,
    kl_divergence,
    preference_matrix,
    regularised_optimum,
    win_rate,
)
from scipy.special import softmax

ROCK_PAPER_SCISSORS = np.array([[0.5, 0.1, 0.9], [0.9, 0.5, 0.1], [0.1, 0.9, 0.5]])


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_kl_and_value_of_a_worked_example() -> None:
    # .5 log(.5/.25) + .5 log(.5/.75) = .5 log 2 + .5 log(2/3) = .5 log(4/3)
    assert kl_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.5 * math.log(4 / 3), abs=1e-12)
    assert kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == np.inf
    assert expected_value(np.array([0.25, 0.75]), np.array([4.0, 8.0])) == 7.0


def test_win_rate_of_a_worked_example() -> None:
    # half of the answers are rock against paper (.1), half scissors against paper (.9)
    assert win_rate(np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0, 0.0]), ROCK_PAPER_SCISSORS) == pytest.approx(0.5)
    assert win_rate(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), ROCK_PAPER_SCISSORS) == pytest.approx(0.1)


@given(st.integers(0, 1000))
def test_win_rates_of_two_policies_sum_to_one(seed: int) -> None:
    draws = np.random.default_rng(seed)
    one, two = draws.dirichlet(np.ones(5), size=2)
    preferences = preference_matrix(draws.normal(size=5))
    assert win_rate(one, two, preferences) + win_rate(two, one, preferences) == pytest.approx(1.0, abs=1e-12)


def test_best_of_two_of_a_worked_example_with_a_tie() -> None:
    # Proxy levels: {a} below {b, c}. P(both samples are a) = .5^2 = .25; the rest, .75, goes to b and c as .3 : .2.
    chosen = best_of_n(np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 1.0]), 2)
    np.testing.assert_allclose(chosen, [0.25, 0.45, 0.30], atol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 16])
def test_best_of_n_is_what_sampling_n_and_taking_the_first_favourite_gives(n: int) -> None:
    draws = rng()
    reference, proxy = draws.dirichlet(np.ones(6)), np.array([0.0, 2.0, 1.0, 2.0, 1.0, -1.0])
    samples = draws.choice(6, size=(100_000, n), p=reference)
    favourites = samples[np.arange(len(samples)), proxy[samples].argmax(1)]
    seen = np.bincount(favourites, minlength=6) / len(samples)
    np.testing.assert_allclose(best_of_n(reference, proxy, n), seen, atol=0.01)  # four standard errors are .0063


@pytest.mark.parametrize("reference_sd", [0.0, 0.5])
def test_the_kl_of_best_of_n_is_log_n_minus_n_minus_1_over_n(reference_sd: float) -> None:
    draws = rng()
    reference = softmax(reference_sd * draws.normal(size=(50, 256)), axis=-1)
    proxy = draws.normal(size=reference.shape)
    for n in (1, 2, 4, 8, 16, 32, 64, 128, 1024):
        kl = float(kl_divergence(best_of_n(reference, proxy, n), reference).mean())
        assert kl <= best_of_n_kl(n) + 1e-12
        if n <= 64:
            assert kl == pytest.approx(best_of_n_kl(n), abs=0.01)


def test_best_of_none_is_refused() -> None:
    with pytest.raises(InputError, match="n = 0"):
        best_of_n(np.ones(2) / 2, np.zeros(2), 0)


def test_the_regularised_optimum_is_stationary_and_beats_perturbations() -> None:
    draws, beta = rng(), 0.7
    reference, reward = draws.dirichlet(np.ones(8)), draws.normal(size=8)
    best = regularised_optimum(reference, reward, beta)
    # stationarity: reward - beta log(best / reference) is one constant, the optimum's own objective (beta log Z)
    multiplier = reward - beta * np.log(best / reference)
    np.testing.assert_allclose(multiplier, multiplier[0], atol=1e-12)

    def objective(policy: np.ndarray) -> float:
        return float(expected_value(policy, reward) - beta * kl_divergence(policy, reference))

    assert objective(best) == pytest.approx(multiplier[0], abs=1e-12)
    for scale in (1e-3, 0.1, 1.0):
        for _ in range(20):
            assert objective(softmax(np.log(best) + scale * draws.normal(size=8))) < objective(best)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_a_beta_that_is_not_positive_is_refused(beta: float) -> None:
    with pytest.raises(InputError, match="beta"):
        regularised_optimum(np.ones(2) / 2, np.zeros(2), beta)


def test_a_bradley_terry_fit_recovers_planted_weights() -> None:
    draws = rng()
    planted = np.array([1.0, -2.0, 0.5])
    differences = draws.normal(size=(20_000, 3))
    p_left = 1 / (1 + np.exp(-differences @ planted))
    np.testing.assert_allclose(fit_bradley_terry(differences, p_left), planted, atol=1e-5)
    labels = (draws.random(len(p_left)) < p_left).astype(float)
    np.testing.assert_allclose(fit_bradley_terry(differences, labels), planted, atol=0.12)  # four standard errors, about


def test_separable_pairs_need_a_ridge() -> None:
    differences = np.array([[1.0], [2.0]])
    weights = fit_bradley_terry(differences, np.ones(2), ridge=0.1)
    slope = -(differences[:, 0] / (1 + np.exp(differences[:, 0] * weights[0]))).mean() + 0.1 * weights[0]
    assert slope == pytest.approx(0.0, abs=1e-6)
