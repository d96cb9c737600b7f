"""Several annotators of whom one is asked a pair, drawn at random: a pool made by hand (Dubois et al. 2023, arXiv:2305.14387)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Item, Preference
from ..traits import Traits
from ..wrappers.pairwise import pair_of
from .panel import ask_member


class Pool:
    """Asks one of `members` a pair, each with the same probability or by `weights`; `persona` says which."""

    traits = Traits(symmetric=True)

    def __init__(self, members: Sequence[Annotator], weights: Sequence[float] | None = None, name: str = "") -> None:
        if not members:
            raise InputError("a mixture has no members; name at least one annotator in `members`")
        if weights is not None and (len(weights) != len(members) or min(weights) < 0 or not sum(weights) > 0):
            raise InputError(
                f"the weights are {list(weights)} for {len(members)} members; give each one a number, 0 or more, not all 0"
            )
        self.members = tuple(members)
        self._shares = np.array(weights if weights is not None else [1.0] * len(members)) / (
            sum(weights) if weights else len(members)
        )
        self.name = name or f"mixture({', '.join(member.name for member in members)})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        member = self.members[int(rng.choice(len(self.members), p=self._shares))]
        return await ask_member(member, pair, ask, rng, self.name)
