"""A saved reward model is read by transformers to the same score, whatever its tokenizer pads with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pasture.core.records import Completion, Prompt
from pasture.core.requests import Message, Reply, Request, Sampling
from pasture.engines.transformers_engine import TransformersEngine
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.policies.value_head import CausalLMValueModel

ANSWERS = [Completion(Prompt("Say 1."), text) for text in ("yes 1", "no", "")]
PADDINGS = {"its own": "<pad>", "the end of sequence": "<eos>", "the end of turn": "<end>", "none": None}
TEMPLATE = "{% for m in messages %}{{ m['role'] + ' ' + m['content'] + '<end>' }}{% endfor %}"


def ids(value: CausalLMValueModel, answer: Completion) -> list[int]:
    return [*value.encoder.prompt(answer.prompt, None), *value.encoder.answer(answer)]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("family", ["llama", "qwen2", "mistral", "gemma2", "neox", "gpt2", "opt"])
def test_transformers_reads_the_same_score(
    family: str, padding: str, byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any], tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    ended = padding == "the end of turn"
    tokenizer = byte_tokenizer("<end>", pad=PADDINGS[padding], template=TEMPLATE if ended else None)
    value = CausalLMPolicy(tiny_model(family, tokenizer), tokenizer, controls=0).value_model(np.random.default_rng(0))
    value.model.score.weight.data.copy_(torch.randn(1, 32, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        ours = value.scores(ANSWERS)
    value.save(tmp_path)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    rows = [ids(value, each) for each in ANSWERS]
    with torch.no_grad():
        one_by_one = torch.cat([theirs(input_ids=torch.tensor([row])).logits[:, 0] for row in rows])
    torch.testing.assert_close(one_by_one, ours, atol=1e-4, rtol=0)
    assert ours.std() > 1e-3

    pad = theirs.config.pad_token_id
    width = max(map(len, rows))
    batch = torch.tensor([row + [tokenizer.eos_token_id if pad is None else pad] * (width - len(row)) for row in rows])
    if padding == "its own":
        with torch.no_grad():
            torch.testing.assert_close(theirs(input_ids=batch).logits[:, 0], ours, atol=1e-4, rtol=0)
    else:
        assert pad is None
        with pytest.raises(ValueError, match="no padding token"):
            theirs(input_ids=batch)
    reloaded = CausalLMValueModel.load(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(reloaded.scores(ANSWERS), ours, atol=1e-5, rtol=0)


def test_a_tokenizers_padding_that_the_model_does_not_know_is_no_token_of_a_batch(
    byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any], tmp_path: Path
) -> None:
    tokenizer = byte_tokenizer("<end>")
    model = tiny_model("qwen2", tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<|endoftext|>"})  # as transformers does when it loads a Qwen tokenizer without one
    policy = CausalLMPolicy(model, tokenizer, controls=0)
    value = policy.value_model(np.random.default_rng(0))
    value.model.score.weight.data.normal_()
    policy.save(tmp_path / "policy")
    value.save(tmp_path / "value")
    loaded = CausalLMPolicy.load(tmp_path / "policy")
    assert loaded.tokenizer.pad_token_id >= loaded.model.get_input_embeddings().weight.shape[0]
    with torch.no_grad():
        torch.testing.assert_close(CausalLMValueModel.load(tmp_path / "value").scores(ANSWERS), value.scores(ANSWERS))
        torch.testing.assert_close(loaded.token_scores(ANSWERS).logprobs_NT, policy.token_scores(ANSWERS).logprobs_NT)
    prompts = [Prompt("Say 1."), Prompt("Say a much longer thing.")]
    assert len(loaded.sample(prompts, 2, np.random.default_rng(0))) == 2
    engine = TransformersEngine(str(tmp_path / "policy"))
    requests = [Request((Message("user", each.text),), Sampling(max_tokens=2)) for each in prompts]
    assert all(isinstance(reply, Reply) for _, reply in engine.generate(requests))
