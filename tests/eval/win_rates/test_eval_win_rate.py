"""Win rates against hand-worked and published numbers, statsmodels, and planted truth."""

import dataclasses
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Rating, Reason
from pasture.eval.intervals.clusters import Scores
from pasture.eval.intervals.interval import wilson_interval
from pasture.eval.win_rates.win_rate import win_rate, win_rate_from_scores, win_rates_over_seeds
from statsmodels.stats.proportion import proportion_confint

PUBLISHED = [  # wins, draws, verdicts, win rate and standard error in percent: AlpacaFarm's leaderboard of simulated preference
    (392, 9, 805, 49.254658, 1.753282),
    (312, 16, 805, 39.751553, 1.707927),
    (503, 9, 805, 63.043478, 1.692064),
    (631, 17, 804, 79.539801, 1.400293),
    (201, 0, 805, 24.968944, 1.526485),
    (98, 0, 775, 12.645161, 1.194635),
]


def pair(number: int, answer: str = "a", rival: str = "b") -> Comparison:
    prompt = Prompt(f"question {number}")
    return Comparison(Completion(prompt, answer), Completion(prompt, rival))


def verdict(number: int, p_left: float) -> Preference:
    return Preference(pair(number), p_left, "judge")


@pytest.mark.parametrize(("wins", "draws", "n", "rate", "error"), PUBLISHED)
def test_published_win_rates_and_standard_errors_come_out(wins: int, draws: int, n: int, rate: float, error: float) -> None:
    scores_N = np.repeat([1.0, 0.5, 0.0], [wins, draws, n - wins - draws])
    found = win_rate_from_scores(scores_N, np.arange(n))
    assert found.value is not None
    assert found.standard_error is not None
    assert 100 * found.value == pytest.approx(rate, abs=1e-6)
    assert 100 * found.standard_error == pytest.approx(error, abs=1e-6)
    assert (found.extra["wins"], found.extra["ties"], found.n) == (wins, draws, n)


