"""Half precision is for answering: what is trained is float32. Nothing that is not finite is loaded, saved or sampled from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.records import Completion, Prompt
from pasture.methods.imitation.sft import sft_loss
from pasture.methods.training.config import Training
from pasture.methods.training.optimise import Stepper
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.policies.lora import Lora
from pasture.policies.value_head import CausalLMValueModel

GIVEN = [Completion(Prompt("Say 1."), "1 1"), Completion(Prompt("Say 2."), "two")]
HALVES = pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
RECIPE = Training(learning_rate=1e-6, warmup=0.0, schedule="constant")

Make = Callable[..., CausalLMPolicy]


@pytest.fixture
def make(byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]) -> Make:
    def made(dtype: torch.dtype = torch.float32, lora: Lora | None = None) -> CausalLMPolicy:
        tokenizer = byte_tokenizer()
        model = tiny_model("llama", tokenizer)
        for parameter in model.parameters():
            parameter.data.div_(5 if parameter.dim() > 1 else 1)  # the scale at which real models start
        return CausalLMPolicy(model.to(dtype), tokenizer, lora=lora, max_new_tokens=4)

    return made


def moved(learner: CausalLMPolicy | CausalLMValueModel, loss: Callable[[], torch.Tensor]) -> float:
    """Share of the trained weights that one step at a usual rate moves."""
    before = [each.detach().clone() for each in learner.parameters()]
    Stepper(learner.parameters(), RECIPE, 1).step(loss())
    return float(torch.cat([(a != b).flatten() for a, b in zip(before, learner.parameters(), strict=True)]).float().mean())


@HALVES
@pytest.mark.parametrize("lora", [None, Lora(rank=2)], ids=["whole", "lora"])
def test_what_is_trained_of_a_half_precision_policy_is_float32(make: Make, half: torch.dtype, lora: Lora | None) -> None:
    policy = make(half, lora)
    learner, value = policy.copy(), policy.value_model(np.random.default_rng(0))
    for each in (learner, value, value.copy()):
        assert {parameter.dtype for parameter in each.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in policy.model.parameters() if not (lora and parameter.requires_grad)} == {half}
    assert value.scores(GIVEN).tolist() == [0.0, 0.0]


@HALVES
def test_as_many_weights_move_as_in_float32(make: Make, half: torch.dtype) -> None:
    shares = []
    for dtype in (torch.float32, half):
        learner = make(dtype).copy()
        shares.append(moved(learner, lambda learner=learner: sft_loss(learner.token_scores(GIVEN))))
    assert shares[0] > 0.5
    assert shares[1] == pytest.approx(shares[0], abs=0.02)


@HALVES
def test_weights_in_half_precision_are_not_trained_as_they_are(make: Make, half: torch.dtype) -> None:
    with pytest.raises(InputError, match=f"{str(half).removeprefix('torch.')}, in which most updates are rounded away"):
        Stepper(make(half).parameters(), RECIPE, 1)


@HALVES
def test_a_saved_policy_that_was_trained_from_half_precision_keeps_its_updates(
    make: Make, half: torch.dtype, tmp_path: Path
) -> None:
    learner = make(half).copy()
    moved(learner, lambda: sft_loss(learner.token_scores(GIVEN)))
    learner.save(tmp_path)
    loaded = CausalLMPolicy.load(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(learner.parameters(), loaded.parameters(), strict=True))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded_nor_sampled_from(
    make: Make, value: float, tmp_path: Path
) -> None:
    policy = make()
    whole = policy.copy()
    policy.model.lm_head.weight.data[5, 5] = value
    with pytest.raises(InputError, match=r"nothing is saved .* NaN or infinite \(lm_head\.weight\)"):
        policy.save(tmp_path / "policy")
    assert not (tmp_path / "policy").exists()
    policy.model.save_pretrained(tmp_path / "other")
    policy.tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="holds weights that are NaN or infinite"):
        CausalLMPolicy.load(tmp_path / "other")
    for temperature in (0.0, 1.0):
        with pytest.raises(InputError, match="no finite probabilities"):
            policy.sample([Prompt("Say 1.")], 2, np.random.default_rng(0), temperature)
        assert len(whole.sample([Prompt("Say 1.")], 2, np.random.default_rng(0), temperature)[0]) == 2


def test_a_value_model_that_is_not_finite_is_not_saved(make: Make, tmp_path: Path) -> None:
    value = make().value_model(np.random.default_rng(0))
    value.model.score.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"score\.weight"):
        value.save(tmp_path)
