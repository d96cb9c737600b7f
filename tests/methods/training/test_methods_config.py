"""A configuration says what is wrong with it, and how it should be."""

from __future__ import annotations

import pytest
from pasture.core.errors import InputError
from pasture.methods import METHODS
from pasture.methods.online import best_of_n, ppo, quark
from pasture.methods.pairwise import dpo
from pasture.methods.rewards import reward_model
from pasture.methods.training.config import Training

CONFIGS = {name: METHODS.load(name).Config for name in METHODS.table}


@pytest.mark.parametrize("kind", CONFIGS.values(), ids=CONFIGS)
def test_the_defaults_are_valid_and_can_be_told_apart_by_value(kind):
    assert kind() == kind()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Training, "learning_rate", 0.0),
        (Training, "learning_rate", -1.0),
        (Training, "learning_rate", float("nan")),
        (Training, "learning_rate", "fast"),
        (Training, "epochs", 0),
        (Training, "epochs", 1.5),
        (Training, "batch_size", 0),
        (Training, "schedule", "cosin"),
        (Training, "warmup", 1.0),
        (Training, "max_grad_norm", 0.0),
        (Training, "weight_decay", -0.1),
        (Training, "adam_eps", 0.0),
        (reward_model.Config, "held_out", 1.0),
        (best_of_n.Config, "n", 0),
        (best_of_n.Config, "reward_model", 3),
        (dpo.Config, "beta", 0.0),
        (dpo.Config, "label_smoothing", 0.5),
        (ppo.Config, "rollouts", 0),
        (ppo.Config, "rollout_size", 0),
        (ppo.Config, "clip", 0.0),
        (ppo.Config, "kl_coef", -1.0),
        (ppo.Config, "kl_gain", 0.0),
        (ppo.Config, "gamma", 0.0),
        (ppo.Config, "lam", 1.1),
        (quark.Config, "quantiles", 1),
        (quark.Config, "keep_pool", 1),
        (quark.Config, "iterations", 0),
    ],
)
def test_a_value_out_of_range_is_refused_by_name_and_value(kind, field, value):
    with pytest.raises(InputError, match=field) as caught:
        kind(**{field: value})
    assert str(value) in str(caught.value)


@pytest.mark.parametrize("field", ["epochs", "learning_rate"])
@pytest.mark.parametrize("value", [10**400, -(10**5000), 10**18], ids=["400", "5000", "18"])
def test_a_number_too_large_for_floating_point_is_refused_in_a_short_sentence(field, value):
    with pytest.raises(InputError, match=rf"^{field} is .{{1,90}}; it must be a number of at most 18 digits$"):
        Training(**{field: value})


def test_a_whole_number_does_for_a_real_one():
    assert Training(learning_rate=1).learning_rate == 1


def test_a_nested_configuration_may_be_a_table():
    assert ppo.Config(reward_model={"epochs": 7}).reward_model == reward_model.Config(epochs=7)  # pyright: ignore[reportArgumentType]


def test_an_unknown_nested_field_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"'epoch'.*known:.*epochs"):
        best_of_n.Config(reward_model={"epoch": 7})  # pyright: ignore[reportArgumentType]
