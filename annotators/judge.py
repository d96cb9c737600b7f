"""A language model that says which of two answers is better, read from the probabilities of its two labels.

Departs from AlpacaEval (Li et al. 2023) and MT-bench (Zheng et al. 2023, arXiv:2306.05685): one token out, and p_left is the
softmax over the labels' log-probabilities, so nothing is parsed from text and a judge that leans tells how far.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.protocols import Ask
from ..core.records import Abstention, Comparison, Item, Message, Preference, Reason
from ..core.requests import Reply, Request, Sampling
from .pairwise import pair_of
from .template import PairTemplate


class Judge:
    """The judge of `templates/judge.toml`, with any of its parts replaced.

    system: the system message; blank for none. shared, pair: Jinja parts of the question (see `PairTemplate`).
    labels: what the model says for the answer shown first and for the second, one token each where possible.
    Abstains where the engine gives no probability to a label.
    """

    def __init__(
        self,
        system: str | None = None,
        shared: str | None = None,
        pair: str | None = None,
        labels: tuple[str, str] | list[str] | None = None,
        name: str = "",
    ) -> None:
        default = _defaults()
        self.name = name or default["name"]
        self.labels = _two_labels(default["labels"] if labels is None else labels)
        self.system = default["system"] if system is None else system
        self.template = PairTemplate(
            default["shared"] if shared is None else shared, default["pair"] if pair is None else pair, self.name
        )
        self._before = (Message("system", self.system),) if self.system else ()
        self._sampling = Sampling(max_tokens=1, labels=self.labels)

    def request(self, pair: Comparison) -> Request:
        return Request((*self._before, Message("user", self.template.render(pair))), self._sampling)

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        request = self.request(pair)
        reply = await ask(request)
        p_left = label_probability(reply, *self.labels)
        if p_left is None:
            said = f"no usable probability for {' and '.join(map(repr, self.labels))}; it said {reply.text[:40]!r}"
            return Abstention(pair, Reason.UNPARSABLE, self.name, said, unread=(request,))
        return Preference(pair, p_left, self.name)


def label_probability(reply: Reply, label: str, other: str) -> float | None:
    """P(label) among the two labels, the softmax of their log-probabilities; None where one is absent, NaN, or both are -inf."""
    first, second = reply.label_logprobs.get(label), reply.label_logprobs.get(other)
    if first is None or second is None or math.isnan(first) or math.isnan(second) or max(first, second) == -math.inf:
        return None
    return 1.0 / (1.0 + math.exp(min(second - first, 700.0)))


@cache
def _defaults() -> dict[str, Any]:
    return tomllib.loads(files(__package__ or "").joinpath("templates", "judge.toml").read_text(encoding="utf-8"))


def _two_labels(labels: Any) -> tuple[str, str]:
    found = tuple(labels) if isinstance(labels, list | tuple) else ()
    if len(found) != 2 or not all(isinstance(each, str) and each for each in found) or found[0] == found[1]:
        raise InputError(
            f"the labels are {labels!r}; they are two different, non-empty strings, the first for the answer shown first"
        )
    return found
