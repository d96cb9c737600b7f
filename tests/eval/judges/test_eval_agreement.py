"""Agreement, its ceiling, and a judge's bias and variance, by hand, by oracles and on AlpacaEval's cross-annotations."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.eval.intervals.clusters import clustered_mean
from pasture.eval.judges.agreement import against_mode, agreement, cohen_kappa, krippendorff_alpha, leave_one_out
from pasture.eval.judges.agreement_ceiling import ceiling, ceiling_of_labels, flip_rate, leave_one_out_agreement
from pasture.eval.judges.judge_quality import judge_bias, judge_variance, prefers_longer
from statsmodels.stats.inter_rater import cohens_kappa

from ...published_data import ALPACA_EVAL, require

NAN = float("nan")


def flipped(flip, annotators, items, seed=0):
    """(truth_N, labels_AN): copies of balanced binary labels, flipped independently."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=items)
    return truth, (truth ^ (rng.random((annotators, items)) < flip)).astype(float)


@pytest.mark.parametrize("flip", [0.1, 0.25, 0.4])
def test_two_flipped_copies_agree_and_have_kappa_as_the_formulas_say(flip):
    _, labels = flipped(flip, 2, 200_000)
    assert agreement(*labels).value == pytest.approx((1 - flip) ** 2 + flip**2, abs=0.005)
    assert cohen_kappa(*labels).value == pytest.approx((1 - 2 * flip) ** 2, abs=0.01)


def test_a_perfect_judge_reaches_84_percent_of_the_mode_of_three():
    # .75^3 + 3 * .75^2 * .25 = .421875 + .421875
    assert ceiling(0.25, 3) == pytest.approx(0.84375)
    assert ceiling(0.262, 3) == pytest.approx(0.830, abs=5e-4)
    assert ceiling(0.25, 4) == pytest.approx(0.84375)  # an even vote counts half, so a fourth voter adds nothing
    assert leave_one_out_agreement(0.25, 3) == pytest.approx(0.671875)
    assert flip_rate(0.6566, 3) == pytest.approx(0.262, abs=5e-4)
    truth, labels = flipped(0.25, 3, 200_000)
    assert np.nanmean(against_mode(truth.astype(float), labels)) == pytest.approx(0.84375, abs=0.004)


@given(st.floats(0, 0.49), st.integers(1, 9))
def test_the_ceiling_is_above_what_copies_reach_and_grows_with_odd_voters(flip, others):
    assert 0.5 - 1e-9 <= leave_one_out_agreement(flip, others) <= ceiling(flip, others) + 1e-12
    assert ceiling(flip, others + 2) >= ceiling(flip, others) - 1e-12
    assert leave_one_out_agreement(flip_rate(leave_one_out_agreement(flip, others), others), others) == pytest.approx(
        leave_one_out_agreement(flip, others), abs=1e-9
    )


def test_what_no_flip_explains_is_refused():
    with pytest.raises(InputError, match="do not explain"):
        flip_rate(0.4, 3)
    with pytest.raises(InputError, match="flip rate"):
        ceiling(0.6, 3)
    with pytest.raises(InputError, match="voters"):
        ceiling(0.1, 0)


def test_kappa_by_hand_and_by_statsmodels():
    # both yes 4, both no 3, else 1 and 2: agreement .7, chance .5 * .6 + .5 * .4 = .5, kappa .2 / .5
    first = np.array([1] * 5 + [0] * 5, dtype=float)
    second = np.array([1] * 4 + [0] + [1] * 2 + [0] * 3, dtype=float)
    found = cohen_kappa(first, second)
    assert found.value == pytest.approx(0.4)
    theirs = cohens_kappa(np.array([[3, 2], [1, 4]]))
    assert (found.standard_error, found.low, found.high) == pytest.approx(
        (theirs.std_kappa, theirs.kappa_low, theirs.kappa_upp), abs=1e-8
    )
    assert agreement(first, second).value == pytest.approx(0.7)


def test_undefined_agreements_say_why():
    assert "every item one label" in cohen_kappa(np.ones(4), np.ones(4)).how
    assert cohen_kappa(np.ones(4), np.ones(4)).value is None
    assert cohen_kappa(np.array([NAN, 1]), np.array([1, NAN])).value is None
    assert "all labels are one" in krippendorff_alpha(np.ones((3, 4))).how
    assert "no item has two labels" in krippendorff_alpha(np.array([[1, NAN], [NAN, 0]])).how
    assert leave_one_out(np.array([[1.0, 0]])).value is None
    assert agreement(np.array([]), np.array([])).value is None
    with pytest.raises(InputError, match="equally long"):
        agreement(np.ones(3), np.ones(2))
    with pytest.raises(InputError, match="no distance"):
        krippendorff_alpha(np.ones((2, 2)), "euclid")


