"""A language model that critiques one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ...core.records import Critique, Item, Polarity
from ..parsing.objects import read_object, read_text
from ..parsing.values import SpansRead, polarity_of, read_spans
from ..prompting.prompted import json_schema
from ..prompting.question import POLARITY, TEXT, Question
from ..traits import Traits
from ..wrappers.pairwise import completion_of


def spans_schema(category: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the property `spans`, each with a category of that schema."""
    entry = {"quote": {"type": "string"}, "category": category, "polarity": {"enum": ["praise", "blame"]}}
    return {"type": "array", "items": json_schema(entry)}


class PromptedCritic(Question):
    """Says what is good and bad about one answer, with the parts it speaks of.

    A quote that does not stand in the answer exactly once is left out of `spans`; the critique's text says it all the same.
    A span's category is the reply's own word, or `praise` or `blame` where it gives none. `polarity` is what the reply says, else
    that of its spans.
    """

    traits = Traits(engine=True, item="answer", gives="a critique of an answer")
    template = "critic"
    properties: ClassVar = {"critique": TEXT, "spans": spans_schema({"type": "string"}), "polarity": POLARITY}

    def spans(self, said: str, answer: str) -> SpansRead | None:
        """The parts of `answer` that a reply speaks of; None where the reply cannot be read."""
        return read_spans(said, answer)

    def read(self, item: Item, said: str) -> Critique | None:
        answer = completion_of(item, self.name)
        text = read_text(said, "critique")
        found = self.spans(said, answer.text)
        if text is None or found is None:
            return None
        spans = tuple(
            replace(each, category=each.category or (polarity.value if polarity else ""))
            for each, polarity in zip(found.spans, found.polarities, strict=True)
        )
        polarity = polarity_of((read_object(said, "critique") or {}).get("polarity"))
        return Critique(answer, text, self.name, spans, polarity or _of_all(found.polarities))


def _of_all(polarities: tuple[Polarity | None, ...]) -> Polarity:
    said = set(polarities)
    only = said.pop() if len(said) == 1 else None
    return only or Polarity.MIXED
