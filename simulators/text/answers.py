"""Writes answers of any wished-for quality to the text world's instructions: what the policy is pre-trained on, its
demonstrations and its rivals."""

from collections.abc import Sequence

import numpy as np

from .grammar import CLOSERS, FACTS, FILLERS, MENTIONS, TONES, Format, Instruction, Sentence, Tone, mention_sentences, words_of

LONGEST = 20  # words after which nothing is added any more


def compose(instruction: Instruction, quality: float, rng: np.random.Generator) -> str:
    """An answer. `quality` in [0, 1]: each wish is met with probability 0.15 + 0.85 quality, and rambling and repetition
    fade as it rises; at 1 everything asked for is there and nothing else."""
    if not 0.0 <= quality <= 1.0:
        raise ValueError(f"quality is {quality}; it is in [0, 1]")
    fact, mention, avoid, length, tone, layout = rng.random(6) < 0.15 + 0.85 * quality
    banned = instruction.avoid if avoid else None
    body = _fact(instruction, fact, banned, rng) + _mention(instruction, mention, banned, rng)
    body += [_pick(FILLERS, banned, rng) for _ in range(rng.binomial(2, 0.6 * (1 - quality)))]
    if instruction.avoid and not avoid:
        anything = FILLERS + mention_sentences(MENTIONS[rng.integers(len(MENTIONS))])
        body.append(_pick([each for each in anything if instruction.avoid in words_of(each.text)], None, rng))
    wished = instruction.format
    is_list = bool(rng.random() < 0.15) if wished is None else (wished is Format.LIST) == layout
    parts, shown = body, _tone(instruction, tone, quality, rng)
    if shown is not None:
        mark = _pick(TONES[shown], banned, rng)
        parts = [*body, mark] if mark.text in CLOSERS else [mark, *body]
    parts = _fit(parts, 2 if is_list else 1, instruction, length, banned, rng)
    if rng.random() < 0.15 * (1 - quality):
        parts.append(parts[-1])
    return "\n".join(f"- {each.text}" for each in parts) if is_list else " ".join(each.text for each in parts)


def _without(banned: str | None, options: Sequence[Sentence]) -> list[Sentence]:
    return [each for each in options if banned is None or banned not in words_of(each.text)]


def _pick(options: Sequence[Sentence], banned: str | None, rng: np.random.Generator) -> Sentence:
    allowed = _without(banned, options)
    return allowed[rng.integers(len(allowed))]


def _fact(instruction: Instruction, is_right: bool, banned: str | None, rng: np.random.Generator) -> list[Sentence]:
    if not is_right and rng.random() < 0.3:
        return []
    wrong = [value for value in FACTS[instruction.kind].values() if value != instruction.answer]
    value = instruction.answer if is_right else wrong[rng.integers(len(wrong))]
    return [_pick(instruction.claims(value), banned, rng)]


def _mention(instruction: Instruction, is_met: bool, banned: str | None, rng: np.random.Generator) -> list[Sentence]:
    if instruction.mention and is_met:
        return [_pick(mention_sentences(instruction.mention), banned, rng)]
    others = [word for word in MENTIONS if word != instruction.mention]
    if is_met or rng.random() < 0.6:
        return []
    return [_pick(mention_sentences(others[rng.integers(len(others))]), banned, rng)]


def _tone(instruction: Instruction, is_met: bool, quality: float, rng: np.random.Generator) -> Tone | None:
    other = Tone.CASUAL if instruction.tone is Tone.FORMAL else Tone.FORMAL
    if instruction.tone is None:
        return list(Tone)[rng.integers(2)] if rng.random() < 0.3 * (1 - quality) else None
    if is_met:
        return instruction.tone
    return other if rng.random() < 0.5 else None


def _fit(
    parts: list[Sentence], fewest: int, instruction: Instruction, is_met: bool, banned: str | None, rng: np.random.Generator
) -> list[Sentence]:
    """Shortens or lengthens until the wish for a length is met, or is not; `fewest` sentences are kept or made."""
    low = max(instruction.at_least or 0, 1) if is_met else (instruction.at_most or 0) + 1
    high = (instruction.at_most or LONGEST) if is_met else (instruction.at_least or LONGEST + 1) - 1
    parts = list(parts)
    while _count(parts) < low or len(parts) < fewest:
        fresh = [each for each in FILLERS if each not in parts] or FILLERS
        place = len(parts) - (bool(parts) and parts[-1].text in CLOSERS)
        parts.insert(place, _pick(fresh, banned, rng))
    while _count(parts) > high and len(parts) > fewest:
        fillers = [k for k, each in enumerate(parts) if each.role == "filler"]
        shorter = [_shortest(each, instruction, banned) for each in parts]
        if not fillers and shorter != parts:
            parts = shorter
        else:
            parts.pop(fillers[-1] if fillers else int(rng.integers(len(parts))))
    return [_shortest(each, instruction, banned) for each in parts] if _count(parts) > high else parts


def _count(parts: Sequence[Sentence]) -> int:
    return sum(len(words_of(each.text)) for each in parts)


def _shortest(sentence: Sentence, instruction: Instruction, banned: str | None) -> Sentence:
    """The shortest sentence that says the same."""
    if sentence.claim:
        options = instruction.claims(sentence.claim.value)
    elif sentence.role == "mention":
        options = mention_sentences(next(word for word in MENTIONS if word in words_of(sentence.text)))
    else:
        options = next((group for group in TONES.values() if sentence in group), FILLERS)
    return min(_without(banned, options), key=lambda each: len(words_of(each.text)))
