"""A planted pool is found again from its labels."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.labels.pool_fit import fit_pool
from scipy.optimize import minimize


def planted(n: int, shares: tuple[float, ...], flip: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    p_KN = (rng.random((len(shares), n)) > 0.5).astype(float)
    p_KN[-1] = rng.random(n)  # one member is soft
    chosen_N = rng.choice(len(shares), size=n, p=shares)
    label_N = (rng.random(n) < p_KN[chosen_N, np.arange(n)]).astype(float)
    flipped_N = rng.random(n) < flip
    return {f"m{k}": p_N for k, p_N in enumerate(p_KN)}, np.where(flipped_N, 1 - label_N, label_N), np.arange(n) // 2


def test_shares_and_flip_rate_of_a_planted_pool_are_in_their_intervals():
    members, labels_N, prompts_N = planted(3000, (0.6, 0.3, 0.1), 0.2)
    found = fit_pool(members, labels_N, prompts_N.tolist(), resamples=40)
    for name, truth in zip(members, (0.6, 0.3, 0.1), strict=True):
        each = found.shares[name]
        assert each.low <= truth <= each.high
        assert each.high - each.low < 0.2
    assert found.flip.low <= 0.2 <= found.flip.high
    assert sum(each.value for each in found.shares.values()) == pytest.approx(1.0)
    assert found.best_member == "m0"
    assert found.gain.low > 0
    assert found.log_loss.high < np.log(2)
    # Worked: P(agree) where all three members say the same hard thing is high; overall the pool is right on most labels.
    assert 0.6 < found.agreement.value < 0.8


def test_the_fit_is_the_top_of_the_likelihood():
    members, labels_N, prompts_N = planted(500, (0.5, 0.5), 0.1, seed=3)
    found = fit_pool(members, labels_N, prompts_N.tolist(), resamples=2)
    p_NK = np.stack([*members.values()], axis=1)
    likelihood_NK = np.column_stack([np.where(labels_N[:, None] > 0.5, p_NK, 1 - p_NK), np.full(500, 0.5)])

    def loss(logits: np.ndarray) -> float:
        weights = np.exp(logits) / np.exp(logits).sum()
        return -float(np.log(likelihood_NK @ weights).mean())

    peer = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    weights = np.exp(peer.x) / np.exp(peer.x).sum()
    assert found.flip.value == pytest.approx(weights[-1] / 2, abs=1e-4)
    assert found.shares["m0"].value == pytest.approx(weights[0] / weights[:2].sum(), abs=1e-3)


def test_labels_of_a_coin_are_all_noise_and_no_member_is_credited():
    rng = np.random.default_rng(0)
    members = {"a": (rng.random(1000) > 0.5).astype(float)}
    found = fit_pool(members, (rng.random(1000) > 0.5).astype(float), list(range(1000)))
    assert found.flip.value > 0.45
    assert found.log_loss.value == pytest.approx(np.log(2), abs=0.02)


def test_an_abstention_is_counted_and_not_a_vote():
    members, labels_N, prompts_N = planted(400, (0.7, 0.3), 0.1)
    members["m0"] = members["m0"].copy()
    members["m0"][:50] = np.nan
    found = fit_pool(members, labels_N, prompts_N.tolist(), resamples=5)
    assert found.flip.n == 350
    assert found.flip.abstentions == found.agreement.abstentions == 50


def test_too_little_is_refused():
    with pytest.raises(InputError, match="no members"):
        fit_pool({}, np.ones(3), [1, 2, 3])
    with pytest.raises(InputError, match="1 prompts have a label"):
        fit_pool({"a": np.ones(3)}, np.ones(3), [1, 1, 1])
