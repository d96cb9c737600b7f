"""Bradley-Terry against choix, evalica, scipy and planted strengths; its undefined cases say why."""

from __future__ import annotations

import choix
import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Rating, Reason
from pasture.core.seeds import rng_for
from pasture.eval.intervals.interval import percentile_interval, prompt_counts
from pasture.eval.rankings.battles import battles, battles_of_feedback, resampled_win_matrices, win_matrix
from pasture.eval.rankings.bradley_terry import bradley_terry, bradley_terry_ratings, newton, strongly_connected
from pasture.eval.rankings.contextual_bradley_terry import fit_with_style, ratings_with_style, style_features
from pasture.eval.rankings.elo import elo, elo_of_orders, elo_ratings
from pasture.eval.rankings.newton import maximise
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import expit


def some_battles(seed=0, models=6, many=400, ties=0.2, prompts=80):
    rng = np.random.default_rng(seed)
    strengths = rng.normal(size=models)
    left = rng.integers(models, size=many)
    right = (left + rng.integers(1, models, size=many)) % models
    p = (rng.random(many) < expit(strengths[left] - strengths[right])).astype(float)
    p[rng.random(many) < ties] = 0.5
    names = [f"m{k}" for k in range(models)]
    return battles([names[i] for i in left], [names[j] for j in right], p, rng.integers(prompts, size=many).tolist(), names)


def test_two_models_have_the_log_odds_of_their_wins():
    # 3 wins to 1: odds 3, so s_0 - s_1 = ln 3, centred at +-ln(3)/2
    fit = bradley_terry(np.array([[0.0, 3.0], [1.0, 0.0]]))
    assert fit.strengths_M == pytest.approx([np.log(3) / 2, -np.log(3) / 2], abs=1e-12)


def test_strengths_equal_choix_and_evalica_to_1e_8():
    of = some_battles(ties=0.0)
    winners = np.where(of.p_left_N == 1, of.left_N, of.right_N)
    losers = np.where(of.p_left_N == 1, of.right_N, of.left_N)
    ours = bradley_terry(win_matrix(of)).strengths_M
    theirs = choix.ilsr_pairwise(6, list(zip(winners.tolist(), losers.tolist(), strict=True)), max_iter=10_000, tol=1e-13)
    assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-8)
    x = [evalica.Winner.X] * len(of)
    other = np.log(evalica.bradley_terry(winners, losers, x, tolerance=1e-13, limit=10_000).scores.sort_index())
    assert ours == pytest.approx((other - other.mean()).to_numpy(), abs=1e-8)


def test_ties_are_half_a_win_to_each_as_in_evalica():
    of = some_battles(ties=0.4)
    said = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
    scores = evalica.bradley_terry(of.left_N, of.right_N, [said[p] for p in of.p_left_N], tolerance=1e-13, limit=10_000).scores
    theirs = np.log(scores.sort_index().to_numpy())
    assert bradley_terry(win_matrix(of)).strengths_M == pytest.approx(theirs - theirs.mean(), abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_newton_started_far_away_finds_the_same_strengths(seed):
    rng = np.random.default_rng(seed)
    wins = np.zeros((30, 30))  # a chain with one link back: the hardest for sweeps
    for k in range(29):
        wins[k, k + 1], wins[k + 1, k] = 3, 1
    wins[0, 29] = 1
    fit = bradley_terry(wins).strengths_M
    assert newton(wins[None], rng.normal(size=30) * 50)[0] == pytest.approx(fit, abs=1e-8)
    # and it is the maximum: each model's expected wins are its wins
    expected = ((wins + wins.T) * expit(fit[:, None] - fit)).sum(axis=1)
    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-9)


def test_strengths_far_apart_are_recovered():
    planted = np.linspace(-9, 9, 8)
    wins = 1e4 * expit(planted[:, None] - planted)
    np.fill_diagonal(wins, 0)
    assert bradley_terry(wins).strengths_M == pytest.approx(planted, abs=1e-8)