def test_a_clustered_standard_error_comes_out_as_worked_by_hand() -> None:
    # m = 4.5/6 = .75; deviations by prompt: x: .25 + .25 = .5; y: -.75 + -.25 = -1; z: .25 + .25 = .5.
    # Sum of squares .25 + 1 + .25 = 1.5; SE = sqrt(3/2 * 1.5)/6 = 1.5/6 = .25. t with 2 degrees of freedom leaves [0, 1].
    found = win_rate_from_scores([1, 1, 0, 0.5, 1, 1], ["x", "x", "y", "y", "z", "z"])
    assert found.value == 0.75
    assert found.standard_error == pytest.approx(0.25, rel=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.75 < found.high < 1
    # Wilson at n = .75 * .25/.0625 = 3 and t = 4.302653: centre (.75 + t^2/6)/(1 + t^2/3) = 3.835471/7.170941.
    t2 = 4.302652729911275**2
    assert (found.low + found.high) / 2 == pytest.approx((0.75 + t2 / 6) / (1 + t2 / 3))


def test_the_standard_error_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    clusters_N = rng.integers(0, 25, 200)
    scores_N = np.clip(rng.random(25)[clusters_N] * 0.7 + 0.3 * rng.random(200), 0, 1)
    # statsmodels multiplies by G/(G-1) * (n-1)/(n-k), and with the mean alone k is 1: the same correction.
    fit = sm.OLS(scores_N, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": clusters_N}, use_t=True)
    found = win_rate_from_scores(scores_N, clusters_N)
    assert found.standard_error == pytest.approx(fit.bse[0], rel=1e-10)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-10)


def test_an_abstention_is_not_a_tie() -> None:
    feedback = [verdict(0, 1.0), verdict(1, 1.0), verdict(2, 0.0), Abstention(pair(3), Reason.UNPARSABLE, "judge")]
    found = win_rate(feedback, [True] * 4)
    assert found.value == pytest.approx(2 / 3)
    assert (found.n, found.abstentions, found.extra["ties"]) == (3, 1, 0)


def test_that_neither_is_acceptable_is_no_tie_either() -> None:
    feedback = [verdict(0, 1.0), verdict(1, 0.0), verdict(2, 1.0), Abstention(pair(3), Reason.NEITHER, "judge")]
    found = win_rate(feedback, [True] * 4)
    assert found.value == pytest.approx(2 / 3)
    assert (found.n, found.abstentions, found.extra["ties"]) == (3, 1, 0)


def test_a_soft_verdict_counts_as_its_probability_on_the_candidates_side() -> None:
    found = win_rate([verdict(0, 0.75), verdict(1, 0.75), verdict(2, 0.5)], [True, False, False])
    assert found.value == pytest.approx((0.75 + 0.25 + 0.5) / 3)


def test_with_no_verdict_the_win_rate_is_undefined_and_says_why() -> None:
    found = win_rate([Abstention(pair(0), Reason.REFUSED, "judge")], [True])
    assert (found.value, found.low, found.high, found.n, found.abstentions) == (None, None, None, 0, 1)
    assert "no verdicts (1 abstentions)" in found.how


@pytest.mark.parametrize(
    ("scores", "clusters"), [([1.0] * 5, range(5)), ([0.0] * 40, range(40)), ([1.0, 0.0, 1.0], "ppp"), ([0.5], "p")]
)
def test_where_no_spread_is_measured_the_interval_still_has_width_and_no_error_is_claimed(
    scores: list[float], clusters: str
) -> None:
    found = win_rate_from_scores(scores, list(clusters))
    assert found.standard_error is None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < found.high <= 1
    prompts = len(set(clusters))
    expected = proportion_confint(np.mean(scores) * prompts, prompts, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert "no spread" in found.how


def test_an_interval_that_would_leave_the_unit_range_is_wilsons_and_says_so() -> None:
    found = win_rate_from_scores([1.0] * 98 + [0.0] * 2, range(100))
    assert "Wilson" in found.how
    assert found.high is not None
    assert 0.98 < found.high < 1


def test_what_is_no_preference_or_has_no_side_is_refused() -> None:
    rating = Rating(pair(0).left, {"overall": 1.0}, "judge")
    with pytest.raises(ValueError, match="this is a Rating"):
        win_rate([rating], [True])
    with pytest.raises(ValueError, match="1 answers and 2 sides"):
        win_rate([verdict(0, 1.0)], [True, False])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        win_rate_from_scores([2.0], ["p"])
    with pytest.raises(ValueError, match="not finite"):
        win_rate_from_scores([math.nan], ["p"])
    with pytest.raises(ValueError, match="1 clusters"):
        win_rate_from_scores([1.0, 0.0], ["p"])


rows = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40)


@given(rows)
def test_a_win_rate_and_its_mirror_sum_to_one(cases: list[tuple[int, float, bool]]) -> None:
    feedback = [verdict(number, p) for number, p, _ in cases]
    sides = [side for *_, side in cases]
    ours, theirs = win_rate(feedback, sides), win_rate(feedback, [not side for side in sides])
    assert ours.value is not None
    assert theirs.value is not None
    assert ours.low is not None
    assert theirs.high is not None
    assert ours.value + theirs.value == pytest.approx(1)
    assert ours.low + theirs.high == pytest.approx(1)


@given(rows, st.randoms(use_true_random=False))
def test_reordering_swapping_and_renaming_prompts_change_nothing(cases: list[tuple[int, float, bool]], random) -> None:
    plain = win_rate([verdict(number, p) for number, p, _ in cases], [side for *_, side in cases])
    random.shuffle(cases)
    moved = win_rate([verdict(100 - number, p).swapped() for number, p, _ in cases], [not side for *_, side in cases])
    for field in ("value", "low", "high", "standard_error"):
        assert getattr(moved, field) == pytest.approx(getattr(plain, field))


def test_one_seed_says_that_training_variation_is_missing() -> None:
    one = win_rates_over_seeds({"": [Scores(np.array([1, 0, 1, 0.5]), list("abcd"))]})[""]
    plain = win_rate_from_scores([1, 0, 1, 0.5], list("abcd"))
    assert one.how.startswith(plain.how)
    assert "one seed, so how training varies is not in the interval" in one.how
    assert dataclasses.replace(one, how="") == dataclasses.replace(plain, how="")


def test_a_seed_without_verdicts_is_told() -> None:
    found = win_rates_over_seeds({"": [Scores(np.array([1, 0]), list("ab")), Scores(np.empty(0), [], 2)]})[""]
    assert (found.n, found.abstentions) == (2, 2)
    assert "1 of 2 seeds gave no verdict" in found.how


def test_variance_over_seeds_and_prompts_comes_out_as_worked_by_hand() -> None:
    # Scores, rows seeds, columns prompts: [1 1 0] and [1 0 0]; m = 1/2.
    # Prompts' means 1, .5, 0: variance .25 over 3 prompts: 1/12. Seeds' means 2/3, 1/3: variance 1/18 over 2 seeds: 1/36.
    # Residuals [-1/6 1/3 -1/6] and its negative: squares sum to 1/3; with 2 degrees of freedom MS = 1/6, over 6: 1/36.
    # Var = 1/12 + 1/36 - 1/36 = 1/12.
    seeds = [Scores(np.array(row), list("abc")) for row in ([1.0, 1.0, 0.0], [1.0, 0.0, 0.0])]
    assert win_rates_over_seeds({"": seeds})[""].standard_error == pytest.approx(math.sqrt(1 / 12))


@pytest.mark.slow
def test_a_clustered_interval_covers_and_one_over_rows_is_too_narrow() -> None:
    rng = np.random.default_rng(7)
    runs, prompts, samples = 2000, 60, 4
    ease_RP = rng.beta(1.5, 1.0, (runs, prompts))  # mean .6
    scores_RPK = (rng.random((runs, prompts, samples)) < ease_RP[:, :, None]).astype(float)
    clusters_N = np.repeat(np.arange(prompts), samples)
    by_prompt = [win_rate_from_scores(scores.ravel(), clusters_N) for scores in scores_RPK]
    by_row = [win_rate_from_scores(scores.ravel(), np.arange(prompts * samples)) for scores in scores_RPK]
    covers, covers_by_row = (np.mean([e.low < 0.6 < e.high for e in each]) for each in (by_prompt, by_row))
    assert 0.93 < covers < 0.97
    assert covers_by_row < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "seed_noise"), [(2, 0.02), (2, 0.06), (5, 0.06)])
