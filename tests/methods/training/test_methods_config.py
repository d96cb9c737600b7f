"""A configuration says what is wrong with it, and how it should be."""

from __future__ import annotations

import pytest
from pasture.core.errors import InputError
from pasture.methods import METHODS
from pasture.methods.imitation import expert_iteration
from pasture.methods.online import best_of_n, ppo, quark
from pasture.methods.pairwise import dpo
from pasture.methods.rewards import reward_model
from pasture.methods.training.config import Training

CONFIGS = {name: METHODS.load(name).Config for name in METHODS.table}


@pytest.mark.parametrize("kind", CONFIGS.values(), ids=CONFIGS)
def test_the_defaults_are_valid_and_can_be_told_apart_by_value(kind):
    assert kind() == kind()


WRONG = {
    Training: {"learning_rate": (0.0, -1.0, float("nan"), "fast"), "epochs": (0, 1.5), "batch_size": (0,), "schedule": ("cosin",)}
    | {"warmup": (1.0,), "max_grad_norm": (0.0,), "weight_decay": (-0.1,), "adam_eps": (0.0,)},
    reward_model.Config: {"held_out": (1.0,), "log_ratio": (-0.1,)},
    best_of_n.Config: {"n": (0,), "reward_model": (3,)},
    expert_iteration.Config: {"rounds": (0,), "n": (0,)},
    dpo.Config: {"beta": (0.0,), "label_smoothing": (0.5,)},
    ppo.Config: {"rollouts": (0,), "rollout_size": (0,), "clip": (0.0,), "value_clip": (0.0,), "value_coef": (0.0,)}
    | {"kl_coef": (-1.0,), "kl_target": (-1.0,), "kl_gain": (0.0,), "gamma": (0.0,), "lam": (1.1,), "learning_rate": (0.0,)},
    quark.Config: {"quantiles": (1,), "keep_pool": (1,), "iterations": (0,), "samples": (0,), "kl_coef": (-1.0,)},
}


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [(kind, field, value) for kind, wrong in WRONG.items() for field, values in wrong.items() for value in values],
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
