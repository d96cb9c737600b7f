"""A generator and a reviewer take turns: critique, rewrite, and again, for a number of rounds.

The generation half of The Fellowship of the LLMs (Arif et al. 2024, arXiv:2408.08688): the last answer and the first make a pair
of preference data. Departs from it: an answer that is there is where the loop starts (of a policy, or of a world), and a round that
changes nothing ends it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Completion, Item, Revision
from ..judges.worded import PromptedEditor
from ..traits import Traits
from ..wrappers.pairwise import completion_of


class ReviewLoop:
    """An answer rewritten `rounds` times, 1 or more, each time to heed a new critique of what it has become.

    inner: the reviewer, any annotator that gives a Critique (by default a `Critic`); `on-model` lets another model review than
    writes. It abstains where a round cannot be read; the rounds before are in the store, and are not paid for again.
    """

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")

    def __init__(self, rounds: int = 3, inner: Annotator | None = None, name: str = "review-loop") -> None:
        if rounds < 1:
            raise InputError(f"the rounds are {rounds}; a loop has 1 or more")
        self.name, self.rounds = name, rounds
        self._editor = PromptedEditor(inner)

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Revision | Abstention:
        first = completion_of(item, self.name)
        now, last = first, None
        for _ in range(self.rounds):
            said = await self._editor.annotate(now, ask, rng)
            if not isinstance(said, Revision):
                assert isinstance(said, Abstention)
                return replace(said, item=first, annotator=self.name)
            last = said
            if said.text == now.text:
                break
            now = Completion(first.prompt, said.text)
        assert last is not None
        return Revision(first, now.text, self.name, last.critique)
