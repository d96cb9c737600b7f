"""Annotators in a package of one's own: a class with an option, and a plain function."""

from __future__ import annotations

import numpy as np
from pasture.core.protocols import Ask
from pasture.core.records import Comparison, Item, Preference


class Polite:
    """Prefers the answer that says `word`; ties where both or neither do."""

    def __init__(self, word: str = "please") -> None:
        self.word = word
        self.name = "polite"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        assert isinstance(item, Comparison)
        left, right = (self.word in answer.text.lower() for answer in (item.left, item.right))
        return Preference(item, 0.5 + (left - right) / 2, self.name)


def agreeable(comparison: Comparison) -> bool:
    return "yes" in comparison.left.text.lower()
