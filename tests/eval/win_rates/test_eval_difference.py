"""Paired differences against hand-worked numbers, scipy and statsmodels, and planted truth."""

import numpy as np
import pytest
from pasture.eval.intervals.clusters import Scores, mean_over_seeds, means_over_seeds
from pasture.eval.win_rates.difference import holm, paired_difference, paired_differences
from scipy import stats
from statsmodels.stats.multitest import multipletests


def scores(values: list[float] | np.ndarray, prompts: str | range | list) -> list[Scores]:
    return [Scores(np.asarray(values, dtype=float), list(prompts))]


def test_with_one_verdict_a_prompt_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(40), rng.random(40)
    found = paired_difference(scores(ours, range(40)), scores(theirs, range(40)))
    oracle = stats.ttest_rel(ours, theirs)
    assert found.value == pytest.approx((ours - theirs).mean())
    assert found.extra["p"] == pytest.approx(oracle.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(oracle.confidence_interval(0.95)))


def test_prompts_are_matched_by_name_and_not_by_place() -> None:
    # On a, b, c: ours 1 0 1, theirs 1 0 .5: differences 0 0 .5, mean 1/6, SE = sqrt(sum of (d - m)^2 = 1/6, over 2, over 3) = 1/6.
    found = paired_difference(scores([1, 0, 1], "abc"), scores([0.5, 1, 0], "cab"))
    assert found.value == pytest.approx(1 / 6)
    assert found.standard_error == pytest.approx(1 / 6)


def test_prompts_judged_for_one_method_only_are_dropped_and_counted() -> None:
    found = paired_difference(scores([1, 0, 1, 1], "abcd"), scores([1, 0, 0.5, 0, 0], "abcef"))
    assert found.value == pytest.approx(1 / 6)
    assert found.extra["prompts_dropped"] == 3
    nothing = paired_difference(scores([1], "a"), scores([1], "b"))
    assert nothing.value is None
    assert "no prompt was judged for both" in nothing.how


def test_a_method_does_not_differ_from_itself_and_no_significance_is_claimed() -> None:
    same = scores([1, 0, 0.5], "abc")
    found = paired_difference(same, same)
    assert (found.value, found.low, found.high) == (0, None, None)
    assert "p" not in found.extra


def test_unequal_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="1 seeds and the other 2"):
        paired_difference(scores([1], "a"), scores([1], "a") * 2)


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_holms_adjustment_is_that_of_statsmodels(count: int) -> None:
    p_values = np.random.default_rng(count).choice([0, 1e-300, 0.01, 0.04, 0.04999, 0.5, 1], count)
    assert holm(np.array(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_every_pair_is_compared_and_adjusted_together() -> None:
    rng = np.random.default_rng(3)
    methods = {name: scores(rng.random(30) + shift, range(30)) for name, shift in (("a", 0), ("b", 0.1), ("c", 0.4))}
    found = paired_differences(methods)
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    plain = [each.extra["p"] for each in found.values()]
    assert [each.extra["p_holm"] for each in found.values()] == pytest.approx(list(multipletests(plain, method="holm")[1]))


def test_paired_intervals_cover_and_are_narrower_than_unpaired_ones() -> None:
    rng = np.random.default_rng(5)
    runs, prompts = 1500, 60
    ease_RP = rng.uniform(-0.4, 0.4, (runs, prompts))
    ours_RP, theirs_RP = (0.5 + shift + ease_RP + rng.normal(0, 0.1, (runs, prompts)) for shift in (0.05, 0.0))
    found = [
        paired_difference(scores(a, range(prompts)), scores(b, range(prompts))) for a, b in zip(ours_RP, theirs_RP, strict=True)
    ]
    assert 0.93 < np.mean([each.low < 0.05 < each.high for each in found]) < 0.97
    unpaired = np.sqrt((ours_RP.var(axis=1, ddof=1) + theirs_RP.var(axis=1, ddof=1)) / prompts).mean()
    assert np.mean([each.standard_error for each in found]) < unpaired / 2


def test_differences_over_two_seeds_cover_the_methods_differences() -> None:
    rng = np.random.default_rng(6)
    runs, methods, seeds, prompts = 120, 6, 2, 50
    ease_R1P = rng.uniform(-0.4, 0.4, (runs, 1, 1, prompts))
    noise = rng.normal(0, 0.05, (runs, methods, seeds, 1)) + rng.normal(0, 0.1, (runs, methods, seeds, prompts))
    names = list(range(prompts))
    found = [
        each
        for scores_MSP in ease_R1P + noise
        for each in paired_differences({str(m): [Scores(row, names) for row in rows] for m, rows in enumerate(scores_MSP)}).values()
    ]
    assert 0.92 < np.mean([each.low < 0 < each.high for each in found]) < 0.98


def test_means_over_seeds_share_the_methods_seed_noise() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.2, (300, 8, 2, 1)) + rng.normal(0, 1, (300, 8, 2, 60))
    found = [each for values in noise for each in means_over_seeds({str(m): rows for m, rows in enumerate(values)}).values()]
    assert 0.93 < np.mean([each.low < 0 < each.high for each in found]) < 0.97


def test_a_mean_over_seeds_has_the_t_interval_of_its_seeds_or_prompts() -> None:
    by_seed = mean_over_seeds(np.array([[1.0], [2.0], [4.0]]))
    oracle = stats.t.interval(0.95, 2, 7 / 3, stats.sem([1, 2, 4]))
    assert (by_seed.low, by_seed.high) == pytest.approx(oracle)
    assert "3 seeds" in by_seed.how
    by_prompt = mean_over_seeds(np.array([[1.0, 2.0, 4.0]]))
    assert (by_prompt.low, by_prompt.high) == pytest.approx(oracle)
    assert "one seed" in by_prompt.how


def test_a_mean_without_spread_or_with_a_broken_value_says_so() -> None:
    one = mean_over_seeds(np.array([[0.4]]))
    assert (one.value, one.low, one.standard_error) == (0.4, None, None)
    assert "no interval" in one.how
    broken = mean_over_seeds(np.array([[0.4, np.inf]]))
    assert broken.value is None
    assert "1 of 2 values are not finite" in broken.how
    with pytest.raises(ValueError, match="one row a seed"):
        mean_over_seeds(np.array([1.0]))
