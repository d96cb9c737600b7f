"""Quark: quantiles by hand, ties, the penalty's gradient, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.online import quark
from pasture.methods.online.quark import kl_penalty, quantile_codes, quark_loss
from pasture.policies.tabular import TabularPolicy


def test_quantiles_match_numbers_worked_by_hand():
    # six scores in three parts of two; the best two get code 0
    assert quantile_codes(np.array([5.0, 1.0, 6.0, 3.0, 2.0, 4.0]), 3).tolist() == [0, 2, 0, 1, 2, 1]


def test_ties_share_the_better_quantile():
    # both 2s have one better among four: floor(1 * 2 / 4) = 0
    assert quantile_codes(np.array([3.0, 2.0, 2.0, 1.0]), 2).tolist() == [0, 0, 0, 1]
    assert quantile_codes(np.full(7, 1.5), 5).tolist() == [0] * 7


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.integers(2, 8))
def test_codes_are_in_range_and_never_reward_the_worse(scores, quantiles):
    codes = quantile_codes(np.array(scores), quantiles)
    assert codes.min() == 0
    assert codes.max() < quantiles
    assert all(codes[a] <= codes[b] for a in range(len(scores)) for b in range(len(scores)) if scores[a] >= scores[b])


def test_the_penalty_matches_numbers_worked_by_hand():
    # half of (1^2 + 2^2); the padding's 9 counts nowhere
    mask = torch.tensor([[True, True, False]])
    assert float(kl_penalty(torch.tensor([[-1.0, -2.0, 9.0]]), torch.tensor([[-2.0, 0.0, 0.0]]), mask)) == 2.5


def test_the_penaltys_gradient_is_that_of_the_kl(world):
    policy, reference = world.base_policy(0), world.base_policy(0)
    with torch.no_grad():
        policy.theta.add_(torch.linspace(-0.5, 0.5, len(policy.theta)))
    prompts = list(world.prompts("eval")[:1])
    samples = policy.sample(prompts, 40_000, rng_for(0))[0]
    own = policy.token_scores(samples)
    with torch.no_grad():
        ref = reference.token_scores(samples).logprobs_NT
    (kl_penalty(own.logprobs_NT, ref, own.mask_NT) / len(samples)).backward()
    found = policy.theta.grad
    assert found is not None
    policy.theta.grad = None
    p, q = policy.probabilities(prompts), reference.probabilities(prompts).detach()
    (p * (p / q).log()).sum().backward()
    assert torch.allclose(found, policy.theta.grad, atol=0.03)
    assert float(found.norm()) > 0.2


def test_the_loss_is_likelihood_plus_weighted_penalty(world):
    policy = world.base_policy(0)
    with torch.no_grad():
        policy.deltas[1].add_(0.4)
    answers = [world.completion(prompt, 3) for prompt in world.prompts("eval")[:6]]
    codes = np.array([0, 1, 1, 0, 1, 0])
    losses = [float(quark_loss(policy, world.base_policy(0), answers, codes, kl_coef).detach()) for kl_coef in (0.0, 1.0, 2.0)]
    coded = [policy.with_control(int(c)).token_scores([a]).logprobs_NT.item() for c, a in zip(codes, answers, strict=True)]
    plain = [policy.token_scores([a]).logprobs_NT.item() for a in answers]
    assert losses[0] == pytest.approx(-np.mean(coded))
    penalty = np.mean([0.5 * (a - b) ** 2 for a, b in zip(coded, plain, strict=True)])
    assert losses[1] - losses[0] == pytest.approx(penalty)
    assert losses[2] - losses[0] == pytest.approx(2 * penalty)


def test_the_best_code_answers_better_than_the_worst(world, trained):
    best = trained["quark"]
    values = [world.truth(best.with_control(code), ()).values_P.mean() for code in (0, 4)]
    assert values[0] > values[1] + 0.05
    assert values[0] == world.truth(best, ()).values_P.mean()


@pytest.mark.parametrize("changes", [{"best_only": True}, {"keep_pool": True}, {"samples": 3, "iterations": 4}])
def test_its_variants_improve_on_the_start(world, trained, source, label, settings, log, changes):
    start = trained["start"]
    config = quark.Config(**settings["quark"] | changes)
    policy = quark.train(start, source(label(start, copies=3)), config, rng=rng_for(0), log=log)
    assert world.truth(policy, ()).values_P.mean() > world.truth(start, ()).values_P.mean() + 0.5


def test_a_flat_reward_teaches_it_nothing_about_the_worse(world, source, label, settings, log):
    start = world.base_policy(0)
    ties = [replace(each, p_left=0.5) for each in label(start)]
    policy = quark.train(start, source(ties), quark.Config(**settings["quark"]), rng=rng_for(0), log=log)
    assert not policy.deltas[1:].any()


def test_more_quantiles_than_codes_are_refused(world, source, label, log):
    policy = TabularPolicy(world.base_policy(0).table, controls=3)
    with pytest.raises(InputError, match=r"3 control codes.*needs 5"):
        quark.train(policy, source(label(policy)), quark.Config(), rng=rng_for(0), log=log)
