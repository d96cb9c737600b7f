"""A language model that rewrites one answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Critique, Feedback, Item, Revision
from ..parsing.objects import read_text
from ..prompting.question import TEXT, Question
from ..traits import Traits
from ..wrappers.pairwise import completion_of
from .critic import PromptedCritic


class PromptedEditor(Question):
    """Rewrites one answer in two turns, the critique and then the revision (Saunders et al. 2022, arXiv:2206.05802).

    inner: who critiques, any annotator that gives a Critique; by default a `PromptedCritic`. critique: what to heed
    instead, in your own words, the same for all answers; then no annotator is asked for one.
    """

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")
    template = "editor"
    properties: ClassVar = {"revision": TEXT}
    extras = ("critique",)

    def __init__(self, inner: Annotator | None = None, critique: str = "", name: str = "", **parts: Any) -> None:
        super().__init__(name, **parts)
        if inner is not None and critique:
            raise InputError(f"the editor was given both a critic ({inner.name!r}) and a critique; give one of them")
        self.critic = inner or PromptedCritic()
        self.critique = critique

    def read(self, item: Item, said: str) -> Revision | None:
        revision = read_text(said, "revision")
        return None if revision is None else Revision(completion_of(item, self.name), revision, self.name)

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention:
        answer = completion_of(item, self.name)
        if self.critique:
            return await self.revised(Critique(answer, self.critique, "given"), ask, rng)
        said = await self.critic.annotate(answer, ask, rng)
        if isinstance(said, Abstention):
            return replace(said, item=answer, annotator=self.name, detail=f"no critique: {said.detail}")
        if not isinstance(said, Critique):
            raise InputError(f"the editor's critic {self.critic.name!r} gave a {type(said).__name__}; wrap one that critiques")
        return await self.revised(said, ask, rng)

    async def revised(self, critique: Critique, ask: Ask, rng: np.random.Generator) -> Revision | Abstention:
        """The answer rewritten to heed this critique of it."""
        said = await self.asked(critique.completion, ask, rng, critique=critique.text)
        return Revision(said.completion, said.text, self.name, critique) if isinstance(said, Revision) else said  # pyright: ignore[reportReturnType]
