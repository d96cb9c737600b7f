"""Asks in both orders and averages, which cancels an additive position bias (Wang et al. 2023, arXiv:2305.17926)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np

from ..core.protocols import Annotator, Ask
from ..core.records import Abstention, Item, Preference, Reason
from ..core.seeds import rng_for
from .pairwise import pair_of, shared_seed, verdict_of


class Swap:
    """`inner` on the pair and on its swap; p_left is the mean of both, and `parts` hold the two as they were shown.

    Both orders draw from like generators, as they would if they were asked apart. If one order gives no verdict, there is none.
    """

    def __init__(self, inner: Annotator, name: str = "") -> None:
        self.inner = inner
        self.name = name or f"swap({inner.name})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        seed = shared_seed(rng)
        orders = [self.inner.annotate(each, ask, rng_for(seed, self.inner.name)) for each in (pair, pair.swapped())]
        said = await asyncio.gather(*orders, return_exceptions=True)  # both are paid for, so wait for both before a failure
        for each in said:
            if isinstance(each, BaseException):
                raise each
        first, second = (verdict_of(each, self.inner.name, self.name) for each in said if not isinstance(each, BaseException))
        silent = [each for each in (first, second) if isinstance(each, Abstention)]
        if silent:
            why = next((each for each in silent if each.reason is Reason.UNPARSABLE), silent[0])
            order = "in the order given" if why is first else "in the other order"
            unread = tuple(request for each in silent for request in each.unread)
            return replace(why, item=pair, annotator=self.name, detail=f"{order}: {why.detail}", unread=unread)
        assert isinstance(first, Preference)
        assert isinstance(second, Preference)
        p_left = (first.p_left + (1.0 - second.p_left)) / 2.0
        return replace(first, p_left=p_left, annotator=self.name, parts=(first, second))
