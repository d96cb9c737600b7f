"""The text world's language: every sentence that an answer may hold, and every instruction that a prompt may give.

Both are the short lists of forms of `grammar.toml` with words filled in, written out in full, so that reading a text is looking its
sentences up. A sentence that is not on the list is broken English here."""

import itertools
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from ...core.errors import InputError
from ...core.files.reading import read_toml

_WORDS = read_toml(Path(__file__).with_suffix(".toml"), "Pasture's own table of words")
FACTS: dict[str, dict[str, str]] = _WORDS["facts"]
"""kind -> subject -> the true value. No value stands twice."""
MENTIONS: list[str] = _WORDS["mentions"]
CLOSERS = frozenset(_WORDS["closers"])
LENGTHS = (8, 10, 12)
"""Words that a prompt may ask for at most, or at least."""


class Tone(StrEnum):
    """The tone that an instruction may ask for."""

    FORMAL = "formal"
    CASUAL = "casual"


class Format(StrEnum):
    """The layout that an instruction may ask for."""

    LIST = "list"
    PLAIN = "plain"


class Role(StrEnum):
    """What a sentence does in an answer."""

    FACT = "fact"
    MENTION = "mention"
    FILLER = "filler"
    FORMAL = "formal"
    CASUAL = "casual"


@dataclass(frozen=True, slots=True)
class StatedFact:
    """What a fact sentence says. `subject` is blank where the sentence says "it"."""

    kind: str
    subject: str
    value: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One known sentence. Values differ between kinds, so that even "It is ..." has one reading."""

    text: str
    role: Role
    claim: StatedFact | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a prompt asks for. None (or 0 words) where it does not ask."""

    kind: str
    subject: str
    mention: str | None = None
    avoid: str | None = None
    at_most: int | None = None
    at_least: int | None = None
    tone: Tone | None = None
    format: Format | None = None

    @property
    def answer(self) -> str:
        """The true value asked for."""
        return FACTS[self.kind][self.subject]

    def claims(self, value: str) -> list[Sentence]:
        """The ways to claim that this value is the one asked for, shortest first."""
        return fact_sentences(self.kind, self.subject, value)

    def render(self, form: int = 0) -> str:
        """The prompt's text, with the question in the given form (0 or 1)."""
        asked = _WORDS["questions"][self.kind][form].format(s=self.subject)
        wished = {name: getattr(self, name) for name in CLAUSES}
        return " ".join([asked, *(CLAUSES[name][value] for name, value in wished.items() if value is not None)])


CLAUSES: dict[str, dict[object, str]] = {
    "mention": {word: f"Mention {word}." for word in MENTIONS},
    "avoid": {word: f"Never say {word}." for word in _WORDS["avoidable"]},
    "at_most": {n: f"Use at most {n} words." for n in LENGTHS},
    "at_least": {n: f"Use at least {n} words." for n in LENGTHS},
    "tone": {Tone.FORMAL: "Be formal.", Tone.CASUAL: "Be casual."},
    "format": {Format.LIST: "Write a list.", Format.PLAIN: "No list."},
}
"""field of Instruction -> value -> how a prompt says it."""


def fact_sentences(kind: str, subject: str, value: str) -> list[Sentence]:
    """The ways to claim that the subject's value is this one, shortest first."""
    return [
        Sentence(form.format(s=subject, v=value), Role.FACT, StatedFact(kind, subject if "{s}" in form else "", value))
        for form in _WORDS["statements"][kind]
    ]


def mention_sentences(word: str) -> list[Sentence]:
    """The ways to bring a word in, shortest first."""
    return [Sentence(form.format(w=word), Role.MENTION) for form in _WORDS["mention_forms"]]


FILLERS = [Sentence(text, Role.FILLER) for text in _WORDS["fillers"]]
TONES = {tone: [Sentence(text, Role(tone)) for text in _WORDS["tones"][tone]] for tone in Tone}


_CLAIMS = [
    fact_sentences(kind, subject, value)
    for kind, facts in FACTS.items()
    for subject, value in itertools.product(facts, facts.values())
]
SENTENCES = {each.text: each for each in itertools.chain(*_CLAIMS, *map(mention_sentences, MENTIONS), FILLERS, *TONES.values())}
QUESTIONS = {
    form.format(s=subject): (kind, subject)
    for kind, facts in FACTS.items()
    for form in _WORDS["questions"][kind]
    for subject in facts
}
"""Every question that a prompt can begin with -> (kind, subject)."""
_CLAUSES = {said: (name, value) for name, options in CLAUSES.items() for value, said in options.items()}
_SENTENCE = re.compile(r"[^.!?]*[.!?]|[^.!?]+$")
_WORD = re.compile(r"\w+")


def split_sentences(line: str) -> list[str]:
    """The sentences of one line, each with its end mark, without surrounding white space."""
    return [each for part in _SENTENCE.findall(line) if (each := part.strip())]


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=16384)
def parse_instruction(text: str) -> Instruction:
    """What a prompt's text asks for. Raises InputError where the text is not one of this world's instructions."""
    question, *rest = split_sentences(text) or [""]
    if question not in QUESTIONS:
        raise _foreign(text, question)
    wanted: dict[str, object] = {}
    for clause in rest:
        name, value = _CLAUSES.get(clause, ("", None))
        if not name or name in wanted:
            raise _foreign(text, clause)
        wanted[name] = value
    return Instruction(*QUESTIONS[question], **wanted)  # type: ignore[arg-type]  # the table's values fit its names


def _foreign(text: str, part: str) -> InputError:
    return InputError(
        f"the text world cannot read the prompt {text!r} (at {part!r}); it understands its own instructions, such as "
        "'What is the capital of France? Mention tea. Never say very. Use at most 10 words. Be formal. Write a list.'; take "
        "prompts from TextWorld().prompts('eval')"
    )
