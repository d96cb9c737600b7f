"""Prediction-powered means against ppi-python, and their undefined cases."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.intervals.prediction_powered import prediction_powered_mean


def labels(seed=0, few=100, many=705):
    """A judge that likes everything more than people do."""
    rng = np.random.default_rng(seed)
    quality = rng.random(few + many)
    human = (rng.random(few + many) < quality).astype(float)
    judge = np.clip(0.3 + 0.7 * quality + 0.1 * rng.normal(size=few + many), 0, 1)
    return human[:few], judge[:few], judge[few:], human


@pytest.mark.slow
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0, None])
@pytest.mark.filterwarnings("ignore")
def test_the_estimate_equals_ppi_python(lam):
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    human, judge, judge_only, _ = labels()
    found = prediction_powered_mean(human, judge, judge_only, lam)
    assert found.value == pytest.approx(ppi_mean_pointestimate(human, judge, judge_only, lam=lam)[0], abs=1e-8)
    low, high = ppi_mean_ci(human, judge, judge_only, alpha=0.05, lam=lam)
    theirs = (high[0] - low[0]) / 2 / 1.959963984540054  # its variances are divided by n
    weight, n, many = found.extra["lam"], len(human), len(judge_only)
    ours = weight**2 * judge_only.var() / many + (human - weight * judge).var() / n
    assert theirs**2 == pytest.approx(ours, abs=1e-12)
    assert found.standard_error == pytest.approx(theirs, rel=0.006)


def test_the_extremes_are_the_human_mean_and_the_corrected_judge():
    human, judge, judge_only, _ = labels()
    alone = prediction_powered_mean(human, judge, judge_only, lam=0)
    assert alone.value == pytest.approx(human.mean())
    assert alone.standard_error == pytest.approx(human.std(ddof=1) / 10)
    assert alone.extra["human_labels_worth"] == pytest.approx(100)
    whole = prediction_powered_mean(human, judge, judge_only, lam=1)
    assert whole.value == pytest.approx(judge_only.mean() + (human - judge).mean())


def test_the_best_weight_by_hand():
    # Cov = 1/4, pooled variance 8 (1/4) / 7 = 2/7, as many labelled as not: (1/4) / (2 * 2/7)
    human = np.array([0.0, 1, 1, 0])
    others = np.array([0.0, 1, 0, 1])
    assert prediction_powered_mean(human, human, others).extra["lam"] == pytest.approx(0.4375)
    assert prediction_powered_mean(human, 1 - human, others).extra["lam"] == 0  # a judge that says the opposite is not used


def test_the_best_weight_is_never_worse_than_either_extreme():
    for seed in range(20):
        human, judge, judge_only, _ = labels(seed)
        errors = [prediction_powered_mean(human, judge, judge_only, lam).standard_error for lam in (None, 0.0, 1.0)]
        assert errors[0] <= min(errors[1:]) * 1.01


def test_a_perfect_judge_makes_few_labels_worth_many():
    rng = np.random.default_rng(0)
    truth = (rng.random(1000) < 0.6).astype(float)
    found = prediction_powered_mean(truth[:50], truth[:50], truth[50:])
    assert found.extra["human_labels_worth"] > 600


def test_a_judge_that_says_one_thing_is_worth_nothing():
    human = np.array([0.0, 1, 1, 0])
    found = prediction_powered_mean(human, np.full(4, 0.7), np.full(9, 0.7))
    assert (found.value, found.extra["lam"]) == (0.5, 0.0)
    assert prediction_powered_mean(human, human, np.empty(0)).value == 0.5


def test_undefined_and_unusable_labels():
    assert "needs 2" in prediction_powered_mean(np.ones(1), np.ones(1), np.ones(9)).how
    assert prediction_powered_mean(np.ones(3), np.ones(3), np.ones(9)).low is None
    with pytest.raises(InputError, match="undefined"):
        prediction_powered_mean(np.array([1.0, np.nan]), np.ones(2), np.ones(3))
    with pytest.raises(InputError, match="same prompts"):
        prediction_powered_mean(np.ones(2), np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="lam"):
        prediction_powered_mean(np.ones(2), np.ones(2), np.ones(3), lam=2)
