"""Annotators by rule, which ask no engine: `longest`, and `first`, the control that a judge's position bias is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.protocols import Ask
from ..core.records import Item, Preference
from .pairwise import pair_of


@dataclass(frozen=True, slots=True)
class Longest:
    """Prefers the answer of more characters; equal lengths tie."""

    name: str = "longest"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        pair = pair_of(item, self.name)
        left, right = len(pair.left.text), len(pair.right.text)
        return Preference(pair, 0.5 if left == right else float(left > right), self.name)


@dataclass(frozen=True, slots=True)
class First:
    """Prefers whichever answer is shown first: pure position bias."""

    name: str = "first"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        return Preference(pair_of(item, self.name), 1.0, self.name)
