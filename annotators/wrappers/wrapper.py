"""What wrappers of annotators of pairs share: `inner` is asked, and what it prefers is changed."""

from __future__ import annotations

import numpy as np

from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Comparison, Item, Preference
from ..traits import Traits
from .pairwise import pair_of, renamed, verdict_of


class Wrapper:
    """A subclass gives `change`. An abstention of `inner` stays one, in the wrapper's name; only a preference is changed.

    name: blank for `inner`'s own, which a subclass may want to replace.
    """

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, name: str = "") -> None:
        self.inner, self.name = inner, name or inner.name

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        verdict = await self.verdict(pair, ask, rng)
        return renamed(verdict if isinstance(verdict, Abstention) else self.change(verdict, pair, rng), self.name)

    async def verdict(self, pair: Comparison, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        """What `inner` says of the pair. Raises InputError where it gives another kind of feedback."""
        return verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)

    def change(self, preference: Preference, pair: Comparison, rng: np.random.Generator) -> Preference:
        """The preference that the wrapper gives for that of `inner`; as it is, by default."""
        return preference
