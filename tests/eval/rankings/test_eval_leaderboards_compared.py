"""Two leaderboards: correlation under their errors, separability, and the regret of the first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pasture.core.errors import InputError
from pasture.eval.rankings.rank_correlation import correlation_under_errors, separability

from ...published_data import ALPACA_EVAL, require


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(require(ALPACA_EVAL / "published" / "alpacafarm_table2.csv")).dropna()


def test_alpacafarms_simulated_and_human_ranks(table):
    found = correlation_under_errors(*(table[c] for c in ("sim_winrate", "sim_se", "human_winrate", "human_se")))
    assert found.spearman.value == pytest.approx(0.97576, abs=1e-5)
    assert found.kendall.value == pytest.approx(0.9111, abs=1e-4)
    assert (found.spearman.low, found.spearman.high) == (pytest.approx(0.88, abs=0.01), pytest.approx(0.99, abs=0.011))


def test_exact_tables_have_a_value_and_no_interval_without_width():
    x, zero = np.arange(5.0), np.zeros(5)
    found = correlation_under_errors(x, zero, x, zero)
    assert (found.spearman.value, found.spearman.low, found.spearman.high) == (1, None, None)
    assert correlation_under_errors(np.ones(3), np.zeros(3), np.arange(3.0), np.zeros(3)).spearman.value is None
    with pytest.raises(InputError, match="standard error"):
        correlation_under_errors(x, -zero - 1, x, zero)


def scores(seed=0, prompts=400, gaps=(0.0, 0.02, 0.3)):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=prompts)
    return np.array([base - gap + 0.3 * rng.normal(size=prompts) for gap in gaps])


def test_only_clear_pairs_are_separable_and_gold_is_asked_about_them():
    found = separability(scores(), gold_M=np.array([1.0, 2.0, 0.5]))
    assert (found.separable.value, found.separable.n) == (pytest.approx(2 / 3), 3)
    assert found.agreement.value == 1  # the pair that gold turns round is not separable
    assert separability(scores(), gold_M=np.array([0.0, 0.0, 1.0])).agreement.value == 0
    assert separability(np.zeros((3, 9)), np.arange(3)).agreement.value is None
    assert separability(scores()[:1]).separable.value is None


def test_separability_is_that_of_paired_tests():
    # a hard prompt lowers all models alike, so two separate intervals overlap and the paired one does not
    found = separability(scores(gaps=(0.0, 0.08)))
    assert found.separable.value == 1
    spread = scores(gaps=(0.0, 0.08)).std(axis=1) / 20
    assert 1.96 * spread.sum() > 0.08
