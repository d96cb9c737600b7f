"""Rao-Kupper and Davidson against a general optimiser, planted parameters and their undefined cases."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.rankings.battles import battles
from pasture.eval.rankings.bradley_terry import bradley_terry
from pasture.eval.rankings.tie_models import TieModel, fit_with_ties, ratings_with_ties, tie_probability
from scipy.optimize import minimize
from scipy.special import expit


def probabilities(d, tie, model):
    """(P(win), P(loss), P(tie)) straight from the papers: pi_i = exp(s_i)."""
    ratio = np.exp(d)  # pi_i / pi_j
    if model is TieModel.RAO_KUPPER:
        win, loss = ratio / (ratio + tie), 1 / (1 + tie * ratio)
        return win, loss, 1 - win - loss
    bottom = ratio + 1 + tie * np.sqrt(ratio)
    return ratio / bottom, 1 / bottom, tie * np.sqrt(ratio) / bottom


def counts(seed=0, models=5, games=40, tie=1.6, model=TieModel.RAO_KUPPER):
    rng = np.random.default_rng(seed)
    strengths = rng.normal(size=models)
    wins, ties = np.zeros((models, models)), np.zeros((models, models))
    for i in range(models):
        for j in range(i + 1, models):
            w, lost, t = rng.multinomial(games, probabilities(strengths[i] - strengths[j], tie, model))
            wins[i, j], wins[j, i], ties[i, j], ties[j, i] = w, lost, t, t
    return wins, ties, strengths


@pytest.mark.parametrize("model", TieModel)
def test_the_fit_is_the_maximum_of_the_papers_likelihood(model):
    wins, ties, _ = counts(model=model)

    def loss(x):
        s = np.append(x[:-1], -x[:-1].sum())
        tie = 1 + np.exp(x[-1]) if model is TieModel.RAO_KUPPER else np.exp(x[-1])
        p_win, _, p_tie = probabilities(s[:, None] - s, tie, model)
        off = ~np.eye(5, dtype=bool)
        return -(wins[off] * np.log(p_win[off])).sum() - (ties[off] * np.log(p_tie[off])).sum() / 2

    found = minimize(
        loss,
        np.array([3.0, -3, 2, -2, 1]),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000},
    )
    fit = fit_with_ties(wins, ties, model)
    ours = np.append(fit.strengths_M[:-1], np.log(fit.tie - 1) if model is TieModel.RAO_KUPPER else np.log(fit.tie))
    assert ours == pytest.approx(found.x, abs=1e-5)
    assert loss(ours) <= found.fun + 1e-9


@pytest.mark.parametrize(("model", "tie"), [(TieModel.RAO_KUPPER, 1.8), (TieModel.DAVIDSON, 0.9)])
def test_planted_strengths_and_ties_are_recovered(model, tie):
    wins, ties, strengths = counts(games=40_000, tie=tie, model=model)
    fit = fit_with_ties(wins, ties, model)
    assert fit.tie == pytest.approx(tie, rel=0.02)
    assert fit.strengths_M == pytest.approx(strengths - strengths.mean(), abs=0.03)


@pytest.mark.parametrize("model", TieModel)
def test_without_ties_it_is_bradley_terry(model):
    wins, ties, _ = counts()
    fit = fit_with_ties(wins, np.zeros_like(ties), model)
    assert fit.strengths_M == pytest.approx(bradley_terry(wins).strengths_M, abs=1e-9)
    assert tie_probability(fit.tie, model) == 0


def test_one_pair_by_hand():
    # Davidson is saturated for one pair: odds 4:1 are exp(d), and ties:sqrt(wins * losses) = 2:2 is nu
    fit = fit_with_ties(np.array([[0, 4.0], [1, 0]]), np.array([[0, 2.0], [2, 0]]), TieModel.DAVIDSON)
    assert fit.strengths_M == pytest.approx([np.log(4) / 2, -np.log(4) / 2], abs=1e-9)
    assert fit.tie == pytest.approx(1.0, abs=1e-9)
    assert tie_probability(1.0, TieModel.DAVIDSON) == pytest.approx(1 / 3)
    # Rao-Kupper too: P(win) = 4/7 = sigmoid(d - h), P(loss) = 1/7 = sigmoid(-d - h)
    fit = fit_with_ties(np.array([[0, 4.0], [1, 0]]), np.array([[0, 2.0], [2, 0]]), TieModel.RAO_KUPPER)
    d, h = 2 * fit.strengths_M[0], np.log(fit.tie)
    assert expit(d - h) == pytest.approx(4 / 7, abs=1e-9)
    assert expit(-d - h) == pytest.approx(1 / 7, abs=1e-9)
    assert tie_probability(fit.tie, TieModel.RAO_KUPPER) == pytest.approx((fit.tie - 1) / (fit.tie + 1))


@pytest.mark.parametrize("model", TieModel)
def test_undefined_cases_say_why(model):
    ties = np.array([[0, 2.0], [2, 0]])
    assert "all verdicts are ties" in fit_with_ties(np.zeros((2, 2)), ties, model).reason
    # wins and ties but never a loss: the loss can be made as unlikely as one likes
    assert "separable" in fit_with_ties(np.array([[0, 3.0], [0, 0]]), ties, model).reason
    apart = np.zeros((4, 4))
    apart[0, 1] = apart[1, 0] = apart[2, 3] = apart[3, 2] = 1
    assert "never compared" in fit_with_ties(apart, apart, model).reason
    with pytest.raises(InputError, match="symmetric"):
        fit_with_ties(np.zeros((2, 2)), np.array([[0, 1.0], [0, 0]]), model)


@pytest.mark.parametrize("model", TieModel)
def test_ratings_come_with_intervals_and_refuse_soft_verdicts(model):
    rng = np.random.default_rng(1)
    p = rng.choice([0.0, 0.5, 1.0], size=240, p=[0.2, 0.3, 0.5])
    of = battles(["a", "b", "c"] * 80, ["b", "c", "a"] * 80, p, np.repeat(np.arange(80), 3).tolist())
    found, tie = ratings_with_ties(of, model, resamples=40)
    assert tie_probability(tie, model) == pytest.approx(0.3, abs=0.08)
    assert all(each.low < each.value < each.high for each in found.values())
    with pytest.raises(InputError, match="soft"):
        ratings_with_ties(battles(["a"], ["b"], [0.7]), model)


def test_tie_models_can_rank_otherwise_than_half_wins():
    # b ties with the strong a; c loses to it and beats the weak d. Half wins see both alike, Davidson weighs the tie
    half = bradley_terry(np.array([[0, 3.5, 6, 6], [2.5, 0, 3, 5], [2, 3, 0, 7], [1, 2, 1, 0.0]])).strengths_M
    wins = np.array([[0, 1, 6, 6], [0, 0, 3, 5], [2, 3, 0, 7], [1, 2, 1, 0.0]])
    ties = np.zeros((4, 4))
    ties[0, 1] = ties[1, 0] = 5
    davidson = fit_with_ties(wins, ties, TieModel.DAVIDSON).strengths_M
    assert not np.allclose(half, davidson, atol=0.01)
