"""A language model that orders a slate."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...core.protocols import Ask
from ...core.records import Abstention, Comparison, Feedback, Item, Preference, Ranking, Slate
from ..parsing.values import read_ranking
from ..prompting.question import TEXT, Question
from ..traits import Traits
from ..wrappers.pairwise import slate_of


class PromptedRanker(Question):
    """Orders the answers of a slate, best first; of a comparison, as a slate of two, it makes a preference."""

    traits = Traits(engine=True, item="slate")
    most_requests = 1
    template = "ranker"
    properties: ClassVar = {"rationale": TEXT, "ranking": {"type": "array", "items": {"type": "integer", "minimum": 1}}}

    def read(self, item: Item, said: str) -> Ranking | None:
        slate = slate_of(item, self.name)
        order = read_ranking(said, len(slate.completions))
        return None if order is None else Ranking(slate, order, self.name)

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention:
        if not isinstance(item, Comparison):
            return await self.asked(item, ask, rng)
        said = await self.asked(Slate((item.left, item.right)), ask, rng)
        if isinstance(said, Abstention):
            return replace(said, item=item, annotator=self.name)
        assert isinstance(said, Ranking)
        return Preference(item, float(said.order[0] == 0), self.name)
