"""Asks in both orders and averages, which cancels an additive position bias (Wang et al. 2023, arXiv:2305.17926)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Item, Preference
from ...core.seeds import rng_for
from ..panels.panel import foremost
from ..prompting.steps import together
from ..traits import Traits
from .pairwise import pair_of, shared_seed, verdict_of


class Swap:
    """`inner` on the pair and on its swap; p_left and `strength` are means of both, and `parts` hold the two as they were shown.

    Both orders draw from like generators, as they would if they were asked apart. If one order gives no verdict, there is none.
    """

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, name: str = "") -> None:
        self.inner = inner
        self.name = name or f"swap({inner.name})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        seed = shared_seed(rng)
        orders = [self.inner.annotate(each, ask, rng_for(seed, self.inner.name)) for each in (pair, pair.swapped())]
        first, second = (verdict_of(each, self.inner.name, self.name) for each in await together(orders))
        silent = [
            replace(each, item=pair, annotator=self.name, detail=f"{order}: {each.detail}")
            for order, each in (("in the order given", first), ("in the other order", second))
            if isinstance(each, Abstention)
        ]
        if silent:
            return foremost(silent)
        assert isinstance(first, Preference)
        assert isinstance(second, Preference)
        p_left = (first.p_left + (1.0 - second.p_left)) / 2.0
        return replace(
            first,
            p_left=p_left,
            annotator=self.name,
            strength=_strength(p_left, first, second.swapped()),
            parts=(first, second),
            silent=first.silent + second.silent,
        )


def _strength(p_left: float, *said: Preference) -> float | None:
    """The mean of the strengths, a verdict for the other answer counting against it; 0 for a tie, None where one has none."""
    signed = [each.strength * _side(each.p_left) for each in said if each.strength is not None]
    return max(_side(p_left) * sum(signed) / len(said), 0.0) if len(signed) == len(said) else None


def _side(p_left: float) -> int:
    return (p_left > 0.5) - (p_left < 0.5)
