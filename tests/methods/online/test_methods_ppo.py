"""PPO: every piece by hand, padding that changes nothing, a flat reward that moves nothing, and the optimum that it climbs to."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.seeds import rng_for
from pasture.methods.online import ppo
from pasture.methods.online.ppo import gae, masked_mean, next_kl_coef, policy_loss, prompt_stream, token_rewards, value_loss, whiten
from pasture.policies import closed_form


def rows(*values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def mask_of(lengths: list[int], width: int) -> torch.Tensor:
    return torch.arange(width) < torch.tensor(lengths)[:, None]


def test_gae_matches_numbers_worked_by_hand():
    # gamma .5, lam .5, rewards 1 0 2, values 1 2 4; the state after the last token is worth 0
    # deltas: 1 + .5*2 - 1 = 1;  0 + .5*4 - 2 = 0;  2 + 0 - 4 = -2
    # advantages from the back: -2;  0 + .25*-2 = -.5;  1 + .25*-.5 = .875
    advantages, returns = gae(rows([1, 0, 2]), rows([1, 2, 4]), mask_of([3], 3), gamma=0.5, lam=0.5)
    assert advantages.tolist() == [[0.875, -0.5, -2.0]]
    assert returns.tolist() == [[1.875, 1.5, 2.0]]


def test_gae_ends_where_the_answer_ends():
    # the second answer has one token: its advantage is 3 - 1 = 2, and its padding, values of 9 included, counts nowhere
    advantages, returns = gae(rows([1, 0, 2], [3, 0, 0]), rows([1, 2, 4], [1, 9, 9]), mask_of([3, 1], 3), gamma=0.5, lam=0.5)
    assert advantages.tolist() == [[0.875, -0.5, -2.0], [2.0, 0.0, 0.0]]
    assert returns.tolist() == [[1.875, 1.5, 2.0], [3.0, 0.0, 0.0]]


@given(st.integers(1, 6), st.integers(0, 100))
def test_without_discount_or_decay_the_return_is_the_sum_of_rewards_to_come(length, seed):
    rng = rng_for(seed)
    rewards, values = torch.from_numpy(rng.normal(size=(1, length))), torch.from_numpy(rng.normal(size=(1, length)))
    _, returns = gae(rewards, values, mask_of([length], length), gamma=1.0, lam=1.0)
    assert torch.allclose(returns, rewards.flip(1).cumsum(1).flip(1))


def test_the_score_lands_on_the_last_token_and_every_token_pays_its_log_ratio():
    # kl_coef .1; log-ratios .5 and -1 in the first answer, 2 in the second
    rewards = token_rewards(rows([3, 7])[0], rows([-1, -2], [-1, 0]), rows([-1.5, -1], [-3, 0]), mask_of([2, 1], 2), 0.1)
    assert rewards.tolist() == [pytest.approx([-0.05, 3.1]), pytest.approx([6.8, 0.0])]


def test_the_clipped_surrogate_matches_numbers_worked_by_hand():
    # clip .2. ratio 2, advantage 1: min(2, 1.2) = 1.2.  ratio 2, advantage -1: min(-2, -1.2) = -2.
    # ratio .5, advantage 1: min(.5, .8) = .5.  ratio .5, advantage -1: min(-.5, -.8) = -.8.   mean: -1.1 / 4
    ratios, advantages = rows([2, 2, 0.5, 0.5]), rows([1, -1, 1, -1])
    found = policy_loss(ratios.log(), torch.zeros(1, 4), advantages, mask_of([4], 4), clip=0.2)
    assert float(found) == pytest.approx(1.1 / 4)


def test_a_ratio_clipped_with_profit_has_no_gradient_and_one_at_a_loss_has():
    logprobs = rows([0.5, 0.5]).requires_grad_()
    policy_loss(logprobs, torch.zeros(1, 2), rows([1, -1]), mask_of([2], 2), clip=0.2).backward()
    assert logprobs.grad is not None
    assert logprobs.grad[0].tolist() == pytest.approx([0.0, 0.5 * np.exp(0.5)])


def test_the_clipped_value_loss_matches_numbers_worked_by_hand():
    # old 0, clip .2. value 1, return 1: max(0, (.2 - 1)^2) = .64.  value .1, return 1: (.1 - 1)^2 = .81 both ways.
    # value -1, return 0: max(1, .04) = 1.   half the mean of .64, .81, 1
    found = value_loss(rows([1, 0.1, -1]), torch.zeros(1, 3), rows([1, 1, 0]), mask_of([3], 3), clip=0.2)
    assert float(found) == pytest.approx(0.5 * (0.64 + 0.81 + 1) / 3)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.integers(0, 100))
def test_whitened_advantages_have_mean_zero_and_variance_one_over_the_tokens(lengths, seed):
    mask = mask_of(lengths, 5)
    white = whiten(3.0 + 2.0 * torch.from_numpy(rng_for(seed).normal(size=mask.shape)), mask)
    assert float(masked_mean(white, mask)) == pytest.approx(0.0, abs=1e-9)
    assert float(masked_mean(white**2, mask)) == pytest.approx(1.0, abs=1e-6)
    assert not white[~mask].any()


def test_advantages_that_are_all_equal_whiten_to_zero():
    assert whiten(torch.full((2, 3), 7.0), mask_of([3, 1], 3)).tolist() == [[0.0] * 3, [0.0] * 3]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(1, 4), st.integers(0, 100))
def test_padding_changes_no_reward_advantage_or_loss(lengths, extra, seed):
    rng = rng_for(seed)
    width = max(lengths)
    mask = mask_of(lengths, width)
    logprobs, ref, old, values, old_values = (torch.from_numpy(rng.normal(size=mask.shape)) * mask for _ in range(5))
    scores = torch.from_numpy(rng.normal(size=len(lengths)))

    def losses(pad: int) -> tuple[torch.Tensor, ...]:
        def wide(x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pad(x, (0, pad), value=5.0 if x.dtype != torch.bool else False)  # padding is garbage

        m = wide(mask)
        rewards = token_rewards(scores, wide(logprobs), wide(ref), m, 0.3)
        advantages, returns = gae(rewards, wide(old_values), m, 0.9, 0.8)
        white = whiten(advantages, m)
        surrogate = policy_loss(wide(logprobs), wide(old), white, m, 0.2)
        return rewards[:, :width], white[:, :width], surrogate, value_loss(wide(values), wide(old_values), returns, m, 0.2)

    for plain, padded in zip(losses(0), losses(extra), strict=True):
        assert torch.allclose(plain, padded, atol=1e-12)


def test_the_controller_matches_numbers_worked_by_hand():
    # twice the target is clipped to +.2: 1 + .1 * .2; half is clipped to -.2; 5 % over is +.05
    assert next_kl_coef(1.0, 12.0, 6.0, 0.1) == pytest.approx(1.02)
    assert next_kl_coef(1.0, 3.0, 6.0, 0.1) == pytest.approx(0.98)
    assert next_kl_coef(2.0, 6.3, 6.0, 0.1) == pytest.approx(2.01)


def test_the_stream_of_prompts_takes_each_once_before_it_repeats(world):
    prompts = world.prompts("eval")
    taken = [each.id for each in islice(prompt_stream(prompts, rng_for(0)), 2 * len(prompts))]
    assert sorted(taken[: len(prompts)]) == sorted(taken[len(prompts) :]) == sorted(each.id for each in prompts)
    assert taken[: len(prompts)] != taken[len(prompts) :]


def test_a_flat_reward_leaves_the_policy_at_the_reference(world, source, label, settings, log):
    start = world.base_policy(0)
    ties = [replace(each, p_left=0.5) for each in label(start)]
    policy = ppo.train(start, source(ties), ppo.Config(**settings["ppo"]), rng=rng_for(0), log=log)
    assert policy.kl(start, [each.comparison.left for each in ties]) < 0.01


@pytest.mark.slow
def test_it_climbs_to_the_regularised_optimum_of_its_reward(world, trained, source, label, settings, log):
    # soft labels of gold fit a reward that is gold's (tested with the reward model), so the optimum is that of gold
    start, kl_coef = trained["start"], 0.5
    config = ppo.Config(**settings["ppo"] | {"kl_coef": kl_coef, "rollouts": 60, "learning_rate": 0.1, "rollout_size": 400})
    policy = ppo.train(start, source(label(start, copies=3)), config, rng=rng_for(0), log=log)
    prompts = world.prompts("eval")
    gold = world.utilities()[[start.table.rows[prompt.id] for prompt in prompts]]
    reference = start.probabilities(prompts).detach().numpy()

    def objective(policy_PM: np.ndarray) -> float:
        kl = closed_form.kl_divergence(policy_PM, reference)
        return float((closed_form.expected_value(policy_PM, gold) - kl_coef * kl).mean())

    best = objective(closed_form.regularised_optimum(reference, gold, kl_coef))
    reached = objective(policy.probabilities(prompts).detach().numpy())
    assert objective(reference) < best - 0.5
    assert best - 0.1 < reached <= best


@pytest.mark.slow
def test_a_heavier_kl_weight_stays_nearer_and_the_adaptive_controller_moves_it(world, source, label, settings, log):
    start = world.base_policy(0)
    preferences = label(start)
    probe = [each.comparison.left for each in preferences]

    def kl(**changes: float) -> float:
        return ppo.train(start, source(preferences), ppo.Config(**settings["ppo"] | changes), rng=rng_for(0), log=log).kl(
            start, probe
        )

    light = kl(kl_coef=0.1)
    assert kl(kl_coef=2.0) < 0.5 * light
    log.lines.clear()
    assert kl(kl_coef=0.1, kl_target=0.01, kl_gain=1.0) < light
    assert log.lines[-1]["kl_coef"] > log.lines[1]["kl_coef"] > 0.1
