"""The Bradley-Terry reward model: its loss by hand, planted weights recovered, held-out pairs apart, scores centred."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.rewards.reward_model import (
    Config,
    RewardModel,
    fit_reward_model,
    held_out_fit,
    pair_loss,
    score_all,
    split_pairs,
    train,
)
from pasture.policies import closed_form

FULL = Config(learning_rate=0.1, epochs=400, batch_size=10_000, warmup=0.0, held_out=0.0)


def loss(margin: float, p_left: float) -> float:
    return float(pair_loss(torch.tensor([margin], dtype=torch.float64), torch.tensor([p_left], dtype=torch.float64)))


def test_the_loss_matches_numbers_worked_by_hand():
    # sigmoid(log 3) = 3 / 4
    assert loss(math.log(3), 1.0) == pytest.approx(-math.log(3 / 4))
    assert loss(math.log(3), 0.0) == pytest.approx(-math.log(1 / 4))
    assert loss(math.log(3), 0.5) == pytest.approx(-0.5 * math.log(3 / 16))
    assert loss(0.0, 0.3) == pytest.approx(math.log(2))


@given(st.floats(-20, 20), st.floats(0, 1))
def test_swapping_the_pair_and_its_label_leaves_the_loss(margin, p_left):
    assert loss(margin, p_left) == pytest.approx(loss(-margin, 1 - p_left), abs=1e-12)


@given(st.floats(0.01, 0.99), st.floats(-3, 3))
def test_the_loss_is_least_where_the_margin_is_the_labels_log_odds(p_left, away):
    assert loss(math.log(p_left / (1 - p_left)) + away, p_left) >= loss(math.log(p_left / (1 - p_left)), p_left) - 1e-12


def test_it_finds_the_maximum_likelihood_weights(world, label):
    policy = world.base_policy(0)
    preferences = [
        replace(each, p_left=float(each.p_left > 0.4)) for each in label(policy, copies=3)
    ]  # noisy enough not to separate
    preferences += [each.swapped() for each in label(policy, seed=1)]
    reward = fit_reward_model(policy, preferences, FULL, rng_for(0))
    differences = np.array([feature(world, each.comparison.left) - feature(world, each.comparison.right) for each in preferences])
    weights = closed_form.fit_bradley_terry(differences, np.array([each.p_left for each in preferences]))
    assert reward.model.after.detach().numpy() == pytest.approx(weights, abs=2e-3)


def test_it_recovers_golds_own_taste_from_soft_labels(world, label):
    reward = fit_reward_model(world.base_policy(0), label(world.base_policy(0), copies=2), FULL, rng_for(0))
    assert reward.model.after.detach().numpy() == pytest.approx(world.tastes["gold"], abs=1e-3)


def feature(world, completion) -> np.ndarray:
    return world.features_PMD[world.base_policy(0).table.rows[completion.prompt.id], completion.tokens[0]]


def test_scores_have_mean_zero_on_the_training_answers_and_a_copy_keeps_them(world, label):
    preferences = label(world.base_policy(0))
    reward = fit_reward_model(world.base_policy(0), preferences, FULL, rng_for(0))
    answers = [side for each in preferences for side in (each.comparison.left, each.comparison.right)]
    assert abs(reward.mean) > 1e-3  # there was something to centre
    assert len(answers) <= 512  # beyond that a sample is centred
    assert float(score_all(reward, answers).mean()) == pytest.approx(0.0, abs=1e-12)
    twin = reward.copy()
    assert torch.equal(score_all(twin, answers), score_all(reward, answers))
    values, mask = reward.state_values(answers)
    assert torch.equal(values[:, -1], reward.scores(answers))
    assert mask.all()
    next(iter(twin.model.parameters())).data.add_(1.0)
    twin.model.after.data.add_(1.0)
    assert not torch.equal(score_all(twin, answers), score_all(reward, answers))


def test_many_completions_are_scored_as_few_are(world):
    model = world.base_policy(0).value_model(rng_for(0))
    model.after.data.add_(1.0)
    answers = [world.completion(prompt, k) for prompt in world.prompts("unlabeled") for k in range(8)]
    assert len(answers) > 512
    assert torch.equal(score_all(model, answers), model.scores(answers).detach())


def test_no_pair_is_trained_on_and_held_out(world, label):
    preferences = label(world.base_policy(0))
    both = preferences + [each.swapped() for each in preferences]
    training, held = split_pairs(both, 0.25, rng_for(0))
    assert len(training) + len(held) == len(both)
    assert not {each.comparison.key for each in training} & {each.comparison.key for each in held}
    assert len({each.comparison.key for each in held}) == len({each.comparison.key for each in both}) // 4


def test_held_out_accuracy_and_loss_are_those_of_the_truth(world, label):
    policy = world.base_policy(0)
    model = policy.value_model(rng_for(0))
    model.after.data = torch.tensor(world.tastes["gold"])
    preferences = [replace(each, p_left=float(each.p_left > 0.5)) for each in label(policy) if each.p_left != 0.5]
    accuracy, nll = held_out_fit(model, preferences)
    assert accuracy == 1.0
    expected = np.mean([-math.log(max(p, 1 - p)) for p in (world.probability(each.comparison) for each in preferences)])
    assert nll == pytest.approx(expected)
    model.after.data = -model.after.data
    assert held_out_fit(model, preferences)[0] == 0.0
    model.after.data = 0 * model.after.data
    assert held_out_fit(model, preferences) == (0.5, pytest.approx(math.log(2)))


def test_accuracy_is_undefined_where_nothing_or_only_ties_were_held_out(world, label):
    model = world.base_policy(0).value_model(rng_for(0))
    assert held_out_fit(model, []) == (None, None)
    ties = [replace(each, p_left=0.5) for each in label(world.base_policy(0))[:3]]
    assert held_out_fit(model, ties) == (None, pytest.approx(math.log(2)))


def test_training_reports_the_held_out_fit(world, label, source, log):
    config = Config(learning_rate=0.1, epochs=30, batch_size=1000, held_out=0.2)
    reward = train(world.base_policy(0), source(label(world.base_policy(0))), config, rng=rng_for(0), log=log)
    assert isinstance(reward, RewardModel)
    assert log.lines[-1]["reward_model_accuracy"] == reward.accuracy
    assert log.lines[-1]["reward_model_nll"] == pytest.approx(reward.nll)
    assert log.lines[-1]["reward_model_nll"] < log.lines[0]["reward_model_nll"] < math.log(2)
    assert {"reward", "kl", "length", "entropy", "loss"} <= set(log.lines[-1])


def test_no_preferences_are_an_input_error(world, source, log):
    with pytest.raises(InputError, match="no preferences to learn from"):
        train(world.base_policy(0), source(()), Config(), rng=rng_for(0), log=log)


def test_it_is_saved_with_the_mean_to_subtract(world, label, tmp_path):
    from pasture.policies.tabular import TabularValueModel

    preferences = label(world.base_policy(0))
    reward = fit_reward_model(world.base_policy(0), preferences, FULL, rng_for(0))
    reward.save(tmp_path)
    answers = [each.comparison.left for each in preferences]
    loaded = TabularValueModel.load(tmp_path).scores(answers) - float((tmp_path / "mean.txt").read_text())
    assert torch.equal(loaded, reward.scores(answers))
