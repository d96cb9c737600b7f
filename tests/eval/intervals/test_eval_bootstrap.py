"""No bootstrap gives an interval without width, and none depends on the order in which its rows came."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.eval.groups.pluralism import pluralism
from pasture.eval.intervals.interval import bootstrap_estimate
from pasture.eval.judges.agreement import cohen_kappa, krippendorff_alpha
from pasture.eval.labels.crowd_bt import crowd_bradley_terry
from pasture.eval.labels.dawid_skene import dawid_skene, one_coin
from pasture.eval.labels.pool_fit import fit_pool
from pasture.eval.labels.votes import votes
from pasture.eval.over_optimisation import Law, gao_fit
from pasture.eval.rankings.battles import battles
from pasture.eval.rankings.bradley_terry import bradley_terry_ratings
from pasture.eval.rankings.contextual_bradley_terry import ratings_with_style
from pasture.eval.rankings.elo import elo_ratings
from pasture.eval.rankings.rank_correlation import correlation_under_errors, rank_correlation
from pasture.eval.rankings.tie_models import TieModel, ratings_with_ties

SPLIT = battles(["a", "b"] * 20, ["b", "a"] * 20, [1.0] * 40, [prompt for prompt in range(20) for _ in range(2)])
"""Each prompt is won by whatever is shown first: every draw of prompts has the same counts."""
TIED = battles(["a"] * 20, ["b"] * 20, [0.5] * 20)
KL_K = np.array([0.5, 1.0, 2.0])


def _alike_votes():
    """Three workers who label every item with one and the same of two labels."""
    return votes(["u", "v", "w"] * 8, [item for item in range(8) for _ in range(3)], ["yes"] * 24, known=["no", "yes"])


DEGENERATE = {
    "Bradley-Terry": lambda: bradley_terry_ratings(SPLIT).values(),
    "Elo": lambda: elo_ratings(TIED).values(),
    "Davidson": lambda: ratings_with_ties(
        battles(["a", "b", "a"] * 9, ["b", "a", "b"] * 9, [1.0, 1.0, 0.5] * 9, [p for p in range(9) for _ in range(3)]),
        TieModel.DAVIDSON,
    )[0].values(),
    "style": lambda: (
        lambda found: [*found.strengths.values(), *found.weights_F]
    )(ratings_with_style(SPLIT, np.tile([[1.0], [-1.0]], (20, 1)), penalty=1.0, resamples=20)),
    "CrowdBT": lambda: (lambda found: [*found.strengths.values(), *found.reliability.values()])(
        crowd_bradley_terry(SPLIT, ["w"] * 40, resamples=20)
    ),
    "alpha": lambda: [krippendorff_alpha(np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]]) * 1.0)],
    "kappa": lambda: [cohen_kappa(np.array([0.0, 1.0] * 6), np.array([0.0, 1.0] * 6), [p for p in range(6) for _ in range(2)])],
    "Dawid-Skene": lambda: dawid_skene(_alike_votes()).reliability.values(),
    "one coin": lambda: one_coin(_alike_votes()).reliability.values(),
    "pool": lambda: (lambda found: [*found.shares.values(), found.flip])(
        fit_pool({"x": np.ones(20)}, np.ones(20), list(range(20)))
    ),
    "pluralism": lambda: pluralism(np.full((3, 10), 0.7), ["a", "b", "c"])[1:5],
    "Gao": lambda: gao_fit(KL_K, np.tile((np.sqrt(KL_K) - 0.2 * KL_K)[:, None], 6), Law.BEST_OF_N)[:3],
    "rank correlation": lambda: rank_correlation(np.arange(3.0)[:, None] + np.zeros(5), np.arange(3.0)[:, None] + np.zeros(5), 0),
    "published tables": lambda: correlation_under_errors(np.arange(4.0), np.zeros(4), np.arange(4.0), np.zeros(4)),
}  # fmt: skip


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_bootstrap_whose_resamples_agree_has_a_value_and_no_interval(name):
    for each in DEGENERATE[name]():
        assert each.value is not None
        assert (each.low, each.high, each.standard_error) == (None, None, None)
        assert "no spread to measure" in each.how


def test_an_interval_whose_ends_are_one_number_is_not_given_though_a_few_resamples_differ():
    drawn_R = np.concatenate([np.full(998, 0.5), [0.4, 0.6]])
    found = bootstrap_estimate(0.5, drawn_R, 50, 50, "a mean")
    assert (found.low, found.high) == (None, None)
    assert "no spread to measure over 50 prompts" in found.how
    assert bootstrap_estimate(0.7, drawn_R, 50, 50, "a mean", around=True).low is None  # not [0.5, 0.7], which nothing measured


def test_undefined_resamples_beyond_the_tail_leave_no_interval_and_are_counted():
    drawn_R = np.append(np.linspace(0, 1, 96), [np.nan] * 4)
    assert bootstrap_estimate(0.5, drawn_R, 9, 9, "m", unit="seed").how == "m; no interval: undefined in 4 of 100 resamples"
    kept = bootstrap_estimate(0.5, drawn_R, 9, 9, "m", unit="seed", level=0.9)
    assert kept.how == "m; bootstrap over 9 seeds, 100 resamples, percentiles"
    assert bootstrap_estimate(0.5, drawn_R, 1, 9, "m", unit="seed").how == "m; no interval: one seed"


@pytest.mark.parametrize("prompted", [True, False])
@pytest.mark.parametrize("rate", [bradley_terry_ratings, elo_ratings])
def test_the_order_of_rows_moves_no_end_of_an_interval(rate, prompted):
    rng = rng_for(0, "rows")
    rows = [
        (f"m{a}", f"m{(a + 1 + int(rng.integers(3))) % 4}", float(rng.random() < 0.5)) for a in rng.integers(4, size=120).tolist()
    ]
    prompts = [f"p{place % 30}" for place in range(len(rows))]

    def rated(order):
        left, right, p_left = zip(*(rows[at] for at in order), strict=True)
        return rate(battles(left, right, p_left, [prompts[at] for at in order] if prompted else None))

    first, second = rated(range(len(rows))), rated(rng.permutation(len(rows)).tolist())
    for name, found in first.items():
        assert (second[name].low, second[name].high) == pytest.approx((found.low, found.high), abs=1e-6)


def test_elo_without_an_order_to_rate_is_refused():
    with pytest.raises(InputError, match="resamples is 0; Elo is a mean over that many random orders"):
        elo_ratings(TIED, resamples=0)
