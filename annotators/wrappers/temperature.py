"""A soft verdict made sharper or flatter, and a hard label drawn from a soft one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Item, Preference
from ...simulators.choice import draw
from ...simulators.noise import tempered
from ..traits import Traits
from .pairwise import pair_of, renamed, verdict_of


class Temperature:
    """`inner` with its log-odds divided by `temperature`, >= 0: p_left becomes sigmoid(logit(p_left) / temperature). Below 1 it is
    sharper, above 1 flatter, and at 0 the likelier answer wins. Hard labels and ties stay as they are."""

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, temperature: float, name: str = "") -> None:
        if not isinstance(temperature, int | float) or not 0.0 <= temperature < float("inf"):
            raise InputError(f"the temperature is {temperature!r}; it divides log-odds and is 0 or more")
        self.inner = inner
        self._temperature = float(temperature)
        self.name = name or f"temperature({inner.name}, {temperature:g})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        said = verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)
        if isinstance(said, Abstention):
            return renamed(said, self.name)
        return replace(said, p_left=float(tempered(said.p_left, self._temperature)), annotator=self.name)


class Sample:
    """`inner` with a hard label drawn from its p_left, once a pair: what an annotator that leans says when it must choose. A tie is
    a fair coin; two answers of one text stay a tie."""

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, name: str = "") -> None:
        self.inner = inner
        self.name = name or f"sample({inner.name})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        said = verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)
        if isinstance(said, Abstention):
            return renamed(said, self.name)
        return replace(said, p_left=draw(said.p_left, pair, rng), annotator=self.name)