def test_maximise_climbs_a_quadratic_from_far_and_says_none_where_there_is_no_top():
    curvature = np.array([[2.0, 0.3], [0.3, 1.0]])
    top = np.array([1.0, -2.0])
    found = maximise(lambda x: (-(x - top) @ curvature @ (x - top) / 2, curvature @ (top - x), curvature), np.full(2, 1e3), 1.0)
    assert found == pytest.approx(top, abs=1e-9)
    assert maximise(lambda x: (float(x[0]), np.ones(1), np.zeros((1, 1))), np.zeros(1), 1.0, limit=20) is None


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 20))
def test_relabelling_the_models_permutes_the_strengths(order, seed):
    wins = np.random.default_rng(seed).integers(1, 9, size=(5, 5)).astype(float)
    np.fill_diagonal(wins, 0)
    plain = bradley_terry(wins).strengths_M
    permuted = bradley_terry(wins[np.ix_(order, order)]).strengths_M
    assert permuted == pytest.approx(plain[list(order)], abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50))
def test_reversing_every_verdict_turns_the_strengths_round(seed):
    wins = np.random.default_rng(seed).integers(1, 9, size=(4, 4)).astype(float)
    np.fill_diagonal(wins, 0)
    assert bradley_terry(wins.T).strengths_M == pytest.approx(-bradley_terry(wins).strengths_M, abs=1e-9)


def test_a_model_that_never_wins_has_no_strength_but_a_reason():
    of = battles(["a", "b", "a"], ["b", "a", "c"], [1, 1, 1])
    ratings = bradley_terry_ratings(of)
    assert all(each.value is None for each in ratings.values())
    assert "c never won against the others, so the strength is -infinite" in ratings["a"].how
    finite = bradley_terry_ratings(of, prior=0.5, resamples=20)
    assert list(finite)[-1] == "c"
    assert all(np.isfinite(each.value) for each in finite.values())


def test_a_model_that_never_loses_has_no_strength_but_a_reason():
    fit = bradley_terry(np.array([[0, 2, 1], [0, 0, 1], [0, 1, 0.0]]), names=("x", "y", "z"))
    assert fit.strengths_M is None
    assert "x never lost to the others" in fit.reason or "never won" in fit.reason


def test_groups_that_never_met_have_no_common_scale():
    of = battles(["a", "b", "c", "d"], ["b", "a", "d", "c"], [1, 1, 1, 1])
    assert "2 groups were never compared with one another (a, b; c, d)" in bradley_terry_ratings(of)["a"].how


def test_one_model_and_no_verdict_are_undefined():
    assert "ranking needs 2" in bradley_terry(np.zeros((1, 1))).reason
    assert bradley_terry_ratings(battles([], [], [], models=["a", "b"]))["a"].how == "undefined: no verdicts"


def test_all_ties_are_equal_strengths_without_width():
    of = battles(["a", "b", "a"], ["b", "c", "c"], [0.5] * 3)
    for each in bradley_terry_ratings(of, resamples=50).values():
        assert each.value == pytest.approx(0, abs=1e-9)


def test_one_prompt_gives_strengths_without_an_interval():
    of = battles(["a", "a", "a"], ["b", "b", "b"], [1, 1, 0], ["p"] * 3)
    found = bradley_terry_ratings(of)["a"]
    assert found.value == pytest.approx(np.log(2) / 2)
    assert found.low is None
    assert "one prompt" in found.how


def test_no_interval_where_too_many_resamples_are_undefined():
    of = battles(["a"] * 5, ["b"] * 5, [1, 1, 1, 1, 0])  # the one loss is not drawn (4/5)^5 = 33 % of the time
    found = bradley_terry_ratings(of, resamples=400)["a"]
    assert found.low is None
    assert found.extra["undefined_resamples"] == pytest.approx(0.8**5 * 400, abs=40)
    assert found.value == pytest.approx(np.log(4) / 2)


