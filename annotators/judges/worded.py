"""Language models that say what they think of one answer: critique it, rewrite it, wish for a rule, react, or write back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng
from ...core.records import Abstention, Critique, Directive, Feedback, FollowUp, Item, Polarity, Reaction, ReactionKind, Revision
from ..annotator import Traits, completion_of
from ..parsing.objects import read_object, read_text
from ..parsing.values import SpansRead, polarity_of, read_reaction, read_spans
from ..prompting.prompted import POLARITY, TEXT, Question, json_schema


def spans_schema(category: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the property `spans`, each with a category of that schema."""
    entry = {"quote": {"type": "string"}, "category": category, "polarity": {"enum": ["praise", "blame"]}}
    return {"type": "array", "items": json_schema(entry)}


class PromptedCritic(Question):
    """Says what is good and bad about one answer, with the parts it speaks of.

    A quote that does not stand in the answer exactly once is left out of `spans`; the critique's text says it all the same.
    A span's category is the reply's own word, or `praise` or `blame` where it gives none. `polarity` is what the reply says, else
    that of its spans."""

    traits = Traits(engine=True, item="answer", gives="a critique of an answer")
    template = "critic"
    properties: ClassVar = {"critique": TEXT, "spans": spans_schema({"type": "string"}), "polarity": POLARITY}

    def spans(self, said: str, answer: str) -> SpansRead | None:
        """The parts of `answer` that a reply speaks of; None where the reply cannot be read."""
        return read_spans(said, answer)

    def read(self, item: Item, said: str) -> Critique | None:
        answer = completion_of(item, self.name)
        text, found = read_text(said, "critique"), self.spans(said, answer.text)
        if text is None or found is None:
            return None
        words = [polarity.value if polarity else "" for polarity in found.polarities]
        spans = tuple(replace(each, category=each.category or word) for each, word in zip(found.spans, words, strict=True))
        of_spans = set(found.polarities)
        of_all = of_spans.pop() if len(of_spans) == 1 else None
        polarity = polarity_of((read_object(said, "critique") or {}).get("polarity")) or of_all or Polarity.MIXED
        return Critique(answer, text, self.name, spans, polarity)


class PromptedEditor(Question):
    """Rewrites one answer in two turns, the critique and then the revision (Saunders et al. 2022, arXiv:2206.05802).

    inner: who critiques, any annotator that gives a Critique; by default a `PromptedCritic`. critique: what to heed
    instead, in your own words, the same for all answers; then no annotator is asked for one."""

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")
    template = "editor"
    properties: ClassVar = {"revision": TEXT}
    extras = ("critique",)

    def __init__(self, inner: Annotator | None = None, critique: str = "", name: str = "", **parts: Any) -> None:
        super().__init__(name, **parts)
        if inner is not None and critique:
            raise InputError(f"the editor was given both a critic ({inner.name!r}) and a critique; give one of them")
        self.critic, self.critique = inner or PromptedCritic(), critique

    def read(self, item: Item, said: str) -> Revision | None:
        revision = read_text(said, "revision")
        return None if revision is None else Revision(completion_of(item, self.name), revision, self.name)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        answer = completion_of(item, self.name)
        if self.critique:
            return await self.revised(Critique(answer, self.critique, "given"), ask, rng)
        said = await self.critic.annotate(answer, ask, rng)
        if isinstance(said, Abstention):
            return replace(said, item=answer, annotator=self.name, detail=f"no critique: {said.detail}")
        if not isinstance(said, Critique):
            raise InputError(f"the editor's critic {self.critic.name!r} gave a {type(said).__name__}; wrap one that critiques")
        return await self.revised(said, ask, rng)

    async def revised(self, critique: Critique, ask: Ask, rng: Rng, **extras: str) -> Revision | Abstention:
        """The answer rewritten to heed this critique of it."""
        said = await self.asked(critique.completion, ask, rng, critique=critique.text, **extras)
        return Revision(said.completion, said.text, self.name, critique) if isinstance(said, Revision) else said  # pyright: ignore[reportReturnType]


class PromptedDirectives(Question):
    """Says the rule, in words, that would have made this answer better (`Directive.about` is its prompt)."""

    traits = Traits(engine=True, item="answer", gives="a rule about answers")
    template = "directives"
    properties: ClassVar = {"directive": TEXT}

    def read(self, item: Item, said: str) -> Directive | None:
        rule = read_text(said, "directive")
        return None if rule is None else Directive(rule, self.name, (completion_of(item, self.name).prompt,))


class PromptedReactions(Question):
    """Reacts to an answer with one sign, silence included; an emoji is read as its sign."""

    traits = Traits(engine=True, item="answer", gives="a sign about an answer")
    template = "reactions"
    properties: ClassVar = {"reaction": {"enum": [each.value for each in ReactionKind]}}

    def read(self, item: Item, said: str) -> Reaction | None:
        kind = read_reaction(said)
        return None if kind is None else Reaction(completion_of(item, self.name), kind, self.name)


class PromptedFollowUps(Question):
    """Writes what a user says next, after an answer, and whether that praises or blames it."""

    traits = Traits(engine=True, item="answer", gives="what a user says after an answer")
    template = "follow-up"
    properties: ClassVar = {"follow_up": TEXT, "polarity": POLARITY}

    def read(self, item: Item, said: str) -> FollowUp | None:
        text = read_text(said, "follow_up")
        polarity = polarity_of((read_object(said, "follow_up") or {}).get("polarity"))
        return None if text is None or polarity is None else FollowUp(completion_of(item, self.name), text, self.name, polarity)
