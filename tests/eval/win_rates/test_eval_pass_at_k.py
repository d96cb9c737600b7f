"""pass@k: by hand, by enumeration, and unbiased."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.eval.win_rates.pass_at_k import mean_pass_at_k, pass_at_k


def test_by_hand():
    # 5 answers, 2 pass, k = 2: 1 - C(3,2)/C(5,2) = 1 - 3/10
    assert pass_at_k(5, 2, 2) == pytest.approx(0.7)
    assert pass_at_k(5, 0, 2) == 0.0
    assert pass_at_k(5, 4, 2) == 1.0  # only one fails, so any two hold one that passes
    assert pass_at_k(7, 3, 1) == pytest.approx(3 / 7)
    assert 0 < pass_at_k(100_000, 3, 100) < 1


@pytest.mark.parametrize("n", [1, 4, 6])
def test_it_is_the_share_of_all_draws_of_k_that_hold_a_pass(n: int):
    for passed in range(n + 1):
        for k in range(1, n + 1):
            draws = list(itertools.combinations([True] * passed + [False] * (n - passed), k))
            assert pass_at_k(n, passed, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_it_is_unbiased_where_the_naive_estimate_is_low():
    rng, p, n, k = rng_for(0, "pass"), 0.2, 8, 4
    passed = rng.binomial(n, p, size=4000)
    truth = 1 - (1 - p) ** k
    found = np.array([pass_at_k(n, int(c), k) for c in passed])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - truth) < 4 * error
    assert (1 - (1 - passed / n) ** k).mean() < truth - 4 * error


def test_the_mean_has_an_interval_over_prompts_and_counts_what_it_leaves_out():
    found = mean_pass_at_k([5, 5, 1], [2, 0, 1], 2, abstentions=3)
    assert found.value == pytest.approx(0.35)
    assert found.low <= 0.35 <= found.high
    assert (found.n, found.abstentions, found.extra["too_few"]) == (2, 3, 1.0)
    assert "1 prompts have fewer than 2 answers" in found.how
    assert mean_pass_at_k([1], [1], 2).value is None


def test_counts_that_cannot_be_are_errors():
    with pytest.raises(InputError, match="at most the answers there are"):
        pass_at_k(3, 1, 4)
    with pytest.raises(InputError, match="4 of 3 answers"):
        pass_at_k(3, 4, 1)
    with pytest.raises(InputError, match="one of each a prompt"):
        mean_pass_at_k([3], [1, 2], 1)