def test_battles_refuse_what_is_no_verdict():
    with pytest.raises(InputError, match="p_left nan"):
        battles(["a"], ["b"], [float("nan")])
    with pytest.raises(InputError, match="rows"):
        battles(["a", "b"], ["b"], [1.0])
    with pytest.raises(InputError, match="does not list"):
        battles(["a"], ["b"], [1.0], models=["a"])
    with pytest.raises(InputError, match="negative or undefined"):
        bradley_terry(np.array([[0, np.nan], [1, 0]]))
    with pytest.raises(InputError, match="beat itself"):
        bradley_terry(np.array([[1.0, 1], [1, 0]]))
    with pytest.raises(InputError, match="prior"):
        bradley_terry(np.array([[0, 1.0], [1, 0]]), prior=-1)


def test_feedback_becomes_battles_and_abstentions_are_no_votes():
    prompt = Prompt("hi")
    pair = Comparison(Completion(prompt, "x", model="a"), Completion(prompt, "y", model="b"))
    of = battles_of_feedback(
        [Preference(pair, 0.7, "j"), Abstention(pair, Reason.UNPARSABLE, "j"), Preference(pair.swapped(), 1.0, "j")]
    )
    # a: .7 + 0, b: .3 + 1
    assert win_matrix(of) == pytest.approx(np.array([[0, 0.7], [1.3, 0]]))
    assert of.abstentions == 1
    assert of.prompts == 1
    with pytest.raises(InputError, match="names no model"):
        battles_of_feedback([Preference(Comparison(Completion(prompt, "x"), Completion(prompt, "y")), 1.0, "j")])
    with pytest.raises(ValueError, match="this is a Rating"):
        battles_of_feedback([Rating(pair.left, {"overall": 1.0}, "j")])


def test_drawing_prompts_moves_all_their_battles_together():
    of = battles(["a", "a", "b"], ["b", "b", "c"], [1, 1, 1], ["p", "p", "q"])
    drawn = resampled_win_matrices(of, np.array([[2.0, 0.0], [0.0, 1.0]]))
    assert drawn[0].tolist() == [[0, 4, 0], [0, 0, 0], [0, 0, 0]]
    assert drawn[1].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    counts = prompt_counts(7, 50, rng_for(0, "t"))
    assert (counts.sum(axis=1) == 7).all()


def test_resamples_are_the_fits_of_the_drawn_matrices():
    of = some_battles()
    counts = prompt_counts(of.prompts, 20, rng_for(3, "bradley-terry"))
    one_by_one = np.array([bradley_terry(wins).strengths_M for wins in resampled_win_matrices(of, counts)])
    found = bradley_terry_ratings(of, seed=3, resamples=20)
    assert found["m0"].standard_error == pytest.approx(one_by_one[:, 0].std(ddof=1), abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.floats(0, 0.6), st.integers(0, 99))
def test_strong_connection_is_that_of_scipy(models, density, seed):
    wins = (np.random.default_rng(seed).random((3, models, models)) < density) * 2.0
    theirs = [connected_components(each, directed=True, connection="strong")[0] == 1 for each in wins]
    assert strongly_connected(wins).tolist() == theirs
    chain = np.eye(models, k=1) + np.eye(models, k=1 - models if models > 1 else 1)
    assert strongly_connected(chain[None])[0]  # one ring, however long


def test_the_percentiles_of_few_prompts_are_wider_and_of_many_nominal():
    # 5 prompts: t_4 = 2.776, times sqrt(5/4) = 3.104, whose normal tail is .00095
    draws = np.arange(1.0, 100_000)  # 99,999 sorted draws: place 100,000 * tail
    assert percentile_interval(draws, 5, 0.95) == pytest.approx([95, 99_905], abs=1)
    draws = np.arange(1.0, 200)  # 199 sorted draws: place 200 * tail
    assert percentile_interval(draws, 10**7, 0.95) == pytest.approx([5, 195], abs=1e-3)


def test_ratings_stand_best_first_on_a_chess_scale():
    found = bradley_terry_ratings(some_battles(), resamples=50)
    values = [each.value for each in found.values()]
    assert values == sorted(values, reverse=True)
    best = next(iter(found.values()))
    assert best.extra["elo"] == pytest.approx(1000 + best.value * 400 / np.log(10))


