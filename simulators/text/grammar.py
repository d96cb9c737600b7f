"""The text world's language: every sentence that an answer may hold, and every instruction that a prompt may give.

Both are short lists of forms with words filled in, written out in full, so that reading a text is looking its sentences up.
A sentence that is not on the list is broken English here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ...core.errors import InputError

FACTS: dict[str, dict[str, str]] = {
    kind: dict(pair.split() for pair in pairs.split(", "))
    for kind, pairs in {
        "capital": "France Paris, Japan Tokyo, Italy Rome, Spain Madrid, Egypt Cairo, Peru Lima, Kenya Nairobi, Norway Oslo, "
        "Greece Athens, Cuba Havana, Chile Santiago, China Beijing, Austria Vienna, Poland Warsaw, Ireland Dublin, Portugal Lisbon",
        "colour": "grass green, snow white, coal black, blood red, butter yellow, chocolate brown, ash grey, lavender purple, "
        "seawater blue, salmon pink",
        "home": "camel desert, bear forest, frog pond, pig farm, bee hive, monkey jungle, whale ocean, goat mountain, bat cave, "
        "trout river",
        "food": "cow hay, rabbit carrots, gorilla bananas, panda bamboo, seal fish, mouse cheese, parrot seeds, squirrel nuts, "
        "spider flies, koala leaves",
    }.items()
}
"""kind -> subject -> the true value. No value stands twice."""

QUESTION_FORMS = {
    "capital": ("What is the capital of {s}?", "Name the capital of {s}."),
    "colour": ("What colour is {s}?", "Name the colour of {s}."),
    "home": ("Where does a {s} live?", "Name the home of a {s}."),
    "food": ("What does a {s} eat?", "Name the food of a {s}."),
}
FACT_FORMS = {
    "capital": ("It is {v}.", "The capital of {s} is {v}.", "{v} is the capital of {s}."),
    "colour": ("It is {v}.", "The colour of {s} is {v}.", "We all know that {s} is {v}."),
    "home": ("In the {v}.", "A {s} lives in the {v}.", "The home of a {s} is the {v}."),
    "food": ("It eats {v}.", "A {s} eats {v}.", "The food of a {s} is {v}."),
}
MENTIONS = (
    "tea", "rain", "music", "bread", "summer", "winter", "honey", "books", "dogs", "soup", "rice", "stars", "trains", "coffee",
    "roses", "apples", "chess", "poetry", "sailing", "football", "dancing", "pizza", "pianos", "candles",
)  # fmt: skip
MENTION_FORMS = (
    "I like {w}.",
    "Think of {w}.",
    "It goes well with {w}.",
    "Many people love {w}.",
    "Do not forget {w}.",
    "This is good for {w}.",
)
FILLERS = (
    "Let me think.",
    "That is a good question.",
    "I am very sure.",
    "It is really a long story.",
    "Many people ask this.",
    "I just like to know it.",
    "There is more to say about this.",
    "You may think so too.",
)
FORMAL = ("Certainly.", "Of course, sir.", "Good day.", "Kind regards.", "I remain at your service.")
CASUAL = ("Hey!", "Sure thing, buddy!", "Yeah!", "Cheers!", "No worries, mate!")
CLOSERS = frozenset({"Kind regards.", "I remain at your service.", "Cheers!", "No worries, mate!"})
AVOIDABLE = ("good", "think", "like", "people", "really", "very", "just", "many", "not", "more")
AT_MOST = (8, 10, 12)
AT_LEAST = (8, 10, 12)


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

    def clauses(self) -> list[str]:
        """The sentences that follow the question."""
        wanted = {name: getattr(self, name) for name in CLAUSES}
        return [CLAUSES[name][value] for name, value in wanted.items() if value is not None]

    def render(self, form: int = 0) -> str:
        """The prompt's text, with the question in the given form (0 or 1)."""
        return " ".join([QUESTION_FORMS[self.kind][form].format(s=self.subject), *self.clauses()])


CLAUSES: dict[str, dict[object, str]] = {
    "mention": {word: f"Mention {word}." for word in MENTIONS},
    "avoid": {word: f"Never say {word}." for word in AVOIDABLE},
    "at_most": {n: f"Use at most {n} words." for n in AT_MOST},
    "at_least": {n: f"Use at least {n} words." for n in AT_LEAST},
    "tone": {Tone.FORMAL: "Be formal.", Tone.CASUAL: "Be casual."},
    "format": {Format.LIST: "Write a list.", Format.PLAIN: "No list."},
}
"""field of Instruction -> value -> how a prompt says it."""


def fact_sentences(kind: str, subject: str, value: str) -> list[Sentence]:
    """The ways to claim that the subject's value is this one, shortest first."""
    return [
        Sentence(form.format(s=subject, v=value), Role.FACT, StatedFact(kind, subject if "{s}" in form else "", value))
        for form in FACT_FORMS[kind]
    ]


def mention_sentences(word: str) -> list[Sentence]:
    """The ways to bring a word in, shortest first."""
    return [Sentence(form.format(w=word), Role.MENTION) for form in MENTION_FORMS]


FILLER_SENTENCES = [Sentence(text, Role.FILLER) for text in FILLERS]
TONE_SENTENCES = {
    Tone.FORMAL: [Sentence(text, Role.FORMAL) for text in FORMAL],
    Tone.CASUAL: [Sentence(text, Role.CASUAL) for text in CASUAL],
}


def _all_sentences() -> Iterator[Sentence]:
    for kind, facts in FACTS.items():
        for subject in facts:
            for value in facts.values():
                yield from fact_sentences(kind, subject, value)
    for word in MENTIONS:
        yield from mention_sentences(word)
    yield from FILLER_SENTENCES
    for sentences in TONE_SENTENCES.values():
        yield from sentences


SENTENCES: dict[str, Sentence] = {sentence.text: sentence for sentence in _all_sentences()}
_QUESTIONS = {
    form.format(s=subject): (kind, subject) for kind, facts in FACTS.items() for form in QUESTION_FORMS[kind] for subject in facts
}


def questions() -> list[str]:
    """Every question that a prompt can begin with."""
    return list(_QUESTIONS)


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
    if question not in _QUESTIONS:
        raise _foreign(text, question)
    wanted: dict[str, object] = {}
    for clause in rest:
        name, value = _CLAUSES.get(clause, ("", None))
        if not name or name in wanted:
            raise _foreign(text, clause)
        wanted[name] = value
    return Instruction(*_QUESTIONS[question], **wanted)  # type: ignore[arg-type]  # the table's values fit its names


def _foreign(text: str, part: str) -> InputError:
    return InputError(
        f"the text world cannot read the prompt {text!r} (at {part!r}); it understands its own instructions, such as "
        "'What is the capital of France? Mention tea. Never say very. Use at most 10 words. Be formal. Write a list.'; take "
        "prompts from TextWorld().prompts('eval')"
    )
