"""Takes a judge's liking for the first place out of its probabilities, by asking in both orders.

The bias is taken to be additive in the log-odds (Liu et al. 2024, arXiv:2403.16950): if logit p(i shown first) = d + b, then
the swapped pair has -d + b, and half their difference is d."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from ...core.errors import InputError
from .search import Judge, Pair

CERTAIN = 1e-6
"""Probabilities are kept this far from 0 and 1, so that a judge that says 1 twice has finite log-odds."""


def swapped_mean(p_first_K: np.ndarray, p_swapped_K: np.ndarray) -> np.ndarray:
    """P(i better) without the bias. p_first_K: the probability of i with i shown first; p_swapped_K: that of j with j shown
    first."""
    return expit((_log_odds(p_first_K) - _log_odds(p_swapped_K)) / 2)


def first_place_bias(p_first_K: np.ndarray, p_swapped_K: np.ndarray) -> float:
    """The bias b in nats from K pairs asked in both orders; above 0 likes the first."""
    p_first_K = np.asarray(p_first_K, dtype=float)
    if not len(p_first_K):
        raise InputError("there are no pairs in both orders; ask about at least one both ways to measure the bias")
    return float((_log_odds(p_first_K) + _log_odds(p_swapped_K)).mean() / 2)


def both_orders(judge: Judge) -> Judge:
    """Asks about every pair in both orders, at twice the calls; any additive bias is gone, also one that differs by pair."""

    def ask(pairs: list[Pair]) -> list[float]:
        said = np.asarray(judge([*pairs, *((j, i) for i, j in pairs)]), dtype=float)
        return swapped_mean(said[: len(pairs)], said[len(pairs) :]).tolist()

    return ask


def less_bias(judge: Judge, bias: float) -> Judge:
    """Takes a bias in nats, known from `first_place_bias`, off every answer, at no further calls."""
    return lambda pairs: expit(_log_odds(np.asarray(judge(pairs), dtype=float)) - bias).tolist()


def _log_odds(p_K: np.ndarray) -> np.ndarray:
    p_K = np.asarray(p_K, dtype=float)
    if not ((p_K >= 0) & (p_K <= 1)).all():
        raise InputError("the judge gave something that is no probability in [0, 1]")
    return logit(p_K.clip(CERTAIN, 1 - CERTAIN))