def nominal_alpha(labels_AN):
    """Krippendorff's definition over pairs of values within units."""
    units = [unit[np.isfinite(unit)] for unit in labels_AN.T]
    units = [unit for unit in units if len(unit) > 1]
    pooled = np.concatenate(units)
    observed = sum((unit[:, None] != unit).sum() / (len(unit) - 1) for unit in units) / len(pooled)
    expected = (pooled[:, None] != pooled).sum() / (len(pooled) * (len(pooled) - 1))
    return 1 - observed / expected


def test_alpha_equals_its_definition_with_missing_labels():
    rng = np.random.default_rng(0)
    _, labels = flipped(0.2, 4, 60)
    labels[rng.random(labels.shape) < 0.3] = NAN
    found = krippendorff_alpha(labels, resamples=200)
    assert found.value == pytest.approx(nominal_alpha(labels), abs=1e-8)
    assert found.low < found.value < found.high
    assert found.abstentions == (np.isfinite(labels).sum(axis=0) < 2).sum()


def test_a_missing_label_is_no_disagreement():
    found = agreement(np.array([1, 0, NAN, 1]), np.array([1, 1, 1, NAN]))
    assert (found.value, found.n, found.abstentions) == (0.5, 2, 2)


def test_leave_one_out_shares_an_even_mode():
    # one item, labels 1 1 0: the two 1s see {1, 0}, an even mode, .5 each; the 0 sees {1, 1}: 0. Mean 1/3
    assert leave_one_out(np.array([[1.0], [1], [0]])).value == pytest.approx(1 / 3)
    _, labels = flipped(0.25, 4, 100_000)
    assert leave_one_out(labels).value == pytest.approx(0.671875, abs=0.004)


def test_a_judge_has_bias_and_variance():
    humans = np.array([[1.0, 1, 0, 0]] * 3)
    judge = np.array([[1.0, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 1]])
    assert judge_bias(judge, humans).value == pytest.approx(0.25)  # item 4
    # item 2: labels 1 0 1: the 1s see {0, 1}: .5 each; the 0 sees {1, 1}: 0; so 2 of 12 labels differ
    assert judge_variance(judge).value == pytest.approx(2 / 12)
    with pytest.raises(InputError, match="match the columns"):
        judge_bias(judge, humans[:, :2])


def test_prefers_longer_counts_only_clear_differences_in_length():
    p = np.array([1, 0, 0.5, 1, NAN])
    # 40 longer wins; 40 longer loses; 40 longer ties; 10 longer is left out; not judged
    found = prefers_longer(p, np.full(5, 100), np.array([140, 140, 140, 110, 200]), list("abcde"))
    assert (found.value, found.n, found.abstentions) == (0.5, 3, 1)
    assert clustered_mean(1000 * np.array([0.04, NAN, 0.02]), range(3)).value == pytest.approx(30)
    assert clustered_mean(np.array([NAN]), [0]).value is None


@pytest.fixture(scope="module")
def crossannotations():
    files = sorted(require(ALPACA_EVAL / "crossannotations").glob("gpt4_b1_seed*.json"))
    assert len(files) == 4
    return [pd.DataFrame(json.loads(file.read_text())) for file in files]


def test_alpaca_evals_published_variance_price_and_length_preference(crossannotations):
    keys = ["instruction", "input", "output_1", "output_2"]
    assert all((frame[keys] == crossannotations[0][keys]).all().all() for frame in crossannotations)
    labels = np.array([frame["preference"].astype(float) for frame in crossannotations])
    assert judge_variance(labels).value == pytest.approx(0.1493055555555555, abs=1e-9)
    prices = pd.concat(crossannotations)["price_per_example"].astype(float)
    assert clustered_mean(1000 * prices.to_numpy(), range(len(prices))).value == pytest.approx(43.73407407, abs=1e-6)
    first = crossannotations[0]
    lengths = [first[column].str.len().to_numpy() for column in ("output_1", "output_2")]
    found = prefers_longer(labels[0] - 1, *lengths, first["instruction"] + first["input"])
    assert found.value == pytest.approx(0.6, abs=5e-4)


def test_a_prompt_too_many_or_too_few_is_refused():
    first, second = np.array([1.0, 0, 1, 0, 1, 0]), np.array([1.0, 1, 0, 0, 1, NAN])
    for prompts in ("aabbc", "aabbccdd"):
        with pytest.raises(ValueError, match="zip"):
            clustered_mean(first, list(prompts))
        with pytest.raises(ValueError, match="zip"):
            cohen_kappa(first, second, list(prompts))
        with pytest.raises(ValueError, match="zip"):
            ceiling_of_labels(np.array([first, second]), list(prompts))
