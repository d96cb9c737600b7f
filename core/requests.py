"""What an engine is asked, what it answers, and what that costs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from .seeds import digest
from .text import sound

LEAST_MASS = 1e-3
"""Probability that all labels together have as the first thing said, below which they are no vote. SmolLM2-135M, the weakest judge
that we know, has .02 to .05 on A and B; a model that begins by a thought or a refusal has 1e-4 to 1e-8."""
MOST_TOKENS = 2**30  # of one reply


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to decode.

    temperature: 0 is greedy. seed: used where temperature > 0. stop: strings that end the text.
    labels: strings (usually one token each) whose log-probability as the *first* thing said is wanted.
    choices: the text must be exactly one of these (structured output).
    schema: a JSON Schema, as text, in place of choices. An engine that can holds the answer to it; others generate freely, and the
    annotator's parser reads what comes."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    schema: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; it is at least 1")
        if not self.temperature >= 0:
            raise ValueError(f"temperature is {self.temperature}; it is 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; it is in (0, 1]")
        if self.choices and self.schema:
            raise ValueError("both choices and a schema were given; give one of them")


@lru_cache(maxsize=1024)
def _decoding(s: Sampling) -> str:
    """How to decode, as a part of a request's key; many requests share it."""
    parts = [s.max_tokens, s.temperature, s.top_p, s.seed if s.temperature > 0 else 0, s.stop, s.labels, s.choices]
    return json.dumps([*parts, s.schema] if s.schema else parts)  # replies kept before there were schemas keep their keys


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an engine. With `continuation` set, nothing is generated: the reply carries that text's log-likelihood as the
    assistant's next turn. `model` names an adapter or a member where an engine serves several; blank is the engine's own."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    continuation: str | None = None
    model: str = ""

    def key(self, model: str) -> bytes:
        """Content address under a model's identity: all that can change the answer, and nothing else."""
        turns = [part for turn in self.messages for part in (turn.role, turn.content)]
        end = ["generate"] if self.continuation is None else ["score", self.continuation]
        return digest("request", model, self.model, _decoding(self.sampling), *end, *turns)


@dataclass(frozen=True, slots=True)
class Reply:
    """An engine's answer.

    label_logprobs: natural log-probability of each asked label as the first thing said; a label that the engine could
    not score is absent. logprob: total log-likelihood in nats of a `continuation`, over `completion_tokens` tokens. Halves of
    surrogate pairs in the text are replaced, for nothing could write them."""

    text: str
    finish_reason: str = "stop"
    label_logprobs: Mapping[str, float] = field(default_factory=dict)
    logprob: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __post_init__(self) -> None:
        if not self.text.isascii():
            object.__setattr__(self, "text", sound(self.text))
        if not (0 <= self.prompt_tokens <= MOST_TOKENS and 0 <= self.completion_tokens <= MOST_TOKENS):
            raise ValueError(f"a reply of {self.prompt_tokens} and {self.completion_tokens} tokens; each is 0 to 2**30")


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. `requests` went to an engine, `cached` came from the store and cost nothing."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        tokens = self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens
        return Usage(self.requests + other.requests, self.cached + other.cached, *tokens, self.dollars + other.dollars)

    def __sub__(self, other: Usage) -> Usage:
        """What was spent since it was `other`."""
        return self + Usage(-other.requests, -other.cached, -other.prompt_tokens, -other.completion_tokens, -other.dollars)


NOTHING = Usage()


class LabelsRead(NamedTuple):
    """What labels were given. shares: each one's probability among them; empty where they are not a vote, and `why` says why not.
    mass: what they have together of the first token's probability, in [0, 1]."""

    shares: Mapping[str, float]
    mass: float
    why: str = ""


def label_shares(reply: Reply, labels: Sequence[str], least_mass: float = LEAST_MASS) -> LabelsRead:
    """The softmax of the labels' log-probabilities. No vote where one is absent, NaN or +inf, all are -inf, or their mass is less
    than `least_mass`: a model that is about to say something else has not voted."""
    logprobs = [reply.label_logprobs.get(label, math.nan) for label in labels]
    top = max(logprobs)
    if any(map(math.isnan, logprobs)) or math.isinf(top):
        return LabelsRead({}, 0.0, f"no usable probability for {' and '.join(map(repr, labels))}")
    weights = [math.exp(each - top) for each in logprobs]
    mass = min(math.exp(min(top, 0.0)) * sum(weights), 1.0)
    if mass < least_mass:
        named = " and ".join(map(repr, labels))
        return LabelsRead({}, mass, f"{named} have {mass:.1e} of the probability of the first token, less than {least_mass:g}")
    return LabelsRead({label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}, mass)
