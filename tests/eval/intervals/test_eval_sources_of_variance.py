"""Variance components by hand, against statsmodels, and planted; simultaneous intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pasture.core.errors import InputError
from pasture.eval.intervals.sources_of_variance import sources_of_variance
from pasture.eval.win_rates.difference import holm, simultaneous_differences
from scipy import stats
from statsmodels.formula.api import mixedlm
from statsmodels.stats.multitest import multipletests


def nested(rng, prompts=30, samples=3, annotators=2, sds=(1.0, 0.6, 0.3)):
    prompt, sample = np.repeat(np.arange(prompts), samples * annotators), np.repeat(np.arange(prompts * samples), annotators)
    scores = sds[0] * rng.normal(size=prompts)[prompt] + sds[1] * rng.normal(size=prompts * samples)[sample]
    return scores + sds[2] * rng.normal(size=len(sample)), {"prompt": prompt.tolist(), "sample": sample.tolist()}


def test_two_groups_by_hand():
    # groups (1, 3) and (5, 7): within mean square (1+1+1+1)/2 = 2; between 2 * ((2-4)^2 + (6-4)^2)/1 = 16 = 2 + 2 * var
    found = sources_of_variance(np.array([1.0, 3, 5, 7]), {"prompt": [0, 0, 1, 1]})
    assert found.components == pytest.approx({"prompt": 7.0, "rest": 2.0})
    assert found.sizes == {"prompt": 2, "rest": 4}


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.ConvergenceWarning")
def test_balanced_nested_components_equal_statsmodels_reml():
    scores, levels = nested(np.random.default_rng(0))
    found = sources_of_variance(scores, levels)
    frame = pd.DataFrame({"y": scores, **levels})
    fit = mixedlm("y ~ 1", frame, groups="prompt", re_formula="1", vc_formula={"sample": "0 + C(sample)"}).fit(reml=True)
    assert found.components["prompt"] == pytest.approx(float(fit.cov_re.iloc[0, 0]), rel=1e-3)
    assert found.components["sample"] == pytest.approx(float(fit.vcomp[0]), rel=1e-3)
    assert found.components["rest"] == pytest.approx(float(fit.scale), rel=1e-3)


@pytest.mark.slow
def test_unequal_sizes_and_crossed_seeds_are_unbiased():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        prompt, seed = (each.ravel() for each in np.meshgrid(np.arange(12), np.arange(5), indexing="ij"))
        kept = np.sort(rng.permutation(60)[:45])
        prompt, seed = prompt[kept], seed[kept]
        scores = rng.normal(size=12)[prompt] + 0.8 * rng.normal(size=5)[seed] + 0.5 * rng.normal(size=45)
        components = sources_of_variance(scores, {"prompt": prompt.tolist(), "seed": seed.tolist()}).components
        found.append([components["prompt"], components["seed"], components["rest"]])
    assert np.mean(found, axis=0) == pytest.approx([1.0, 0.64, 0.25], abs=0.09)


def test_a_component_below_zero_is_named():
    found = sources_of_variance(np.array([1.0, -1, 1, -1]), {"prompt": [0, 0, 1, 1]})
    assert found.components["prompt"] == 0
    assert found.below_zero == ("prompt",)


def test_levels_that_cannot_be_told_apart_say_so():
    for groups in ([0, 0, 0, 0], [0, 1, 2, 3]):
        found = sources_of_variance(np.arange(4.0), {"prompt": groups})
        assert found.components is None
        assert "cannot be told apart" in found.reason
    with pytest.raises(InputError, match="finite"):
        sources_of_variance(np.array([1.0, np.nan]), {"prompt": [0, 1]})
    with pytest.raises(InputError, match="other lengths"):
        sources_of_variance(np.ones(3), {"prompt": [0, 1]})


def test_holm_equals_statsmodels():
    p = np.random.default_rng(0).random(12) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def model_scores(rng, models=6, prompts=200, effects=None):
    effects = np.zeros(models) if effects is None else effects
    base = rng.normal(size=prompts)
    return {f"m{k}": effects[k] + base + rng.normal(size=prompts) for k in range(models)}


@pytest.mark.slow
def test_all_simultaneous_intervals_hold_together_where_single_ones_do_not():
    rng = np.random.default_rng(0)
    held, single, runs = 0, 0, 200
    for run in range(runs):
        found = simultaneous_differences(model_scores(rng), seed=run, resamples=300)
        held += all(each.low <= 0 <= each.high for each in found.values())
        single += all(abs(each.value) / each.standard_error <= stats.t.ppf(0.975, 199) for each in found.values())
    assert 0.90 <= held / runs <= 0.99  # 4 binomial standard errors below .95 is .89
    assert single / runs < 0.8


def test_max_t_is_narrower_than_bonferroni_and_wider_than_one_interval():
    found = simultaneous_differences(model_scores(np.random.default_rng(1)), resamples=4000)
    critical = next(iter(found.values())).extra["critical_t"]
    assert stats.t.ppf(0.975, 199) < critical < stats.t.ppf(1 - 0.025 / 15, 199)


def test_a_real_difference_is_found_and_only_it():
    scores = model_scores(np.random.default_rng(2), effects=np.array([0.8, 0, 0, 0, 0, 0]))
    found = simultaneous_differences(scores, baseline="m1", resamples=500)
    assert len(found) == 5
    assert found["m0", "m1"].low > 0
    assert found["m0", "m1"].extra["p"] < 0.01
    assert found["m2", "m1"].low < 0 < found["m2", "m1"].high
    assert found["m0", "m1"].value == pytest.approx(np.mean(scores["m0"]) - np.mean(scores["m1"]))


def test_simultaneous_differences_of_little_data():
    found = simultaneous_differences({"a": [1, np.nan], "b": [0, 1]})["a", "b"]
    assert (found.value, found.low, found.n, found.extra["prompts_dropped"]) == (1, None, 1, 1)
    assert simultaneous_differences({"a": [np.nan], "b": [1]})["a", "b"].value is None
    same = simultaneous_differences({"a": [1, 0, 1], "b": [1, 0, 1]}, resamples=20)["a", "b"]
    assert (same.value, same.low) == (0, None)
    with pytest.raises(InputError, match="no scores"):
        simultaneous_differences({"a": [1]}, baseline="z")
    with pytest.raises(InputError, match="one per prompt"):
        simultaneous_differences({"a": [1], "b": [1, 2]})


def test_without_a_score_nothing_can_be_told_apart():
    for levels in ({"p": []}, {}):
        found = sources_of_variance(np.array([]), levels)
        assert found.components is None
        assert "cannot be told apart" in found.reason
