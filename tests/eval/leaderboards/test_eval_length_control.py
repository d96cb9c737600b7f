"""Length control: the solver against a second one, its laws, planted truth, and what cannot be told."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.eval.leaderboards.difficulty import held_out_difficulty, joint_difficulty
from pasture.eval.leaderboards.length_control import (
    Anchor,
    ControlledWinRate,
    controlled_win_rate,
    length_controlled_win_rate,
    predictions_from_weights,
)
from pasture.eval.leaderboards.mediators import length_difference, style_counts, style_differences
from pasture.eval.leaderboards.soft_logistic import choose_penalty, fit_soft_logistic, leave_one_out_penalty, one_step_refits
from sklearn.linear_model import LogisticRegression

N = 400


def mirrored(anchor: Anchor) -> Anchor:
    """The same verdicts seen from the other side, as the mirrored comparison needs them."""
    return replace(anchor, scores_N=1 - anchor.scores_N, mediators={name: -each for name, each in anchor.mediators.items()})


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def rows(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = rng_for(seed, "rows")
    x_NK = np.column_stack([rng.normal(size=(n, 2)), np.ones(n)])
    return x_NK, sigmoid(x_NK @ [0.7, -1.2, 0.3] + rng.normal(size=n)), rng.uniform(0.1, 2, size=n)


def value(found: ControlledWinRate) -> float:
    assert found.estimate.value is not None
    return found.estimate.value


def world(seed: int, quality: float = -0.4, bias: float = 1.0, factor: float = 1.0, n: int = N) -> dict[str, np.ndarray]:
    """A judge that adds bias * tanh(difference in length / 600) to quality plus difficulty; answers are `factor` times as long."""
    rng = rng_for(seed, "world")
    difficulty_N, baseline_N = rng.normal(size=n), rng.integers(300, 2000, size=n).astype(float)
    lengths_N = np.round(baseline_N * rng.uniform(0.5, 1.3, size=n) * factor)
    p_N = sigmoid(quality + 0.8 * difficulty_N + bias * np.tanh((lengths_N - baseline_N) / 600))
    return {"scores": p_N, "lengths": lengths_N, "baseline": baseline_N, "difficulty": difficulty_N}


def controlled(of: dict[str, np.ndarray], **options: object) -> ControlledWinRate:
    hard = dict(enumerate(of["difficulty"]))
    return length_controlled_win_rate(
        of["scores"], range(len(of["scores"])), of["lengths"], of["baseline"], **{"difficulty": hard, "resamples": 0, **options}
    )


def test_the_solver_gives_what_statsmodels_gives_where_the_penalty_vanishes() -> None:
    x_NK, y_N, weights_N = rows(1)
    with np.errstate(all="ignore"):
        theirs = sm.GLM(y_N, x_NK, family=sm.families.Binomial(), var_weights=weights_N).fit(tol=1e-14).params
    np.testing.assert_allclose(fit_soft_logistic(x_NK, y_N, weights_N[None], np.array([1e-9]))[0], theirs, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.01, 300))
def test_the_solver_stops_only_at_the_optimum(seed: int, penalty: float) -> None:
    # At the optimum the slope of the loss is -penalty * sign(theta) where theta is not 0, and within the penalty where it is.
    x_NK, y_N, weights_N = rows(seed, 60)
    theta_K = fit_soft_logistic(x_NK, y_N, weights_N[None], np.array([penalty]))[0]
    slope_K = (weights_N * (sigmoid(x_NK @ theta_K) - y_N)) @ x_NK
    assert (np.abs(slope_K) <= penalty + 1e-5).all()
    np.testing.assert_allclose(slope_K[theta_K != 0], -penalty * np.sign(theta_K[theta_K != 0]), atol=1e-5)


def test_liblinear_on_doubled_rows_nears_the_same_optimum() -> None:
    x_NK, y_N, weights_N = rows(2)
    model = LogisticRegression(
        C=0.2, l1_ratio=1, solver="liblinear", fit_intercept=False, tol=1e-10, max_iter=10_000, random_state=1
    )
    doubled = np.concatenate([y_N, 1 - y_N]) * np.tile(weights_N, 2)
    theirs = model.fit(np.tile(x_NK, (2, 1)), np.repeat([1, 0], N), sample_weight=doubled).coef_[0]
    np.testing.assert_allclose(fit_soft_logistic(x_NK, y_N, weights_N[None], np.array([5.0]))[0], theirs, atol=1e-6)


def test_many_problems_at_once_are_solved_as_one_by_one() -> None:
    x_NK, y_N, _ = rows(3)
    weights_BN, penalty_B = rng_for(3, "weights").uniform(0, 2, size=(7, N)), np.logspace(-3, 2, 7)
    alone = [fit_soft_logistic(x_NK, y_N, weights_BN[[b]], penalty_B[[b]])[0] for b in range(7)]
    np.testing.assert_allclose(fit_soft_logistic(x_NK, y_N, weights_BN, penalty_B), alone, atol=1e-7)


def test_separable_labels_have_finite_weights() -> None:
    x_NK = np.column_stack([np.linspace(-1, 1, 40), np.ones(40)])
    found = fit_soft_logistic(x_NK, (x_NK[:, 0] > 0).astype(float), np.ones((1, 40)), np.array([1e-4]))
    assert np.isfinite(found).all()


def test_the_penalty_chosen_is_the_one_with_the_least_held_out_loss() -> None:
    x_NK, y_N, weights_N = rows(4)
    folds_N, penalties = np.arange(N) % 5, np.logspace(4, -4, 10)
    by_hand = []
    for penalty in penalties:
        total = 0.0
        for fold in range(5):
            kept, held = folds_N != fold, folds_N == fold
            theta = fit_soft_logistic(x_NK[kept], y_N[kept], weights_N[None, kept], np.array([penalty]))[0]
            p = sigmoid(x_NK[held] @ theta)
            total -= np.mean(weights_N[held] * (y_N[held] * np.log(p) + (1 - y_N[held]) * np.log(1 - p)))
        by_hand.append(total)
    chosen, losses, path = choose_penalty(x_NK, y_N, weights_N, folds_N, penalties)
    np.testing.assert_allclose(losses, by_hand, rtol=1e-6)
    assert chosen == int(np.argmin(by_hand))
    np.testing.assert_allclose(path[chosen], fit_soft_logistic(x_NK, y_N, weights_N[None], penalties[[chosen]])[0], atol=1e-7)


def test_one_newton_step_is_nearly_a_whole_refit() -> None:
    x_NK, y_N, weights_N = rows(5)
    start = fit_soft_logistic(x_NK, y_N, weights_N[None], np.array([1.0]))[0]
    drawn_BN = rng_for(5, "draw").multinomial(N, np.full(N, 1 / N), size=100) * weights_N
    whole, step = fit_soft_logistic(x_NK, y_N, drawn_BN, np.ones(100)), one_step_refits(x_NK, y_N, drawn_BN, 1.0, start)
    assert (np.abs(step - whole).max(axis=0) < 0.2 * whole.std(axis=0)).all()
    np.testing.assert_allclose(step.std(axis=0), whole.std(axis=0), rtol=0.02)


def test_leaving_one_row_out_in_one_step_is_nearly_leaving_it_out() -> None:
    x_NK, y_N, weights_N = rows(7)
    penalties = np.logspace(4, -4, 10)
    exact_C = np.zeros(10)
    for row in range(N):
        kept_N = weights_N * (np.arange(N) != row)
        for c, theta_K in enumerate(fit_soft_logistic(x_NK, y_N, np.tile(kept_N, (10, 1)), penalties)):
            eta = x_NK[row] @ theta_K
            exact_C[c] += weights_N[row] * (np.logaddexp(0, eta) - y_N[row] * eta) / N
    chosen, losses_C = leave_one_out_penalty(x_NK, y_N, weights_N, penalties)
    np.testing.assert_allclose(losses_C, exact_C, rtol=1e-3)
    assert chosen == int(np.argmin(exact_C))


def test_neither_the_names_of_prompts_nor_their_order_choose_the_penalty() -> None:
    of, order = world(11, n=90), rng_for(11, "order").permutation(90)
    plain = length_controlled_win_rate(of["scores"], range(90), of["lengths"], of["baseline"])
    named = length_controlled_win_rate(of["scores"], [f"question {n}" for n in range(90)], of["lengths"], of["baseline"])
    moved = length_controlled_win_rate(
        of["scores"][order], [f"question {n}" for n in order], of["lengths"][order], of["baseline"][order]
    )
    assert plain.penalty == named.penalty == moved.penalty
    assert named.estimate.value == pytest.approx(plain.estimate.value, abs=1e-9)
    assert (moved.estimate.low, moved.estimate.high) == pytest.approx((named.estimate.low, named.estimate.high), abs=1e-6)


@pytest.mark.parametrize(("n", "rate"), [(60, 0.55), (200, 0.5), (200, 0.9)])
def test_the_interval_has_width_and_holds_the_true_rate_where_length_does_nothing(n: int, rate: float) -> None:
    held = 0
    for seed in range(40):
        rng = rng_for(seed, "coverage")
        scores_N = (rng.random(n) < rate).astype(float)
        lengths, baseline = (rng.lognormal(6, 0.6, size=n).round() for _ in range(2))
        found = length_controlled_win_rate(scores_N, range(n), lengths, baseline, seed=seed).estimate
        assert found.low is not None
        assert found.high is not None
        assert found.high - found.low > 0.05
        held += found.low <= rate <= found.high
    assert held >= 35  # of 40 at 95 %: fewer come with probability .012


def test_a_model_against_itself_has_exactly_a_half() -> None:
    found = length_controlled_win_rate(np.full(30, 0.5), range(30), np.arange(30.0), np.arange(30.0))
    assert found.estimate.value == 0.5
    assert (
        predictions_from_weights({"model": 1.3, "difficulty": 0.4}, np.arange(9.0), {"model": 1.3, "difficulty": 0.4}).mean() == 0.5
    )


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.booleans())
def test_swapping_model_and_baseline_mirrors_the_rate(seed: int, anchored: bool) -> None:
    of = world(seed, n=60)
    mirror = {**of, "scores": 1 - of["scores"], "lengths": of["baseline"], "baseline": of["lengths"]}
    rng = rng_for(seed, "gamed")
    anchor = Anchor(range(60), rng.random(60), {"length": rng.uniform(-1, 1, size=60)}) if anchored else None
    there = value(controlled(of, anchor=anchor))
    back = value(controlled(mirror, anchor=mirrored(anchor) if anchor else None))
    assert there + back == pytest.approx(1, abs=1e-7)


def test_changing_the_baseline_of_weights_mirrors_exactly() -> None:
    a, b, hard_P = {"model": -0.7, "difficulty": 0.5}, {"model": 0.2, "difficulty": 1.5}, np.linspace(-2, 3, 40)
    there_P, back_P = predictions_from_weights(a, hard_P, b), predictions_from_weights(b, hard_P, a)
    assert there_P.mean() + back_P.mean() == pytest.approx(1, abs=1e-15)
    # One prompt of difficulty 1, by hand: sigmoid((-.7 - .2) + (.5 - 1.5) * 1) = sigmoid(-1.9) = .130108474.
    assert predictions_from_weights(a, np.ones(1), b).mean() == pytest.approx(0.130108474, abs=1e-9)


def test_padding_moves_the_raw_rate_and_not_the_controlled_one() -> None:
    plain, padded = world(6), world(6, factor=1.7)
    raw = padded["scores"].mean() - plain["scores"].mean()
    moved = value(controlled(padded)) - value(controlled(plain))
    truth = sigmoid(-0.4 + 0.8 * plain["difficulty"]).mean()
    assert raw > 0.08
    assert abs(moved) < 0.02
    assert value(controlled(plain)) == pytest.approx(truth, abs=0.01)
    assert value(controlled(padded)) == pytest.approx(truth, abs=0.02)


def test_list_stuffing_moves_the_raw_rate_and_not_the_style_controlled_one() -> None:
    rng = rng_for(8, "style")
    base_N = rng.integers(0, 8, size=N)
    rates = []
    for more in (0, 12):
        ours_N = rng_for(9, "lists").integers(0, 8, size=N) + more * (rng_for(9, "stuffed").random(N) < 0.7)
        mediators = style_differences(["- item\n" * k for k in ours_N], ["1. item\n" * k for k in base_N])
        scores_N = sigmoid(-0.3 - 1.0 * mediators["lists"])
        rates.append((scores_N.mean(), value(controlled_win_rate(scores_N, range(N), mediators, resamples=0))))
    assert rates[1][0] - rates[0][0] > 0.1
    assert rates[0][1] == pytest.approx(sigmoid(np.array(-0.3)), abs=0.01)
    assert rates[1][1] == pytest.approx(sigmoid(np.array(-0.3)), abs=0.01)


def test_difficulty_is_joined_by_prompt_and_not_by_position() -> None:
    of = world(10)
    order = rng_for(10, "order").permutation(N)
    ids = [f"prompt {number}" for number in range(N)]
    hard = {name: float(each) for name, each in zip(ids, of["difficulty"], strict=True)}
    lengths = (of["lengths"], of["baseline"])
    there = length_controlled_win_rate(of["scores"], ids, *lengths, difficulty=hard)
    shuffled = length_controlled_win_rate(
        of["scores"][order], [ids[at] for at in order], *(each[order] for each in lengths), difficulty=dict(reversed(hard.items()))
    )
    assert value(shuffled) == pytest.approx(value(there), abs=1e-8)
    assert there.weights is not None
    assert there.weights["difficulty"] == pytest.approx(0.8, abs=0.05)
    assert there.weights["length"] < -0.3  # baseline less model: longer baselines lose


def test_a_gamed_baseline_that_shows_more_length_bias_lowers_a_longer_model() -> None:
    of = world(11, quality=0.0, bias=3.0, factor=1.6)
    anchor = Anchor(range(N), sigmoid(np.full(N, 4.5)), {"length": np.full(N, -0.9)}, weight=0.5)
    assert value(controlled(of, anchor=anchor)) < value(controlled(of)) - 0.005


def test_a_missing_verdict_is_counted_and_predicted() -> None:
    of = world(12)
    of["scores"][:40] = np.nan
    found = controlled(of)
    assert (found.estimate.n, found.estimate.abstentions) == (N - 40, 40)
    assert value(found) == pytest.approx(value(controlled(world(12))), abs=0.01)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (np.zeros(50), "the model never wins"),
        (np.ones(50), "the model always wins"),
        (np.full(50, 0.5), "all verdicts are ties"),
        (np.full(50, np.nan), "0 verdicts"),
        (np.array([1.0]), "1 verdicts"),
    ],
)
def test_what_cannot_be_told_is_undefined_with_its_reason(scores: np.ndarray, said: str) -> None:
    lengths = rng_for(13, "lengths").integers(1, 900, size=(2, len(scores))).astype(float)
    found = length_controlled_win_rate(scores, range(len(scores)), *lengths)
    assert found.estimate.value is None
    assert found.estimate.low is None
    assert said in found.estimate.how


def test_a_difference_that_never_varies_cannot_be_told_from_the_model() -> None:
    found = length_controlled_win_rate(np.linspace(0, 1, 20), range(20), np.full(20, 70.0), np.full(20, 50.0))
    assert found.estimate.value is None
    assert "the same on every prompt" in found.estimate.how


def test_one_lone_win_is_no_crash() -> None:
    of = world(14)
    of["scores"] = np.zeros(N)
    of["scores"][3] = 1.0
    found = controlled(of, resamples=50)
    assert 0 < value(found) < 0.2


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"ids": [0, 0, *range(2, 20)]}, "prompts come more than once"),
        ({"ids": range(19)}, "one score a prompt"),
        ({"scores_N": np.full(20, 1.5)}, "outside of"),
        ({"scores_N": np.full(20, np.inf)}, "outside of"),
        ({"mediators": {}}, "no mediators"),
        ({"mediators": {"length": np.full(20, np.nan)}}, "'length'"),
        ({"mediators": {"length": np.ones(3)}}, "'length'"),
        ({"difficulty": dict.fromkeys(range(10), 0.0)}, "10 of 20 prompts have no difficulty"),
        ({"difficulty": {}}, "difficulty is empty"),
        ({"anchor": Anchor([0], np.ones(1), {"lists": np.ones(1)})}, "anchor knows lists"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], problem: str) -> None:
    good: dict[str, object] = {"scores_N": np.linspace(0, 1, 20), "ids": range(20), "mediators": {"length": np.linspace(-1, 1, 20)}}
    with pytest.raises(InputError, match=problem):
        controlled_win_rate(**{**good, **changed})  # pyright: ignore[reportArgumentType]


def test_lengths_that_are_missing_or_negative_are_refused() -> None:
    for lengths in (np.full(9, np.nan), np.full(9, -1.0), np.ones(8)):
        with pytest.raises(InputError, match="lengths are needed"):
            length_controlled_win_rate(np.linspace(0, 1, 9), range(9), lengths, np.ones(9))


def test_the_length_difference_is_that_of_alpaca_eval() -> None:
    # Differences 10, -20, 40: mean 10, deviations 0, -30, 30, standard deviation sqrt(1800/2) = 30.
    np.testing.assert_allclose(length_difference(np.array([0, 20, 10]), np.array([10, 0, 50])), np.tanh([1 / 3, -2 / 3, 4 / 3]))
    np.testing.assert_array_equal(length_difference(np.array([5, 9]), np.array([5, 9])), [0, 0])


def test_style_is_counted_outside_of_code() -> None:
    text = "# Title\n- one\n  * two\n3. three\n**bold** and __bold__\n```\n# no\n- no\n```\nnot-a - list"
    assert style_counts(text) == {"lists": 3, "headers": 1, "bold": 2}
    differences = style_differences([text, ""], ["- one", ""])
    np.testing.assert_allclose(differences["lists"], [(1 - 3) / 4, 0])
    np.testing.assert_allclose(differences["headers"], [-1, 0])


def test_planted_difficulty_is_found_from_the_models_own_verdicts() -> None:
    rng = rng_for(15, "field")
    hard_P, strength_M = rng.normal(size=200), rng.normal(size=20)
    mediators = rng.uniform(-1, 1, size=(20, 200, 1))
    p_MP = sigmoid(strength_M[:, None] + hard_P - 0.8 * mediators[:, :, 0])
    scores_MP = (rng.random(p_MP.shape) < p_MP).astype(float)
    scores_MP[3, :50] = np.nan
    found_P = joint_difficulty(scores_MP, mediators * np.isfinite(scores_MP)[:, :, None])
    assert abs(found_P.mean()) < 1e-12
    assert np.corrcoef(found_P, hard_P)[0, 1] > 0.85
    held_MP = held_out_difficulty(scores_MP, mediators)
    assert held_MP is not None
    assert held_MP.shape == (20, 200)
    changed = scores_MP.copy()
    changed[0] = 1 - changed[0]
    again_MP = held_out_difficulty(changed, mediators)
    assert again_MP is not None
    np.testing.assert_array_equal(again_MP[0], held_MP[0])  # a model's own verdicts are not in its difficulty
    assert (again_MP[1] != held_MP[1]).any()
    assert held_out_difficulty(scores_MP[:1], mediators[:1]) is None


@pytest.mark.slow
def test_the_bootstrap_interval_covers_at_its_level() -> None:
    normal = rng_for(0, "truth").normal(size=1_000_000)
    truth, covered, repeats = float(sigmoid(-0.4 + 0.8 * normal).mean()), 0, 500
    for repeat in range(repeats):
        rng = rng_for(16, "coverage", repeat)
        hard_N, baseline_N = rng.normal(size=N), rng.integers(300, 3000, size=N).astype(float)
        lengths_N = baseline_N * rng.uniform(0.4, 1.4, size=N)
        p_N = sigmoid(-0.4 + 0.8 * hard_N - length_difference(lengths_N, baseline_N))
        of = {"scores": (rng.random(N) < p_N).astype(float), "lengths": lengths_N, "baseline": baseline_N, "difficulty": hard_N}
        estimate = controlled(of, resamples=200, seed=repeat).estimate
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert 0.93 <= covered / repeats <= 0.97
