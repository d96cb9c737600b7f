"""Seeded sampling, first-token log-probabilities and stop strings for a batch whose rows want different things.

A token is drawn by inverting the cumulative distribution at a uniform number of the row's own generator, so that what a row
says depends on its own logits and seed alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, StoppingCriteria

from ..core.requests import Sampling
from .chat import Prepared

Decode = Callable[[list[int]], str]
STOP_WINDOW = 8  # tokens read back, besides those that the longest stop string can fill


class SamplingProcessor(LogitsProcessor):
    """Leaves only the drawn token finite, so that greedy decoding says it. `label_logprobs` is filled at the first position."""

    def __init__(self, batch: Sequence[Prepared], rngs: Sequence[np.random.Generator]) -> None:
        self.batch, self.rngs = batch, rngs
        self.label_logprobs: list[dict[str, float]] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if not self.label_logprobs:
            for logits_V, each in zip(scores, self.batch, strict=True):
                logprobs = logits_V.float().log_softmax(-1)[list(each.labels.values())].tolist() if each.labels else []
                self.label_logprobs.append(dict(zip(each.labels, logprobs, strict=True)))
        drawn = scores.argmax(-1)
        for row, (each, rng) in enumerate(zip(self.batch, self.rngs, strict=True)):
            if each.request.sampling.temperature > 0:
                drawn[row] = draw(scores[row], each.request.sampling, rng.random())
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn[:, None], 0.0)


def draw(logits_V: torch.Tensor, sampling: Sampling, uniform: float) -> torch.Tensor:
    """The token at `uniform` in [0, 1) of the distribution at this temperature, cut to the smallest set of likeliest tokens
    that holds `top_p` (Holtzman et al. 2020, arXiv:1904.09751)."""
    probabilities_V = (logits_V.double() / sampling.temperature).softmax(-1)
    if sampling.top_p < 1:
        ordered_V, order_V = probabilities_V.sort(descending=True, stable=True)
        ordered_V[ordered_V.cumsum(-1) - ordered_V >= sampling.top_p] = 0
        probabilities_V = torch.zeros_like(probabilities_V).scatter_(0, order_V, ordered_V)
    cumulative_V = probabilities_V.cumsum(-1)
    return torch.searchsorted(cumulative_V, uniform * cumulative_V[-1], right=True).clamp(max=len(cumulative_V) - 1)


class Halt(StoppingCriteria):
    """Ends a row once one of its stop strings was said."""

    def __init__(self, decode: Decode, samplings: Sequence[Sampling], start: int) -> None:
        self.decode, self.samplings, self.start = decode, samplings, start

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        done = [self._stopped(input_ids[row], sampling) for row, sampling in enumerate(self.samplings)]
        return torch.tensor(done, device=input_ids.device)

    def _stopped(self, ids_T: torch.Tensor, sampling: Sampling) -> bool:
        if not sampling.stop:
            return False
        back = max(self.start, len(ids_T) - STOP_WINDOW - max(map(len, sampling.stop)))
        text = self.decode(ids_T[back:].tolist())
        return any(stop in text for stop in sampling.stop)


def cut_at_stop(decode: Decode, said: list[int], stops: Sequence[str]) -> tuple[str, int | None]:
    """The text before the first stop string, and how many tokens it took to say that string; None where none was said."""
    text = decode(said)
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    if not found:
        return text, None
    count = next(k for k in range(1, len(said) + 1) if any(stop in decode(said[:k]) for stop in stops))
    return text[: min(found)], count
