"""One text has one ending: a given answer ends as a sampled one does, whatever the chat template closes a turn by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pasture.core.records import Completion, Prompt
from pasture.policies.causal_lm import CausalLMPolicy

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{% for m in messages %}{{ '<start_of_turn>' + ('user' if m['role'] == 'user' else 'model') + '\n' + m['content'] | trim"
    " + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TWO = CHATML.replace("<|im_end|>", "<|response|><|im_end|>")
THINKS = CHATML.replace("assistant", "assistant\n<think>")
AT_EOS = "{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] + eos_token }}{% endfor %}"
WORDS = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\nEND\n' }}{% endfor %}"

CASES: dict[str, tuple[str | None, list[str], list[str], list[str]]] = {
    # name: template, special tokens, those at which the generation config stops besides eos, the ending
    "gemma": (GEMMA, ["<start_of_turn>", "<end_of_turn>"], ["<end_of_turn>"], ["<end_of_turn>"]),
    "qwen base, which stops at eos alone": (CHATML, ["<|im_start|>", "<|im_end|>"], [], ["<|im_end|>"]),
    "an ending of two tokens": (
        TWO,
        ["<|im_start|>", "<|im_end|>", "<|response|>"],
        ["<|im_end|>"],
        ["<|response|>", "<|im_end|>"],
    ),
    "an ending of which the first stops": (TWO, ["<|im_start|>", "<|im_end|>", "<|response|>"], ["<|response|>"], ["<|response|>"]),
    "a thought is opened": (THINKS, ["<|im_start|>", "<|im_end|>"], [], ["<|im_end|>"]),
    "the end of sequence": (AT_EOS, [], [], ["<eos>"]),
    "words that are no token": (WORDS, [], [], ["<eos>"]),
    "no template": (None, [], [], ["<eos>"]),
}


Ending = Callable[[str], tuple[CausalLMPolicy, list[int]]]


@pytest.fixture
def policy_that_ends(byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]) -> Ending:
    """A policy that writes one letter and then the ending of a case, and the ids of the ending."""
    return lambda name: made(name, byte_tokenizer, tiny_model)


def made(name: str, byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]) -> tuple[CausalLMPolicy, list[int]]:
    template, special, stops, ending = CASES[name]
    tokenizer = byte_tokenizer(*special, template=template)
    ids: list[int] = tokenizer.convert_tokens_to_ids(ending)
    model = tiny_model("llama", tokenizer, stops=tokenizer.convert_tokens_to_ids(stops))
    policy = CausalLMPolicy(model, tokenizer, max_new_tokens=8, controls=0)
    follows = dict(zip([tokenizer.convert_tokens_to_ids("x"), *ids], ids, strict=False))
    start = tokenizer.convert_tokens_to_ids("x")

    def favour(_: torch.nn.Module, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        last = kwargs["input_ids"][:, -1].tolist()
        for row, token in enumerate(last):
            out.logits[row, -1, follows.get(token, start)] += 1000.0

    policy.model.register_forward_hook(favour, with_kwargs=True)
    return policy, ids


@pytest.mark.parametrize("name", CASES)
def test_a_given_text_ends_as_its_sample_does(name: str, policy_that_ends: Ending) -> None:
    policy, ending = policy_that_ends(name)
    sampled = policy.sample([Prompt("Say x.")], 1, np.random.default_rng(0), 0.0)[0][0]
    assert sampled.text == "x"
    assert list(sampled.tokens[1:]) == ending
    assert policy.encoder.answer(Completion(sampled.prompt, sampled.text)) == sampled.tokens


def test_a_saved_policy_tells_other_programs_where_its_answers_end(policy_that_ends: Ending, tmp_path: Path) -> None:
    from transformers import GenerationConfig

    policy, ending = policy_that_ends("qwen base, which stops at eos alone")
    policy.model._forward_hooks.clear()
    policy.save(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path).eos_token_id == sorted([policy.tokenizer.eos_token_id, *ending])
    assert CausalLMPolicy.load(tmp_path).encoder.closing == tuple(ending)


def test_log_probability_and_reward_do_not_tell_a_given_text_from_a_sampled_one(policy_that_ends: Ending) -> None:
    policy, _ = policy_that_ends("gemma")
    sampled = policy.sample([Prompt("Say x.")], 1, np.random.default_rng(0), 0.0)[0][0]
    given = Completion(sampled.prompt, sampled.text)
    policy.model._forward_hooks.clear()
    value = policy.value_model(np.random.default_rng(0))
    value.model.score.weight.data.fill_(1.0)
    with torch.no_grad():
        assert policy.token_scores([given]).logprobs_NT.tolist() == policy.token_scores([sampled]).logprobs_NT.tolist()
        assert value.scores([given]).tolist() == value.scores([sampled]).tolist()


def test_an_end_of_turn_that_is_no_special_token_is_no_part_of_the_text(
    byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]
) -> None:
    tokenizer = byte_tokenizer(template=CHATML)
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"])
    policy = CausalLMPolicy(tiny_model("llama", tokenizer), tokenizer, controls=0)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    given = policy.encoder.answer(Completion(Prompt("Say 1."), "yes"))
    assert given[-1] == end
    assert end in policy.encoder.ends
    assert policy.encoder.text(list(given)) == "yes"
