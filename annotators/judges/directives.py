"""A language model that says the rule that an answer breaks."""

from __future__ import annotations

from typing import ClassVar

from ...core.records import Directive, Item
from ..parsing.objects import read_text
from ..prompting.question import TEXT, Question
from ..traits import Traits
from ..wrappers.pairwise import completion_of


class PromptedDirectives(Question):
    """Says the rule, in words, that would have made this answer better (`Directive.about` is its prompt)."""

    traits = Traits(engine=True, item="answer", gives="a rule about answers")
    template = "directives"
    properties: ClassVar = {"directive": TEXT}

    def read(self, item: Item, said: str) -> Directive | None:
        rule = read_text(said, "directive")
        return None if rule is None else Directive(rule, self.name, (completion_of(item, self.name).prompt,))
