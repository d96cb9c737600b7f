"""What is wrong with an answer of the text world, where, and what rule would have helped: `core.protocols.Fault`s by rule.

A user finds a fault in an aspect only where they mind it as the mean user does; one who likes a failing has nothing to repair."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...core.protocols import Fault
from .grammar import CLAUSES, SENTENCES, Instruction, Role, Sentence, Tone, parse_instruction, split_sentences, words_of
from .rules import FEATURES, GOLD, AnswerCheck, check, features

BRIEF = 12  # words, within the length asked for: who likes short answers minds more, who likes long ones minds fewer
SUBJECT = {"capital": "the capital of {}", "colour": "the colour of {}", "home": "the home of a {}", "food": "the food of a {}"}
SHOWN = 60
"""Characters of a quoted sentence."""


class Part(NamedTuple):
    """A sentence of an answer, at characters [start, end); `known` is None for broken English."""

    start: int
    end: int
    text: str
    known: Sentence | None


class Failing(NamedTuple):
    """An aspect that falls short. `spans` are (start, end, what a critic says); `size` counts without the bounds of `features`."""

    short: float
    """Units of the feature that mending gains, > 0, in the direction that the mean user likes."""
    size: float
    spans: tuple[tuple[int, int, str], ...]
    wish: str


def parts_of(answer: str) -> list[Part]:
    """The sentences of an answer, as `rules.check` reads them, in order."""
    found, cursor = [], 0
    for line in answer.strip().split("\n"):
        for text in split_sentences(line.removeprefix("- ")):
            cursor = answer.index(text, cursor)
            found.append(Part(cursor, cursor + len(text), text, SENTENCES.get(text)))
            cursor += len(text)
    return found


def find_faults(prompt: str, answer: str, weights_F: np.ndarray) -> list[Fault]:
    """What a user with these weights finds wrong, worst first. Where an aspect has several, each is a fault of its own and their
    losses add up to what repairing the aspect gains."""
    found = []
    for aspect, failing in failings(prompt, answer, weights_F).items():
        loss = abs(float(weights_F[FEATURES.index(aspect)])) * failing.short / len(failing.spans)
        found += [Fault(aspect, loss, start, end, text, failing.wish) for start, end, text in failing.spans]
    return sorted(found, key=lambda each: (-each.loss, each.start))


def failings(prompt: str, answer: str, weights_F: np.ndarray) -> dict[str, Failing]:
    """Aspects in which the answer falls short for a user with these weights."""
    found, weights = check(prompt, answer), dict(zip(FEATURES, weights_F.tolist(), strict=True))
    cared = {aspect: each for aspect, each in _every(prompt, answer).items() if weights[aspect] * GOLD[aspect] > 0}
    return cared | dict(_length_taste(parse_instruction(prompt), answer, found.words, weights["words"]))


@lru_cache(maxsize=16384)
def _every(prompt: str, answer: str) -> dict[str, Failing]:
    return dict(_failings(parse_instruction(prompt), answer, check(prompt, answer), features(prompt, answer)))


def _failings(wanted: Instruction, answer: str, found: AnswerCheck, had_F: Sequence[float]) -> Iterator[tuple[str, Failing]]:
    had = dict(zip(FEATURES, had_F, strict=True))
    parts, end = parts_of(answer), len(answer)
    right = ("the " if wanted.kind == "home" else "") + wanted.answer
    fact = f"{SUBJECT[wanted.kind].format(wanted.subject)} is {right}"
    if found.fact < 1:
        wrong = [each for each in parts if _is_wrong(each, wanted)]
        spans = _quoted(wrong, f"is wrong: {fact}.") or ((end, end, f"The answer does not say that {fact}."),)
        yield "fact", Failing(1.0 - found.fact, 1.0 - found.fact, spans, "State the right fact.")
    if found.mentioned is False:
        missing = ((end, end, f"The answer does not mention {wanted.mention}."),)
        yield "mention", Failing(1.0, 1.0, missing, CLAUSES["mention"][wanted.mention])
    if found.avoided is False:
        places = [each.span() for each in _words(answer) if each[0] == wanted.avoid]
        spans = tuple((start, stop, f'The answer says "{wanted.avoid}".') for start, stop in places)
        yield "avoid", Failing(1.0, 1.0, spans, CLAUSES["avoid"][wanted.avoid])
    if found.length_miss:
        yield "length", _length(wanted, answer, found, had["length"])
    if found.tone is not None and found.tone < 1:
        other = Role.CASUAL if wanted.tone is Tone.FORMAL else Role.FORMAL
        wrong = [each for each in parts if each.known and each.known.role is other]
        spans = _quoted(wrong, f"is {other}.") or ((0, 0, f"The answer is not {wanted.tone}."),)
        yield "tone", Failing(1.0 - found.tone, 1.0 - found.tone, spans, CLAUSES["tone"][wanted.tone])
    if found.format_ok is False:
        is_list = CLAUSES["format"][wanted.format] == "No list."
        spans = ((0, end, "The answer is a list." if is_list else "The answer is not a list of two items or more."),)
        yield "format", Failing(2.0, 2.0, spans, CLAUSES["format"][wanted.format])
    yield from _idle(parts, answer, found, had)


def _idle(parts: list[Part], answer: str, found: AnswerCheck, had: dict[str, float]) -> Iterator[tuple[str, Failing]]:
    """Sentences that are not English, that were said before, and that say nothing."""
    if found.broken_words:
        broken = [each for each in parts if each.known is None and words_of(each.text)]
        spans = _quoted(broken, "is broken English.") or ((len(answer), len(answer), "The answer says nothing."),)
        yield "broken", Failing(had["broken"], found.broken_words, spans, "Write in whole sentences.")
    if found.repeated:
        again = [each for place, each in enumerate(parts) if any(each.text == before.text for before in parts[:place])]
        yield "repeated", Failing(had["repeated"], found.repeated, _quoted(again, "was said before."), "Say nothing twice.")
    if found.fillers:
        idle = [each for each in parts if each.known and each.known.role is Role.FILLER]
        yield "filler", Failing(had["filler"], found.fillers, _quoted(idle, "says nothing."), "Leave out small talk.")


def _quoted(parts: Sequence[Part], what: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((each.start, each.end, f'"{each.text[:SHOWN]}" {what}') for each in parts)


def _length(wanted: Instruction, answer: str, found: AnswerCheck, short: float) -> Failing:
    wish = CLAUSES["at_most"][wanted.at_most] if wanted.at_most is not None else CLAUSES["at_least"][wanted.at_least]
    text = f"The answer has {found.words} words, {found.length_miss} too {'many' if wanted.at_most is not None else 'few'}."
    start = _word_start(answer, wanted.at_most) if wanted.at_most is not None else len(answer)
    return Failing(short, float(found.length_miss or 0), ((start, len(answer), text),), wish)


def _length_taste(wanted: Instruction, answer: str, words: int, weight: float) -> Iterator[tuple[str, Failing]]:
    liked = max(wanted.at_least or 0, min(BRIEF, wanted.at_most or BRIEF))
    if weight * (liked - words) <= 0:
        return
    short = float(abs(liked - min(words, 32))) or 1.0
    many = words > liked
    start = _word_start(answer, liked) if many else len(answer)
    text = f"With {words} words the answer is {'long' if many else 'short'}."
    wish = f"Prefer the {'shorter' if many else 'longer'} answer."
    yield "words", Failing(short, abs(liked - words), ((start, len(answer), text),), wish)


def _is_wrong(part: Part, wanted: Instruction) -> bool:
    claim = part.known.claim if part.known else None
    if claim is None or claim.kind != wanted.kind:
        return False
    return claim.value != wanted.answer or claim.subject not in ("", wanted.subject)


def _words(answer: str) -> list[re.Match[str]]:
    """The words of `words_of`, with their places."""
    return list(re.finditer(r"\w+", answer.lower()))


def _word_start(answer: str, number: int) -> int:
    """Where word `number`, counted from 0, begins."""
    words = _words(answer)
    return words[number].start() if number < len(words) else len(answer)
