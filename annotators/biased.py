"""Adds a known position and length bias to an annotator, in log-odds (Zheng et al. 2023, arXiv:2306.05685, measure both in
judges): planted, so that an audit can be seen to find it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.protocols import Annotator, Ask
from ..core.records import Abstention, Item, Preference
from ..simulators.noise import LengthBias, PositionBias, corrupt
from .pairwise import pair_of, renamed, verdict_of


class Biased:
    """`inner` with its p_left moved. A hard label (0 or 1) is certain and is not moved: make the inner annotator soft.
    The parts of a compound verdict are dropped, as an audit would find them unbiased: plant the bias inside, swap outside.

    position: log-odds for the answer shown first; negative favours the last. length: log-odds for the longer answer, times
    tanh(difference / length_scale). length_scale: in words, > 0.
    """

    def __init__(
        self, inner: Annotator, position: float = 0.0, length: float = 0.0, length_scale: float = 20.0, name: str = ""
    ) -> None:
        self.inner = inner
        self.noises = (PositionBias(position), LengthBias(length, length_scale))
        self.name = name or f"biased({inner.name}, position={position:g}, length={length:g})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        said = verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)
        if isinstance(said, Abstention):
            return renamed(said, self.name)
        return replace(said, p_left=corrupt(said.p_left, self.noises, pair, float("nan")), annotator=self.name, parts=())