def test_elo_equals_evalica_battle_by_battle():
    of = some_battles(ties=0.3)
    said = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
    theirs = evalica.elo(of.left_N.tolist(), of.right_N.tolist(), [said[p] for p in of.p_left_N], k=16.0).scores.sort_index()
    assert elo(of, k=16.0) == pytest.approx(theirs.to_numpy(), abs=1e-8)


def test_elo_depends_on_the_order_and_skips_padding():
    of = battles(["a", "a"], ["b", "b"], [1, 0])
    orders = np.array([[0, 1], [1, 0], [0, -1]])
    found = elo_of_orders(of, orders, k=32)
    assert found[0, 0] == pytest.approx(1000 + 16 - 32 / (1 + 10 ** (-32 / 400)))  # 50 % at first, then 32 points apart
    assert found[1] == pytest.approx(found[0][::-1])
    assert found[2].tolist() == [1016, 984]


def test_mean_elo_over_orders_has_an_interval_over_prompts():
    found = elo_ratings(some_battles(many=200), resamples=40)
    best = next(iter(found.values()))
    assert best.low < best.value < best.high
    assert sum(each.value for each in found.values()) == pytest.approx(6000)
    assert elo_ratings(battles(["a"], ["b"], [1]), resamples=5)["a"].low is None


def styled(seed=0, many=3000, weight=1.2):
    rng = np.random.default_rng(seed)
    strengths = np.array([0.6, 0.0, -0.6])
    verbose = np.array([100, 300, 400])  # the weaker, the longer
    left = rng.integers(3, size=many)
    right = (left + rng.integers(1, 3, size=many)) % 3
    lengths = [rng.poisson(verbose[side])[:, None] + rng.integers(0, 200, size=(many, 1)) for side in (left, right)]
    z = style_features(*lengths)
    p = (rng.random(many) < expit(strengths[left] - strengths[right] + weight * z[:, 0])).astype(float)
    return battles([f"m{k}" for k in left], [f"m{k}" for k in right], p, models=["m0", "m1", "m2"]), z


def test_style_control_recovers_strengths_that_length_hid():
    of, z = styled()
    assert next(iter(bradley_terry_ratings(of, resamples=20))) != "m0"  # length wins
    found = ratings_with_style(of, z, resamples=60)
    assert next(iter(found.strengths)) == "m0"
    for name, truth in (("m0", 0.6), ("m1", 0.0), ("m2", -0.6)):
        assert abs(found.strengths[name].value - truth) < 4 * found.strengths[name].standard_error
    assert found.weights_F[0].low < 1.2 < found.weights_F[0].high


def test_style_control_equals_a_second_optimiser():
    of, z = styled(many=500)
    fit = fit_with_style(of, z, penalty=0.5)
    design = np.zeros((len(of), 4))
    design[np.arange(len(of)), of.left_N], design[np.arange(len(of)), of.right_N], design[:, 3] = 1, -1, z[:, 0]

    def loss(x):
        logit = design @ x
        return -(of.p_left_N * logit - np.logaddexp(0, logit)).sum() + 0.25 * x @ x

    found = minimize(loss, np.full(4, 3.0), jac=lambda x: -design.T @ (of.p_left_N - expit(design @ x)) + 0.5 * x, tol=1e-13)
    assert np.append(fit.strengths_M, fit.weights_F) == pytest.approx(found.x, abs=1e-6)


def test_style_control_without_style_is_bradley_terry():
    of = some_battles()
    fit = fit_with_style(of, np.zeros((len(of), 0)))
    assert fit.strengths_M == pytest.approx(bradley_terry(win_matrix(of)).strengths_M, abs=1e-8)


def test_style_control_says_why_it_is_undefined():
    of = battles(["a", "b", "a"], ["b", "a", "b"], [1, 0, 1])
    assert "separate the verdicts" in fit_with_style(of, np.zeros((3, 0))).reason
    of = some_battles()
    assert "constant, or a sum of others" in fit_with_style(of, np.zeros((len(of), 1))).reason
    with pytest.raises(InputError, match="rows of features"):
        fit_with_style(of, np.zeros((3, 1)))
    with pytest.raises(InputError, match="counts"):
        style_features(np.array([[-1.0]]), np.array([[1.0]]))
