"""Prefers the answer that a language model finds likelier, by mean log-likelihood a token.

The weakest use of a model as a judge and, for a small one, the best: SmolLM2-135M-Instruct told 11 of 12 obvious pairs
apart this way, and 5 of 12 by its label probabilities averaged over both orders.
"""

from __future__ import annotations

import math

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Ask
from ...core.records import Abstention, Item, Message, Preference, Reason
from ...core.requests import Reply, Request
from ..prompting.steps import together
from ..traits import Traits
from ..wrappers.pairwise import pair_of


class Likelihood:
    """p_left = sigmoid(difference of the answers' mean log-likelihoods / temperature).

    temperature: in nats per token, > 0; 0.1 makes a difference of 0.1 nats a token a preference of .73. It sets how sure the
    label is and never which answer wins. Abstains on an empty answer, which has no mean.
    """

    traits = Traits(engine=True, symmetric=True)

    def __init__(self, temperature: float = 0.1, name: str = "likelihood") -> None:
        if not temperature > 0.0:
            raise InputError(f"the temperature is {temperature}; it is a scale in nats per token, more than 0")
        self.temperature = temperature
        self.name = name

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        if not pair.left.text or not pair.right.text:
            return Abstention(pair, Reason.NOT_APPLICABLE, self.name, "an empty answer has no mean log-likelihood")
        turns = (*pair.prompt.history, Message("user", pair.prompt.text))
        requests = [Request(turns, continuation=answer.text) for answer in (pair.left, pair.right)]
        means = [mean_logprob(reply) for reply in await together(map(ask, requests))]
        unread = tuple(request for request, mean in zip(requests, means, strict=True) if mean is None)
        left, right = means
        if left is None or right is None:
            return Abstention(pair, Reason.UNPARSABLE, self.name, "the engine gave no finite log-likelihood", unread=unread)
        gap = min(max((right - left) / self.temperature, -700.0), 700.0)
        return Preference(pair, 1.0 / (1.0 + math.exp(gap)), self.name)


def mean_logprob(reply: Reply) -> float | None:
    """Log-likelihood a token of a scored continuation, in nats; None where the engine gave none that is finite."""
    if reply.logprob is None or not math.isfinite(reply.logprob) or reply.completion_tokens < 1:
        return None
    return reply.logprob / reply.completion_tokens
