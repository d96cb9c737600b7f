"""Running a causal model: over given answers, padded on the right, reading it out at the answers' places alone; and sampling.

Padding stands after the tokens and attention is causal, so no attention mask is needed and no padding can change a score. Sampling
has a key-value cache and is written out: a third faster than `generate` for small models, every prompt read once however many
answers it gets, and random numbers from the caller's generator alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from ..core.errors import InputError

Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a prompt, and those of its answer

MOST_TOKENS = 8192
MOST_LOGITS = 2**25
"""What one batch may hold where no gradient is kept: tokens read, and logits made (128 MiB)."""


@torch.inference_mode()
def sample_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    n: int,
    rooms: Sequence[int],
    *,
    temperature: float,
    ends: frozenset[int],
    pad: int,
    seed: int,
) -> list[list[int]]:
    """n continuations of each prompt, prompt by prompt: lists of ids, the end of sequence included where it was reached.

    temperature: 0 is greedy. ends: the ids that end an answer. rooms: the tokens that each prompt's answers may have, 1 or
    more. Raises InputError where the model's probabilities are not finite."""
    device = model.device
    generator = torch.Generator(device).manual_seed(seed)
    end_E = torch.tensor(sorted(ends), device=device)
    ids_NL, mask_NL = left_padded(prompts, pad, device)
    room_N = torch.tensor(rooms, device=device).repeat_interleave(n)
    position_N1 = mask_NL.sum(dim=1, keepdim=True).repeat_interleave(n, dim=0)
    last_N1 = position_N1 + room_N[:, None] - 1
    is_finite = torch.ones((), dtype=torch.bool, device=device)
    cache = DynamicCache(config=model.config)
    logits_NV = _next_logits(model, ids_NL, mask_NL, (mask_NL.cumsum(dim=1) - 1).clamp(min=0), cache).repeat_interleave(n, dim=0)
    if n > 1:
        cache.batch_repeat_interleave(n)
    mask_NL = mask_NL.repeat_interleave(n, dim=0)
    rows = torch.arange(len(prompts) * n, device=device)  # whose answer each row of the batch is
    runs_N = torch.ones(len(rows), dtype=torch.bool, device=device)
    tokens = torch.full((len(rows), max(rooms)), -1, device=device)  # -1 is a place that was never reached
    for step in range(max(rooms)):
        is_finite &= logits_NV.amax(dim=-1).isfinite().all()
        drawn_N1 = draw(logits_NV, temperature, generator)
        tokens[rows, step] = drawn_N1[:, 0].where(runs_N, -1)  # a row that has ended is drawn for until the batch is narrowed
        runs_N &= ~torch.isin(drawn_N1[:, 0], end_E) & (room_N > step + 1)
        left = int(runs_N.sum())
        if left == 0:
            break
        if left <= 0.8 * len(rows):  # narrowing copies the cache, so not at every end
            kept = runs_N.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            rows, runs_N, room_N, drawn_N1, position_N1, last_N1, mask_NL = (
                each[kept] for each in (rows, runs_N, room_N, drawn_N1, position_N1, last_N1, mask_NL)
            )
        mask_NL = torch.cat([mask_NL, mask_NL.new_ones(len(rows), 1)], dim=1)
        logits_NV = _next_logits(model, drawn_N1, mask_NL, position_N1, cache)
        position_N1 = torch.minimum(position_N1 + 1, last_N1)  # of rows that have ended and are not read any more
    if not is_finite:
        what = "the model gives no finite probabilities: its weights are NaN or infinite, or too large for its precision"
        raise InputError(f"{what}; train again from a sound checkpoint, or load it with dtype='float32'")
    return [row[row >= 0].tolist() for row in tokens.cpu().numpy()]


def _next_logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    """Logits of the next token of every row, [N, V]; the cache grows."""
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1].float()


def draw(logits_NV: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """One token per row, [N, 1], by inverting the cumulative distribution (one random number per row, not one per token)."""
    if temperature == 0:
        return logits_NV.argmax(dim=-1, keepdim=True)
    mass_NV = torch.softmax(logits_NV / temperature, dim=-1).cumsum(dim=-1, dtype=torch.float64)
    uniform_N1 = torch.rand(len(mass_NV), 1, generator=generator, device=mass_NV.device, dtype=torch.float64)
    return torch.searchsorted(mass_NV, uniform_N1 * mass_NV[:, -1:], right=True).clamp(max=mass_NV.shape[1] - 1)


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask), both [N, L], with padding before the tokens."""
    width = max(map(len, rows))
    ids_NL = np.full((len(rows), width), pad, dtype=np.int64)
    mask_NL = np.zeros((len(rows), width), dtype=np.int64)
    for k, row in enumerate(rows):
        ids_NL[k, width - len(row) :] = row
        mask_NL[k, width - len(row) :] = 1
    return torch.from_numpy(ids_NL).to(device), torch.from_numpy(mask_NL).to(device)


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
        what = f"a prompt with its answer has {max(sizes)} tokens, and the model reads at most {limit}"
        raise InputError(f"{what}; shorten or drop such texts")
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
            why = f"there is a token {wrong}, and the model knows {known}, from 0; give the tokenizer that the model was made with"
            raise InputError(f"{why}, or make room for what was added to it (model.resize_token_embeddings)")
