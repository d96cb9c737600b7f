"""Tiny random language models of several families, over a tokenizer of one token for each byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch


def build_tokenizer(*special: str, eos: str = "<eos>", pad: str | None = None, template: str | None = None) -> Any:
    """special: tokens beside eos and pad that a text cannot hold."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    bytes_alone = models.BPE(vocab={each: k for k, each in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    made = Tokenizer(bytes_alone)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    made.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    names = dict.fromkeys([eos, *([pad] if pad else []), *special])
    made.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in names])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=eos, pad_token=pad, chat_template=template)


def build_model(family: str, tokenizer: Any, *, positions: int = 128, tied: bool = False, stops: Sequence[int] = ()) -> Any:
    """A random model of two layers. stops: further ids at which its generation config ends."""
    import transformers

    sizes = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    llama = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "bos_token_id": None}
    llama |= sizes | {"max_position_embeddings": positions, "tie_word_embeddings": tied}
    grouped = llama | {"num_key_value_heads": 1}
    config = {
        "llama": lambda: transformers.LlamaConfig(**grouped),
        "qwen2": lambda: transformers.Qwen2Config(**grouped),
        "mistral": lambda: transformers.MistralConfig(**grouped, sliding_window=16),
        "gemma2": lambda: transformers.Gemma2Config(**grouped, sliding_window=16, head_dim=16, query_pre_attn_scalar=16),
        "neox": lambda: transformers.GPTNeoXConfig(**llama),
        "gpt2": lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=positions, bos_token_id=None, **sizes),
        "opt": lambda: transformers.OPTConfig(
            hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=positions,
            word_embed_proj_dim=32, **sizes | {"pad_token_id": tokenizer.pad_token_id or 1},
        ),
        "mamba": lambda: transformers.MambaConfig(hidden_size=32, num_hidden_layers=1, **sizes),
    }[family]()  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(5)  # so that answers differ from prompt to prompt
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *stops]
    return model


@pytest.fixture(scope="session")
def byte_tokenizer() -> Callable[..., Any]:
    return build_tokenizer


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., Any]:
    return build_model
