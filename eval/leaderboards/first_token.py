"""AlpacaEval's score of a judge's first token, from its log-probabilities."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files.alpaca_eval import Judgments


def was_switched(instruction: str, seed: int = 0) -> bool:
    """Whether AlpacaEval showed the model's answer first, by the instruction and the seed alone (half the time)."""
    return random.Random(f"is_switched_outputs{instruction}{seed}").choices([False, True])[0]


def score_from_logprobs(top_logprobs: Mapping[str, float], switched: bool, tokens: tuple[str, str] = ("m", "M")) -> float:
    """The model's score in [0, 1] from the judge's first token; `tokens` name the answers as shown.

    p(second) / (p(first) + p(second)), or 1 less that if switched. A token that is not among the likeliest has probability 0; NaN
    where neither is.
    """
    first, second = (math.exp(top_logprobs[token]) if token in top_logprobs else 0.0 for token in tokens)
    if first + second == 0:
        return math.nan
    shown_second = second / (first + second)
    return 1 - shown_second if switched else shown_second


def scores_from_logprobs(judgments: Judgments, texts: Mapping[Any, str]) -> np.ndarray:
    """The same for all rows, NaN where there are no log-probabilities; `texts` are the instructions by id."""
    return np.array(
        [
            math.nan if top is None else score_from_logprobs(top, was_switched(texts.get(name, str(name))))
            for name, top in zip(judgments.ids, judgments.top_logprobs, strict=True)
        ]
    )
