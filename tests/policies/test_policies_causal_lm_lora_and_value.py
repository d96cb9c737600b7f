"""Adapters and value models of the language-model policy, on a tiny untrained Llama."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.records import Completion, Prompt
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.policies.lora import Lora
from pasture.policies.value_head import CausalLMValueModel
from pasture.simulators.text.pretraining import Recipe, build_model, build_tokenizer

TINY = Recipe(hidden=32, layers=2, heads=2, ffn=64, init=0.2)
COMPLETIONS = [
    Completion(Prompt("What is the capital of France? Be formal."), "Certainly. Paris is the capital of France."),
    Completion(Prompt("What does a cow eat?"), "It eats hay."),
]


def make(lora: Lora | None = None) -> CausalLMPolicy:
    tokenizer = build_tokenizer()
    return CausalLMPolicy(build_model(TINY, tokenizer, 0), tokenizer, lora=lora, max_new_tokens=12)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def step(policy: CausalLMPolicy) -> None:
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    for _ in range(3):  # the first moves only one of each adapter's two factors
        optimizer.zero_grad()
        (-policy.token_scores(COMPLETIONS).sequence_logprobs().mean()).backward()
        optimizer.step()


def scores_of(policy: CausalLMPolicy) -> torch.Tensor:
    with torch.no_grad():
        return policy.token_scores(COMPLETIONS).logprobs_NT


def test_adapters_start_as_the_plain_model_and_are_all_that_is_trained() -> None:
    policy = make(Lora(rank=2))
    torch.testing.assert_close(scores_of(policy), scores_of(make()))
    names = {id(p): name for name, p in policy.model.named_parameters()}
    assert all("lora_" in names[id(p)] for p in policy.parameters())
    frozen = {name: p.clone() for name, p in policy.model.named_parameters() if "lora_" not in name}
    before = scores_of(policy)
    step(policy)
    assert scores_of(policy).sum() > before.sum()
    assert all(torch.equal(dict(policy.model.named_parameters())[name], p) for name, p in frozen.items())


def test_the_start_of_adapters_is_seeded_and_leaves_torch_alone() -> None:
    before = torch.get_rng_state()
    first, second, other = (make(Lora(rank=2, seed=seed)) for seed in (0, 0, 1))
    assert before.equal(torch.get_rng_state())
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_a_copy_shares_the_frozen_model_and_owns_its_adapters() -> None:
    policy = make(Lora(rank=2))
    made = policy.copy()
    before = scores_of(policy)
    step(made)
    assert torch.equal(scores_of(policy), before)
    own, theirs = ({id(p) for p in each.model.parameters()} for each in (made, policy))
    assert len(own & theirs) == len(own) - len(list(made.parameters()))
    assert made.kl(policy, COMPLETIONS) > 0


def test_a_copy_of_a_frozen_reference_can_be_trained() -> None:
    reference = make()
    for p in reference.parameters():
        p.requires_grad_(False)
    assert all(p.requires_grad for p in reference.copy().parameters())


def test_adapters_are_merged_when_saved_and_resume(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    policy = make(Lora(rank=2, alpha=8))
    step(policy)
    policy.save(tmp_path)
    loaded = CausalLMPolicy.load(tmp_path)
    torch.testing.assert_close(scores_of(loaded), scores_of(policy), atol=1e-5, rtol=0)
    assert loaded.lora == Lora(rank=2, alpha=8)
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in policy.parameters())
    step(loaded)
    plain = CausalLMPolicy(AutoModelForCausalLM.from_pretrained(tmp_path), policy.tokenizer)
    torch.testing.assert_close(scores_of(plain), scores_of(policy), atol=1e-5, rtol=0)


def test_adapters_alone_are_in_pefts_format(tmp_path: Path) -> None:
    from peft import PeftModel

    policy = make(Lora(rank=2))
    step(policy)
    policy.save_adapter(tmp_path)
    served = CausalLMPolicy(PeftModel.from_pretrained(make().model, tmp_path), policy.tokenizer)
    torch.testing.assert_close(scores_of(served), scores_of(policy), atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="no adapters"):
        make().save_adapter(tmp_path)


def test_a_rank_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Lora(rank=0)


LORAS = pytest.mark.parametrize("lora", [None, Lora(rank=2)], ids=["whole", "lora"])


@LORAS
def test_a_fresh_value_model_says_zero_of_every_state(lora: Lora | None) -> None:
    policy = make(lora)
    values_NT, mask_NT = policy.value_model(rng()).state_values(COMPLETIONS)
    lengths = [len(policy.encoder.answer(each)) for each in COMPLETIONS]
    assert values_NT.shape == (2, max(lengths) + 1)
    assert mask_NT.sum(dim=1).tolist() == [length + 1 for length in lengths]
    assert values_NT.eq(0).all()


@LORAS
def test_a_value_model_learns_and_leaves_the_policy(lora: Lora | None) -> None:
    policy = make(lora)
    before = scores_of(policy)
    value = policy.value_model(rng())
    fit(value)
    assert value.scores(COMPLETIONS).tolist() == pytest.approx([1.0, -1.0], abs=0.3)
    assert torch.equal(scores_of(policy), before)
    frozen = [p for p in value.model.parameters() if not any(p is each for each in value.parameters())]
    assert bool(frozen) == bool(lora)


def fit(value: CausalLMValueModel) -> None:
    """Towards 1 for the first completion and -1 for the second."""
    optimizer = torch.optim.Adam(value.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        (value.scores(COMPLETIONS) - torch.tensor([1.0, -1.0])).square().mean().backward()
        optimizer.step()


def test_padding_changes_no_value() -> None:
    value = make().value_model(rng())
    fit(value)
    with torch.no_grad():
        together, mask_NT = value.state_values(COMPLETIONS)
        alone, _ = value.state_values(COMPLETIONS[1:])
        last = value.scores(COMPLETIONS)
    width = alone.shape[1]
    torch.testing.assert_close(together[1, :width], alone[0], atol=1e-5, rtol=0)
    assert together[1, width:].eq(0).all()
    assert last[1] == together[1, width - 1]
    assert not mask_NT[1, width:].any()


def test_a_value_is_of_the_state_before_its_token() -> None:
    value = make().value_model(rng())
    fit(value)
    other = Completion(COMPLETIONS[1].prompt, "It eats nuts.")  # alike up to the third token
    with torch.no_grad():
        (first, _), (second, _) = value.state_values(COMPLETIONS[1:]), value.state_values([other])
    torch.testing.assert_close(first[0, :3], second[0, :3])
    assert not torch.isclose(first[0, 3], second[0, 3])


@LORAS
def test_a_value_model_is_saved_as_a_sequence_classifier(lora: Lora | None, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    value = make(lora).value_model(rng())
    fit(value)
    value.save(tmp_path)
    loaded = CausalLMValueModel.load(tmp_path)
    expected = value.scores(COMPLETIONS).detach()
    torch.testing.assert_close(loaded.scores(COMPLETIONS).detach(), expected, atol=1e-5, rtol=0)
    assert len(list(loaded.parameters())) == len(list(value.parameters()))

    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    for each, score in zip(COMPLETIONS, expected, strict=True):
        ids = torch.tensor([[*value.encoder.prompt(each.prompt, None), *value.encoder.answer(each)]])
        assert classifier(input_ids=ids).logits.item() == pytest.approx(score.item(), abs=1e-5)


def test_a_copy_of_a_value_model_is_independent() -> None:
    value = make().value_model(rng())
    fit(value.copy())
    assert value.scores(COMPLETIONS).eq(0).all()


def test_a_classifier_of_several_labels_is_no_value_model(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_labels=3
    )
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    build_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="3 labels"):
        CausalLMValueModel.load(tmp_path)