def test_intervals_over_seeds_cover_the_methods_and_those_over_prompts_do_not(seeds: int, seed_noise: float) -> None:
    rng = np.random.default_rng(8)
    runs, methods, prompts = 250, 8, 100
    shape = (runs, methods, seeds, prompts)
    mean_RMSP = 0.5 + rng.normal(0, seed_noise, (runs, methods, seeds, 1)) + rng.uniform(-0.3, 0.3, (runs, 1, 1, prompts))
    scores_RMSP = (rng.random(shape) < mean_RMSP).astype(float)
    names = range(prompts)
    nested, pooled = [], []
    for scores_MSP in scores_RMSP:
        by_method = {str(m): [Scores(row, names) for row in scores_SP] for m, scores_SP in enumerate(scores_MSP)}
        nested += win_rates_over_seeds(by_method).values()
        pooled += [win_rate_from_scores(scores_SP.ravel(), np.tile(names, seeds)) for scores_SP in scores_MSP]
    covers, covers_pooled = (np.mean([e.low < 0.5 < e.high for e in each]) for each in (nested, pooled))
    width, width_pooled = (np.mean([e.high - e.low for e in each]) for each in (nested, pooled))
    assert 0.93 < covers < 0.98
    assert covers_pooled < covers - 0.01
    assert width < 2.5 * width_pooled


def test_methods_share_their_seed_noise_as_worked_by_hand() -> None:
    # Both methods have two prompts alike, so no variance over prompts and no interaction; n = 4.
    # a: seeds' means 1 and 0: MS over n is ((.5)^2 + (.5)^2)/1/2 = 1/4; b: seeds' means .5 and .5: 0. Shared: 1/8 each.
    both = {"a": [Scores(np.ones(2), "xy"), Scores(np.zeros(2), "xy")], "b": [Scores(np.full(2, 0.5), "xy")] * 2}
    found = win_rates_over_seeds(both)
    assert [each.standard_error for each in found.values()] == pytest.approx([math.sqrt(1 / 8)] * 2)
    assert win_rates_over_seeds({"": both["a"]})[""].standard_error == pytest.approx(0.5)


def test_wilsons_interval_is_that_of_statsmodels() -> None:
    assert wilson_interval(0.3, 20, 0.9) == pytest.approx(proportion_confint(6, 20, alpha=0.1, method="wilson"))
    with pytest.raises(ValueError, match="level is 95"):
        wilson_interval(0.3, 20, 95)


def test_rows_with_ids_of_their_own_are_clustered_by_the_prompt_that_they_hold() -> None:
    asked = [(number, copy) for number in range(60) for copy in range(4)]
    scores = [float((number * 7) % 10 < 5) for number, _ in asked]

    def judged(numbered: bool):
        prompts = [Prompt(f"question {number}", f"row {number}.{copy}" if numbered else "") for number, copy in asked]
        pairs = [Comparison(Completion(prompt, f"a{at}"), Completion(prompt, "b")) for at, prompt in enumerate(prompts)]
        return win_rate([Preference(pair, p, "judge") for pair, p in zip(pairs, scores, strict=True)], [True] * len(pairs))

    assert judged(numbered=True) == judged(numbered=False)
    assert judged(numbered=True).extra["prompts"] == 60
