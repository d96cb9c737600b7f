"""Power: the table's numbers, and the formulas against simulation and statsmodels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.eval.intervals.power import Design, detectable_difference, flip_inflation, power_of, prompts_needed
from scipy import stats
from statsmodels.stats.power import NormalIndPower


@pytest.mark.parametrize(("points", "prompts"), [(10, 196), (5, 785), (3, 2180), (2, 4906)])
def test_prompts_against_50_percent(points, prompts):
    assert round(prompts_needed(points / 100, Design())) == prompts


def test_what_805_and_150_prompts_show():
    assert detectable_difference(805, Design()) == pytest.approx(0.049, abs=5e-4)
    assert detectable_difference(150, Design()) == pytest.approx(0.114, abs=5e-4)


@pytest.mark.parametrize(("flip", "times"), [(0.0, 1.0), (0.1, 1.5625), (0.25, 4.0), (0.35, 11.111)])
def test_flips_cost_prompts(flip, times):
    assert flip_inflation(flip) == pytest.approx(times, abs=1e-3)
    assert prompts_needed(0.05, Design(flip=flip)) / prompts_needed(0.05, Design()) == pytest.approx(times, abs=1e-3)


@given(st.floats(0.005, 0.4), st.floats(0, 0.45), st.integers(1, 9), st.floats(0, 1))
def test_prompts_difference_and_power_are_one_formula(delta, flip, samples, share):
    design = Design(samples=samples, between_share=share, flip=flip)
    needed = prompts_needed(delta, design)
    if needed >= 2:
        around = sorted((detectable_difference(int(needed), design), detectable_difference(int(needed) + 1, design)))
        assert around[0] - 1e-12 <= delta <= around[1] + 1e-12
        assert power_of(delta, int(needed) + 1, design) >= 0.8 - 1e-9


def test_power_equals_statsmodels():
    theirs = NormalIndPower(ddof=0).power(0.05 / 0.5, 400, 0.05, ratio=0)
    assert power_of(0.05, 400, Design()) == pytest.approx(theirs, abs=1e-8)


def test_samples_shrink_only_what_is_within_prompts():
    assert prompts_needed(0.05, Design(samples=4, between_share=0.0)) == pytest.approx(prompts_needed(0.05, Design()) / 4)
    assert prompts_needed(0.05, Design(samples=4, between_share=1.0)) == pytest.approx(prompts_needed(0.05, Design()))


def test_the_promised_power_is_met_in_simulation():
    rng = np.random.default_rng(0)
    delta, flip = 0.06, 0.1
    prompts = round(prompts_needed(delta, Design(flip=flip)))
    won = rng.random((4000, prompts)) < 0.5 + delta
    said = won ^ (rng.random(won.shape) < flip)
    z = (said.mean(axis=1) - 0.5) / (said.std(axis=1, ddof=1) / np.sqrt(prompts))
    found = (np.abs(z) > stats.norm.ppf(0.975)).mean()
    assert found == pytest.approx(0.8, abs=0.025)


@pytest.mark.parametrize(
    "wrong", [{"flip": 0.5}, {"flip": -0.1}, {"samples": 0}, {"variance": 0}, {"power": 1.0}, {"alpha": 0}, {"between_share": 2}]
)
def test_impossible_designs_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Design(**wrong)


def test_no_difference_and_no_prompts_are_refused():
    with pytest.raises(InputError, match="delta"):
        prompts_needed(0, Design())
    with pytest.raises(InputError, match="prompts"):
        detectable_difference(0, Design())


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Design(variance=1.5),
        lambda: Design(variance=math.inf),
        lambda: Design(variance=math.nan),
        lambda: Design(samples=10**400),
        lambda: detectable_difference(1, Design()),
        lambda: detectable_difference(10**400, Design()),
        lambda: prompts_needed(1e-300, Design()),
        lambda: prompts_needed(math.nan, Design()),
        lambda: power_of(0.1, 0, Design()),
    ],
)
def test_numbers_that_make_no_experiment_are_refused(ask: Callable[[], object]):
    with pytest.raises(InputError):
        ask()
