"""The training loop: every item once an epoch, the schedule by hand, and a minimum that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.training.config import Training
from pasture.methods.training.optimise import Stepper, batches_in, learning_rate_factor, minibatches, minimise, require_some


@given(st.integers(1, 60), st.integers(1, 70))
def test_an_epoch_takes_every_item_once_in_batches_of_nearly_one_size(n, size):
    parts = list(minibatches(n, size, rng_for(0)))
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    lengths = [len(part) for part in parts]
    assert len(parts) == batches_in(n, size)
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1


def test_minibatches_are_shuffled_by_the_generator_alone():
    first, again, other = (np.concatenate(list(minibatches(50, 8, rng_for(seed)))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert (first != np.arange(50)).any()


def test_the_schedule_matches_numbers_worked_by_hand():
    # 10 steps, a fifth of warm-up: steps 0 and 1 rise to 1/3 and 2/3; then 8 steps from 1 down
    assert [learning_rate_factor(k, 10, "constant", 0.2) for k in (0, 1, 2, 9)] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert [learning_rate_factor(k, 10, "linear", 0.2) for k in (2, 6, 9)] == pytest.approx([1, 0.5, 0.125])
    assert [learning_rate_factor(k, 10, "cosine", 0.2) for k in (2, 4, 6)] == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5])


@given(st.integers(1, 40), st.sampled_from(["constant", "linear", "cosine"]), st.floats(0, 0.99))
def test_no_step_is_taken_with_a_rate_of_zero_or_above_the_peak(steps, schedule, warmup):
    factors = [learning_rate_factor(k, steps, schedule, warmup) for k in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)


def test_the_mean_loss_is_brought_to_its_known_minimum():
    # the mean of (x - a)^2 over a = 1, 2, 6 is least at their mean, 3; the batch of 100 holds all three
    targets, x = torch.tensor([1.0, 2.0, 6.0]), torch.nn.Parameter(torch.zeros(()))
    training = Training(learning_rate=0.1, epochs=300, batch_size=100)
    minimise([x], 3, lambda rows: ((x - targets[rows]) ** 2).mean(), training, rng_for(0))
    assert x.item() == pytest.approx(3.0, abs=1e-3)


def test_every_planned_step_is_taken_and_reported():
    x, seen = torch.nn.Parameter(torch.zeros(())), []
    training = Training(epochs=2, batch_size=2)
    minimise([x], 5, lambda rows: x**2, training, rng_for(0), lambda step, steps, loss: seen.append((step, steps, loss)))
    assert [(step, steps) for step, steps, _ in seen] == [(k, 6) for k in range(1, 7)]


def test_gradients_are_clipped_to_the_given_norm():
    x = torch.nn.Parameter(torch.zeros(2))
    Stepper([x], Training(max_grad_norm=0.5), 1).step((x * torch.tensor([30.0, 40.0])).sum())
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([0.3, 0.4])  # (30, 40) has norm 50


def test_frozen_parameters_stay():
    x, frozen = torch.nn.Parameter(torch.ones(())), torch.nn.Parameter(torch.ones(()), requires_grad=False)
    Stepper([x, frozen], Training(learning_rate=0.1, weight_decay=0.5), 1).step(x * 2)
    assert frozen.item() == 1.0
    assert x.item() < 1.0


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_spoilt():
    x = torch.nn.Parameter(torch.ones(()))
    with pytest.raises(InputError, match=r"loss is nan at step 0.*lower learning_rate"):
        Stepper([x], Training(), 1).step(x * float("nan"))
    assert x.item() == 1.0


def test_a_gradient_that_is_not_finite_stops_before_the_weights_are_spoilt():
    x = torch.nn.Parameter(torch.zeros(()))
    with pytest.raises(InputError, match=r"gradient's norm is inf at step 0.*lower learning_rate"):
        Stepper([x], Training(), 1).step(x.sqrt())  # 0, and its slope is infinite
    assert x.item() == 0.0


@pytest.mark.parametrize("steps", [1, 3])
def test_a_weight_that_is_not_finite_stops_the_last_step_as_it_does_the_first(steps):
    x = torch.nn.Parameter(torch.full((), 3.4e38 - steps * 1e37))  # the largest number is 3.403e38
    training = Training(learning_rate=1.2e37, epochs=steps, schedule="constant", warmup=0.0)
    with pytest.raises(InputError, match=r"a weight is NaN or infinite after the step"):
        minimise([x], 1, lambda rows: -x, training, rng_for(0))


def test_nothing_to_learn_from_is_an_input_error_with_a_way_out():
    with pytest.raises(InputError, match=r"no preferences to learn from.*buy labels"):
        require_some([], "preferences", "buy labels")
