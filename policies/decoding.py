"""Sampling with a key-value cache, written out: a third faster than `generate` for small models, every prompt read once
however many answers it gets, and random numbers from the caller's generator alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from ..core.errors import InputError


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
        raise InputError(
            "the model gives no finite probabilities: its weights are NaN or infinite, or too large for its precision; train again "
            "from a sound checkpoint, or load it with dtype='float32'"
        )
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
