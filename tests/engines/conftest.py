"""A random two-layer Llama with a word-level tokenizer, as an ordinary checkpoint folder."""

from __future__ import annotations

from pathlib import Path

import pytest

WORDS = (
    "A B Apple the a cat dog sat ran on mat and is red blue sky sea who what when where better answer yes no user system "
    "assistant : < > one two three four five six seven eight nine ten Apple pie"
)
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "{{ '< ' + message['role'] + ' > ' + message['content'] + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '< assistant > ' }}{% endif %}"
)


def build_tiny_checkpoint(folder: Path, seed: int = 0, chat_template: str | None = TEMPLATE) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<pad>", "<unk>", "<s>", "<end>", *dict.fromkeys(WORDS.split())]
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(names)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<end>"}
    PreTrainedTokenizerFast(tokenizer_object=words, chat_template=chat_template, **special).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(names),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "norm" not in name:
                weights.normal_(0, 0.35, generator=generator)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def build_checkpoint():
    """The builder itself, for tests that want another seed or no chat template."""
    return build_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_engine(tiny_checkpoint: Path):
    from pasture.engines import make_engine

    return make_engine("transformers", str(tiny_checkpoint), batch_size=4)
