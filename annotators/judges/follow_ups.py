"""A language model that writes what a user says next."""

from __future__ import annotations

from typing import ClassVar

from ...core.records import FollowUp, Item
from ..parsing.objects import read_object, read_text
from ..parsing.values import polarity_of
from ..prompting.question import POLARITY, TEXT, Question
from ..traits import Traits
from ..wrappers.pairwise import completion_of


class PromptedFollowUps(Question):
    """Writes what a user says next, after an answer, and whether that praises or blames it."""

    traits = Traits(engine=True, item="answer", gives="what a user says after an answer")
    template = "follow-up"
    properties: ClassVar = {"follow_up": TEXT, "polarity": POLARITY}

    def read(self, item: Item, said: str) -> FollowUp | None:
        text = read_text(said, "follow_up")
        polarity = polarity_of((read_object(said, "follow_up") or {}).get("polarity"))
        return None if text is None or polarity is None else FollowUp(completion_of(item, self.name), text, self.name, polarity)
