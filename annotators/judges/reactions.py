"""A language model that reacts to an answer with one sign."""

from __future__ import annotations

from typing import ClassVar

from ...core.records import Item, Reaction, ReactionKind
from ..parsing.values import read_reaction
from ..prompting.question import Question
from ..traits import Traits
from ..wrappers.pairwise import completion_of


class PromptedReactions(Question):
    """Reacts to an answer with one sign, silence included; an emoji is read as its sign."""

    traits = Traits(engine=True, item="answer", gives="a sign about an answer")
    template = "reactions"
    properties: ClassVar = {"reaction": {"enum": [each.value for each in ReactionKind]}}

    def read(self, item: Item, said: str) -> Reaction | None:
        kind = read_reaction(said)
        return None if kind is None else Reaction(completion_of(item, self.name), kind, self.name)
