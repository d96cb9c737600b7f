"""Rewrites an answer for a person: a critique as that person would give it, then a revision that heeds it.

The data of PERSONA (Castricato et al. 2024, arXiv:2407.17387) are made so: critique, revise, and let the persona choose. The person
stands last in both prompts (see `persona`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ....core.protocols import Ask
from ....core.records import Abstention, Completion, Critique, Item, Revision
from ....simulators.personas.persona import Persona
from ...judges.critic import PromptedCritic
from ...judges.editor import PromptedEditor
from ...prompting.prompted import template_file
from ...traits import Traits
from ...wrappers.pairwise import completion_of
from .judge import described, find_people


class _CriticFor(PromptedCritic):
    extras: ClassVar = ("persona",)


class _EditorFor(PromptedEditor):
    extras: ClassVar = ("critique", "persona")


class PersonaEditor:
    """Options as of `PersonaJudge`: whom it writes for, and how it is told of them. Each answer is for one person, drawn at random.

    temperature: of the critique and the revision, so that several seeds give several revisions. Completion -> Revision.
    """

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")

    def __init__(
        self,
        personas: int | str | Path | Sequence[Persona] = 13,
        population_seed: int = 0,
        which: str = "",
        style: str = "full",
        without: Collection[str] = (),
        temperature: float = 0.0,
        name: str = "persona-editor",
    ) -> None:
        self.name = name
        self.personas = find_people(personas, population_seed, which)
        self._words = {each.id: described(each, style, without) for each in self.personas}
        part = template_file("persona")["persona"]
        self._critic = _CriticFor(name, persona=part, temperature=temperature)
        self._editor = _EditorFor(name=name, persona=part, temperature=temperature)

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Revision | Abstention:
        answer = completion_of(item, self.name)
        return await self.revised(self.personas[int(rng.integers(len(self.personas)))], answer, ask, rng)

    async def revised(self, persona: Persona, answer: Completion, ask: Ask, rng: np.random.Generator) -> Revision | Abstention:
        """The answer rewritten for one person."""
        words = self._words[persona.id]
        critique = await self._critic.asked(answer, ask, rng, persona=words)
        if not isinstance(critique, Critique):
            assert isinstance(critique, Abstention)
            return critique
        said = await self._editor.asked(answer, ask, rng, critique=critique.text, persona=words)
        if isinstance(said, Revision):
            return Revision(answer, said.text, self.name, critique)
        assert isinstance(said, Abstention)
        return said
