"""Nash, Copeland, Borda and cycles, on games whose answers are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.eval.rankings.bradley_terry import bradley_terry
from pasture.eval.rankings.social_choice import (
    borda,
    condorcet_winner,
    copeland,
    cyclic_triples,
    maximal_lottery,
    preference_matrix,
    worst_case,
)

ROCK_PAPER_SCISSORS = np.array([[0.5, 0.1, 0.9], [0.9, 0.5, 0.1], [0.1, 0.9, 0.5]])
CONDORCET_AGAINST_BORDA = np.array([[0.5, 0.55, 0.55], [0.45, 0.5, 0.95], [0.45, 0.05, 0.5]])


def random_matrix(seed, models):
    p = np.random.default_rng(seed).random((models, models))
    p = np.triu(p, 1)
    return p + np.tril(1 - p.T, -1) + 0.5 * np.eye(models)


def test_rock_paper_scissors_is_played_evenly_and_any_pure_choice_is_exploited():
    found = maximal_lottery(ROCK_PAPER_SCISSORS)
    assert found.shares_M == pytest.approx([1 / 3] * 3, abs=1e-9)
    assert found.is_unique
    assert worst_case(ROCK_PAPER_SCISSORS).tolist() == [0.1, 0.1, 0.1]
    assert (found.shares_M @ ROCK_PAPER_SCISSORS).min() == pytest.approx(0.5)
    assert borda(ROCK_PAPER_SCISSORS) == pytest.approx([0.5] * 3)
    assert condorcet_winner(ROCK_PAPER_SCISSORS) is None
    assert cyclic_triples(ROCK_PAPER_SCISSORS).value == 1


def test_a_condorcet_winner_can_lose_under_borda():
    p = CONDORCET_AGAINST_BORDA
    assert condorcet_winner(p) == 0
    assert worst_case(p).argmax() == 0
    assert maximal_lottery(p).shares_M == pytest.approx([1, 0, 0], abs=1e-9)
    # opponents (.1, .1, .8): model 0 has .05 + .055 + .44 = .545, model 1 .045 + .05 + .76 = .855
    scores = borda(p, np.array([0.1, 0.1, 0.8]))
    assert scores[:2] == pytest.approx([0.545, 0.855])
    assert scores.argmax() == 1
    assert copeland(p).tolist() == [2, 1, 0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_no_model_beats_the_maximal_lottery(seed, models):
    p = random_matrix(seed, models)
    found = maximal_lottery(p)
    assert found.shares_M.sum() == pytest.approx(1)
    assert (found.shares_M @ p).min() >= 0.5 - 1e-7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_relabelling_permutes_every_view(seed, order):
    p, order = random_matrix(seed, 5), list(order)
    permuted = p[np.ix_(order, order)]
    for view in (borda, copeland, worst_case, lambda m: maximal_lottery(m).shares_M):
        assert view(permuted) == pytest.approx(view(p)[order], abs=1e-6)
    assert cyclic_triples(permuted) == cyclic_triples(p)


def test_an_identical_twin_shares_the_lottery_and_it_is_not_unique():
    p = np.array([[0.5, 0.5, 0.7], [0.5, 0.5, 0.7], [0.3, 0.3, 0.5]])
    found = maximal_lottery(p)
    assert not found.is_unique
    assert found.shares_M == pytest.approx([0.5, 0.5, 0], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 7))
def test_cyclic_triples_are_those_counted_one_by_one(seed, models):
    p = random_matrix(seed, models)
    p[0, 1] = p[1, 0] = 0.5  # a tie leaves its triples out
    decided = [t for t in itertools.combinations(range(models), 3) if not {0, 1} <= set(t)]
    cyclic = sum((p[i, j] > 0.5) == (p[j, k] > 0.5) == (p[k, i] > 0.5) for i, j, k in decided)
    found = cyclic_triples(p)
    assert (found.n, found.extra["cyclic"]) == (len(decided), cyclic)
    assert found.extra["left_out"] == models - 2


def test_a_transitive_judge_has_no_cycle_and_coin_flips_a_quarter():
    s = np.linspace(0, 3, 8)
    assert cyclic_triples(1 / (1 + np.exp(s - s[:, None]))).value == 0
    flips = [cyclic_triples(random_matrix(seed, 12)) for seed in range(60)]
    assert np.mean([each.value for each in flips]) == pytest.approx(0.25, abs=0.02)


def test_borda_on_even_data_orders_as_bradley_terry():
    p = random_matrix(3, 6) * 0.8 + 0.1
    wins = 50 * p * ~np.eye(6, dtype=bool)
    assert np.argsort(borda(p)).tolist() == np.argsort(bradley_terry(wins).strengths_M).tolist()


def test_pairs_that_never_met_leave_views_undefined():
    p = preference_matrix(np.array([[0, 3.0, 0], [1, 0, 2], [0, 2, 0]]))
    assert p[0, 1] == 0.75
    assert np.isnan(p[0, 2])
    assert "1 of 3 pairs never met" in maximal_lottery(p).reason
    assert np.isnan(copeland(p)[0])
    assert np.isnan(borda(p)[0])
    assert not np.isnan(copeland(p)[1])
    assert cyclic_triples(p).value is None
    assert "no three models" in cyclic_triples(p).how
    assert condorcet_winner(p) is None


def test_what_is_no_preference_matrix_is_refused():
    with pytest.raises(InputError, match="is not 1 everywhere"):
        borda(np.array([[0.5, 0.7], [0.7, 0.5]]))
    with pytest.raises(InputError, match="probabilities"):
        borda(np.array([[0.5, 1.7], [-0.7, 0.5]]))
    with pytest.raises(InputError, match="shape"):
        borda(np.zeros((2, 3)))
