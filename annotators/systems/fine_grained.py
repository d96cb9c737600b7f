"""Marks the errors of an answer by category and place: Fine-Grained RLHF (Wu et al. 2023, arXiv:2306.01693; departures:
docs/annotators/fine-grained-rlhf.md)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Critique, Feedback, Item, Polarity, Preference
from ...core.seeds import rng_for
from ..annotator import Traits, foremost, shared_seed
from ..judges.worded import PromptedCritic, spans_schema
from ..parsing.values import SpansRead, read_spans
from ..prompting.prompted import TEXT, together

CATEGORIES = ("irrelevant", "incorrect", "incomplete")
"""The paper's three: irrelevant, repetitive or incoherent; incorrect or unverifiable; incomplete."""


class FineGrained(PromptedCritic):
    """Critiques a Completion, one span an error; prefers, of a Comparison, the answer whose errors weigh less.

    weights: what an error of each category costs, >= 0 and 1 where not given; they steer what is preferred, and the strength of a
    preference is in their unit. Equal costs are a tie. A quote that stands several times is placed where it stands last, a blank
    one at the answer's end; where one stands nowhere the answer is unread, as a lost error would look like a better answer."""

    traits = Traits(engine=True, item="answer")
    template = "fine-grained-rlhf"
    properties: ClassVar = {"critique": TEXT, "spans": spans_schema({"enum": list(CATEGORIES)})}

    def __init__(self, weights: Mapping[str, float] | None = None, name: str = "", **parts: Any) -> None:
        super().__init__(name, **parts)
        self.weights = dict.fromkeys(CATEGORIES, 1.0) | {key: float(each) for key, each in (weights or {}).items()}
        for category, weight in self.weights.items():
            if category not in CATEGORIES or not 0 <= weight < np.inf:
                raise InputError(f"the weight of {category!r} is {weight}; categories: {', '.join(CATEGORIES)}; weights: 0 or more")

    def spans(self, said: str, answer: str) -> SpansRead | None:
        found = read_spans(said, answer, CATEGORIES, last_of_several=True)
        return None if found is None or found.lost else found

    def read(self, item: Item, said: str) -> Critique | None:
        critique = super().read(item, said)
        return critique and replace(critique, polarity=Polarity.BLAME if critique.spans else Polarity.PRAISE)

    def cost(self, critique: Critique) -> float:
        """The weighted count of a critique's errors."""
        return sum(self.weights[each.category] for each in critique.spans)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        if not isinstance(item, Comparison):
            return await self.asked(item, ask, rng)
        seed = shared_seed(rng)  # one answer is sampled alike on either side
        said = await together(self.asked(each, ask, rng_for(seed, each.key)) for each in (item.left, item.right))
        if silent := [each for each in said if isinstance(each, Abstention)]:
            return replace(foremost(silent), item=item)
        left, right = (each for each in said if isinstance(each, Critique))
        gap = self.cost(right) - self.cost(left)
        rationale = f"A: {left.text}\n\nB: {right.text}"
        return Preference(item, 0.5 if gap == 0 else float(gap > 0), self.name, strength=abs(gap), rationale=rationale)
