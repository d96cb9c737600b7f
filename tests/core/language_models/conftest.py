"""Tokenizers of one byte a token, with the special tokens and the chat template that a test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest


def build_byte_tokenizer(
    *special: str, eos: str = "<eos>", template: str | None = None, named: Sequence[str] = (), adds_eos: bool = False
) -> Any:
    """special: tokens that are special, and named nowhere else; named: those that the special map names too."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    bytes_alone = models.BPE(vocab={each: k for k, each in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    made = Tokenizer(bytes_alone)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    made.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    made.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in dict.fromkeys([eos, *named, *special])])
    if adds_eos:
        made.post_processor = processors.TemplateProcessing(single=f"$A {eos}", special_tokens=[(eos, made.token_to_id(eos))])  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=eos, additional_special_tokens=list(named), chat_template=template
    )


@pytest.fixture(scope="session")
def byte_tokenizer() -> Callable[..., Any]:
    return build_byte_tokenizer
