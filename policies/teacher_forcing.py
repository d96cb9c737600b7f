"""Runs a causal model over given answers, padded on the right, and reads it out at the answers' places alone.

Padding stands after the tokens and attention is causal, so no attention mask is needed and no padding can change a result."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..core.errors import InputError

Pair = tuple[Sequence[int], Sequence[int]]
"""The ids of a prompt, and those of its answer."""

MOST_TOKENS = 8192
MOST_LOGITS = 2**25
"""What one batch may hold where no gradient is kept: tokens read, and logits made (128 MiB)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """N pairs. M runs over the answers' tokens, of all pairs: token m is the `place_M[m]`-th of answer `row_M[m]`, has the
    id `target_M[m]`, and the state that it is drawn from stands at `ids_NL[row_M[m], column_M[m]]`."""

    ids_NL: torch.Tensor
    row_M: torch.Tensor
    column_M: torch.Tensor
    place_M: torch.Tensor
    target_M: torch.Tensor

    @staticmethod
    def of(pairs: Sequence[Pair], pad: int, device: torch.device, *, last_state: bool = False) -> Batch:
        """`last_state` adds the state after the last token, with the padding as its target."""
        starts = np.array([len(prompt) for prompt, _ in pairs])
        lengths = np.array([len(answer) for _, answer in pairs])
        ids_NL = np.full((len(pairs), int((starts + lengths).max())), pad, dtype=np.int64)
        for k, (prompt, answer) in enumerate(pairs):
            ids_NL[k, : starts[k]] = prompt
            ids_NL[k, starts[k] : starts[k] + lengths[k]] = answer
        states = lengths + last_state
        row_M = np.repeat(np.arange(len(pairs)), states)
        place_M = np.arange(states.sum()) - np.repeat(states.cumsum() - states, states)
        column_M = starts[row_M] - 1 + place_M
        target_M = np.append(ids_NL, np.full((len(pairs), 1), pad), axis=1)[row_M, column_M + 1]
        return Batch(*(torch.from_numpy(each).to(device) for each in (ids_NL, row_M, column_M, place_M, target_M)))


def batches(
    pairs: Sequence[Pair], pad: int, model: Any, vocabulary: int, *, last_state: bool = False
) -> Iterator[tuple[list[int], Batch]]:
    """The pairs' indices and their batch: one of all where a gradient is kept, else as many as fit, alike in length. Raises
    InputError for no pairs, and for tokens that the model cannot read."""
    if not pairs:
        raise InputError("there are no completions to score; give at least one")
    check_tokens(itertools.chain.from_iterable(pairs), model)
    sizes, limit = [len(prompt) + len(answer) for prompt, answer in pairs], context(model)
    if max(sizes) > limit:
        raise InputError(
            f"a prompt with its answer has {max(sizes)} tokens, and the model reads at most {limit}; shorten or drop such texts"
        )
    if torch.is_grad_enabled():
        yield list(range(len(pairs))), Batch.of(pairs, pad, model.device, last_state=last_state)
        return
    chunk: list[int] = []
    logits = 0
    for k in sorted(range(len(pairs)), key=lambda k: sizes[k]):
        more = len(pairs[k][1]) * vocabulary
        if chunk and ((len(chunk) + 1) * sizes[k] > MOST_TOKENS or logits + more > MOST_LOGITS):
            yield chunk, Batch.of([pairs[j] for j in chunk], pad, model.device, last_state=last_state)
            chunk, logits = [], 0
        chunk.append(k)
        logits += more
    yield chunk, Batch.of([pairs[j] for j in chunk], pad, model.device, last_state=last_state)


def answer_logits(model: Any, batch: Batch) -> torch.Tensor:
    """The logits that each answer token was drawn from, [M, V], in float32.

    The hidden states are narrowed on their way into the output layer, so that whatever the architecture does to its
    logits (scaling, capping) is done, and nothing is computed for prompts and padding."""

    def narrow(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        return (inputs[0][batch.row_M, batch.column_M],)

    hook = model.get_output_embeddings().register_forward_pre_hook(narrow)
    try:
        return model(input_ids=batch.ids_NL, use_cache=False).logits.float()
    finally:
        hook.remove()


def context(model: Any) -> int:
    """How many tokens the model reads at most; 2^31 - 1 where it does not say."""
    return getattr(model.config, "max_position_embeddings", None) or 2**31 - 1


def check_tokens(rows: Iterable[Sequence[int]], model: Any) -> None:
    """Raises InputError for a row without tokens, and for one with a token that the model's embeddings do not have."""
    known = model.get_input_embeddings().weight.shape[0]
    for row in rows:
        if not row:
            raise InputError("a prompt or an answer has no tokens at all; the tokenizer must make at least one of each")
        if not 0 <= min(row) <= max(row) < known:
            wrong = min(row) if min(row) < 0 else max(row)
            raise InputError(
                f"there is a token {wrong}, and the model knows {known}, from 0; give the tokenizer that the model was made "
                "with, or make room for what was added to it (model.resize_token_embeddings)"
            )
