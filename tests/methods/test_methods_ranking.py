"""All methods in the exact world, from the same start and noise-free labels: who gains how much, and what stays as it was."""

from __future__ import annotations

import pytest
import torch

LEARNERS = ("binary-feedme", "reward-conditioning", "best-of-n", "expert-iteration", "dpo", "ppo", "quark")


@pytest.fixture(scope="module")
def gain(world, trained) -> dict[str, float]:
    """Expected gold utility over that of the start, in nats."""
    start = world.truth(trained["start"], ()).values_P.mean()
    return {name: float(world.truth(policy, ()).values_P.mean() - start) for name, policy in trained.items()}


@pytest.mark.parametrize("name", ["best-of-n", "expert-iteration", "dpo", "ppo", "quark"])
def test_methods_that_contrast_answers_gain_much(gain, name):
    assert gain[name] > 1.0


@pytest.mark.parametrize("name", ["binary-feedme", "reward-conditioning"])
def test_methods_that_imitate_the_preferred_gain_a_little(gain, name):
    assert 0.2 < gain[name] < 0.8 * min(gain["best-of-n"], gain["expert-iteration"], gain["dpo"], gain["ppo"])


def test_sft_improves_on_the_base(gain):
    assert gain["base"] < -0.3


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_learned_differs_from_the_start(world, trained, name):
    prompts = world.prompts("eval")
    assert not torch.allclose(trained[name].probabilities(prompts), trained["start"].probabilities(prompts), atol=0.01)
