"""Elo ratings (Elo 1978) of battles fought in an order, and averaged over random orders, because verdicts of a judge have none.

After each battle the left side moves by k * (p_left - expected), the right side by as much the other way. Departures: a soft
verdict is taken as it is (a tie is 0.5); many orders are rated at once."""

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import bootstrap_estimate, prompt_counts
from .battles import Battles, in_canonical_order
from .bradley_terry import no_ratings


def elo(of: Battles, k: float = 4.0, initial: float = 1000.0) -> np.ndarray:
    """ratings_M after the battles in the order given. k: points at stake in a battle. A model that fought none keeps `initial`."""
    return elo_of_orders(of, np.arange(len(of))[None], k, initial)[0]


def elo_of_orders(of: Battles, orders_RN: np.ndarray, k: float = 4.0, initial: float = 1000.0) -> np.ndarray:
    """ratings_RM: row r rates the battles orders_RN[r, 0], orders_RN[r, 1], ...; battles may come up again; -1 is skipped."""
    if not k > 0:
        raise InputError(f"k is {k}; it is above 0")
    ratings_RM = np.full((len(orders_RN), len(of.models)), float(initial))
    rows_R = np.arange(len(orders_RN))
    for battle_R in orders_RN.T:
        left_R, right_R = of.left_N[battle_R], of.right_N[battle_R]
        expected_R = 1 / (1 + 10 ** ((ratings_RM[rows_R, right_R] - ratings_RM[rows_R, left_R]) / 400))
        won_R = np.where(battle_R >= 0, k * (of.p_left_N[battle_R] - expected_R), 0.0)
        ratings_RM[rows_R, left_R] += won_R
        ratings_RM[rows_R, right_R] -= won_R
    return ratings_RM


def elo_ratings(of: Battles, seed: int = 0, resamples: int = 200, *, k: float = 4.0) -> dict[str, Estimate]:
    """Each model's rating, best first: the mean over random orders, with percentiles of a bootstrap over prompts, each draw in an
    order of its own. Undefined without a verdict; no interval from one prompt. Elo does not converge: the last battles count more,
    and few battles leave the ratings near the start, so the interval is about the rating that this k gives and not about strength.
    Use Bradley-Terry where the order means nothing."""
    if not len(of):
        return no_ratings(of, "undefined: no verdicts")
    if resamples < 1:
        raise InputError(f"resamples is {resamples}; Elo is a mean over that many random orders, so 1 or more")
    of = in_canonical_order(of)
    rng = rng_for(seed, "elo")
    orders_RN = rng.permuted(np.tile(np.arange(len(of)), (resamples, 1)), axis=1)
    values_M = elo_of_orders(of, orders_RN, k).mean(axis=0)
    how = f"Elo, k {k:g}, mean of {resamples} random orders"
    fought_M = np.bincount(np.concatenate([of.left_N, of.right_N]), minlength=len(of.models))
    drawn_RM = elo_of_orders(of, _drawn_orders(of, resamples, rng), k)
    found = {}
    for m in np.argsort(-values_M, kind="stable"):
        value, n = float(values_M[m]), int(fought_M[m])
        found[of.models[m]] = bootstrap_estimate(value, drawn_RM[:, m], of.prompts, n, how, abstentions=of.abstentions)
    return found


def _drawn_orders(of: Battles, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Battles of prompts drawn with replacement, shuffled, padded to one length with -1."""
    counts_RP = prompt_counts(of.prompts, resamples, rng).astype(int)
    drawn = [rng.permutation(np.repeat(np.arange(len(of)), counts_P[of.prompts_N])) for counts_P in counts_RP]
    orders_RN = np.full((resamples, max(map(len, drawn))), -1)
    for row, order in enumerate(drawn):
        orders_RN[row, : len(order)] = order
    return orders_RN
