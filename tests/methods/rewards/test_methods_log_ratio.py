"""The log-ratio reward: 0 at the start, cumulative, and the reward whose regularised optimum is the policy that it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pasture.core.seeds import rng_for
from pasture.methods.pairwise import dpo
from pasture.methods.rewards.reward_model import Config, LogRatio, fit_reward_model
from pasture.policies import closed_form
from pasture.policies.tabular import TabularPolicy

FULL = {"learning_rate": 0.1, "epochs": 250, "batch_size": 10_000, "warmup": 0.0, "schedule": "cosine"}


def moved(world) -> TabularPolicy:
    policy = world.base_policy(0)
    with torch.no_grad():
        policy.theta.add_(torch.linspace(-1, 1, len(policy.theta)))
    return policy


def test_its_states_are_zero_before_the_answer_and_its_score_after(world):
    answers = [world.completion(prompt, 3) for prompt in world.prompts("eval")]
    start, policy = world.base_policy(0), moved(world)
    reward = LogRatio(policy, start, 0.5)
    values, mask = reward.state_values(answers)
    assert values.shape == (len(answers), 2)
    assert mask.all()
    assert not values[:, 0].any()
    expected = 0.5 * (policy.token_scores(answers).logprobs_NT - start.token_scores(answers).logprobs_NT)[:, 0]
    assert torch.allclose(values[:, 1], expected)
    assert torch.allclose(reward.scores(answers), expected)
    assert not LogRatio(start.copy(), start, 0.5).scores(answers).any()


def test_the_regularised_optimum_at_its_scale_is_its_own_policy(world):
    prompts = list(world.prompts("eval"))
    start, policy = world.base_policy(0), moved(world)
    answers = [world.completion(prompt, k) for prompt in prompts for k in range(16)]
    reference = start.probabilities(prompts).detach().numpy()
    reward = LogRatio(policy, start, 0.5).scores(answers).detach().numpy().reshape(reference.shape)
    assert np.allclose(closed_form.regularised_optimum(reference, reward, 0.5), policy.probabilities(prompts).detach().numpy())


@pytest.mark.slow
def test_fitted_to_preferences_it_is_dpos_implicit_reward(world, label, source, log):
    start = world.base_policy(0)
    preferences = label(start)
    reward = fit_reward_model(start, preferences, Config(**FULL, log_ratio=0.5, held_out=0.0), rng_for(0))
    assert isinstance(reward.model, LogRatio)
    policy = dpo.train(start, source(preferences), dpo.Config(**FULL, beta=0.5), rng=rng_for(0), log=log)
    fitted = reward.model.policy
    assert isinstance(fitted, TabularPolicy)
    assert torch.allclose(fitted.theta, policy.theta, atol=1e-3)
    assert float(policy.theta.detach().norm()) > 0.5


def test_a_copy_trains_apart_and_what_is_saved_is_whole(world, tmp_path):
    answers = [world.completion(prompt, 3) for prompt in world.prompts("eval")]
    reward = LogRatio(moved(world), world.base_policy(0), 0.5)
    before = reward.scores(answers).detach()
    twin = reward.copy()
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    assert torch.equal(reward.scores(answers).detach(), before)
    reward.save(tmp_path)
    policy, reference = (TabularPolicy.load(tmp_path / name) for name in ("policy", "reference"))
    again = LogRatio(policy, reference, float((tmp_path / "scale.txt").read_text()))
    assert torch.equal(again.scores(answers).detach(), before)


def test_a_negative_scale_is_refused():
    from pasture.core.errors import InputError

    with pytest.raises(InputError, match=r"log_ratio is -0.1"):
        Config(log_ratio=-0.1)
