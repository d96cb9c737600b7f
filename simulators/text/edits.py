"""Edits an answer of the text world by rule, a sentence at a time: drops, exchanges and adds sentences, and makes or unmakes a
list, always taking the one step that helps most; or, as a user that writes by chance does, one drawn from those that help."""

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

import numpy as np

from .faults import failings, parts_of
from .grammar import CLOSERS, MENTIONS, SENTENCES, TONES, Instruction, Role, mention_sentences, parse_instruction, words_of
from .rules import features

STEPS = 40  # edits after which no more are tried
TINY = 1e-9
Score = tuple[float, ...]
Chance = Callable[[], float]
"""Noise in nats, another at every call."""


def no_chance() -> float:
    """No noise: the best edit is taken."""
    return 0.0


def mend(
    prompt: str, answer: str, weights_F: np.ndarray, aspects: Collection[str] | None = None, chance: Chance = no_chance
) -> str:
    """The answer with its faults in `aspects` taken out, as a user with these weights sees them; the same text where there are
    none.

    All faults (None): no step costs the user utility, and a fault whose repair would cost more than it gains may stay. Some:
    they are taken out at whatever cost to the other aspects, by the steps that cost least. chance: see `climb`."""
    make = _mended_best if chance is no_chance else _mended
    return make(prompt, answer, tuple(weights_F.tolist()), None if aspects is None else frozenset(aspects), chance)


def _mended(prompt: str, answer: str, weights: tuple[float, ...], aspects: frozenset[str] | None, chance: Chance) -> str:
    weights_F = np.array(weights)

    def deficit(text: str) -> float:
        found = failings(prompt, text, weights_F)
        return sum(each.size + len(each.spans) for aspect, each in found.items() if aspects is None or aspect in aspects)

    def score(text: str) -> Score:
        missing, value = deficit(text), float(np.dot(features(prompt, text), weights_F))
        return (value, -missing) if aspects is None else (-missing, value)

    return climb(prompt, answer, score, lambda text: deficit(text) == 0, chance=chance)


_mended_best = lru_cache(maxsize=16384)(_mended)


def improve(prompt: str, answer: str, value: Callable[[str], float], least: float = 0.1, chance: Chance = no_chance) -> str:
    """The answer edited while an edit gains at least `least` nats of `value`. chance: see `climb`."""
    return climb(prompt, answer, lambda text: (value(text),), lambda text: False, least, chance)


def climb(
    prompt: str,
    answer: str,
    score: Callable[[str], Score],
    done: Callable[[str], bool],
    least: float = TINY,
    chance: Chance = no_chance,
) -> str:
    """The best single edits, one after another, until `done` or until the next does not raise the score (compared from its first
    number on) by `least`. Equal edits: the one that changes fewest words. `chance` is added to the first number of each edit when
    the next is chosen: standard Gumbel noise times t draws edits as a softmax at temperature t does, and ends at one that does not
    help."""
    wanted = parse_instruction(prompt)
    now = score(answer)
    for _ in range(STEPS):
        if done(answer):
            break
        size = len(words_of(answer))
        options = {text: score(text) for text in _edits(wanted, answer) if text != answer}

        def rank(text: str, options: dict[str, Score] = options, size: int = size) -> Score:
            first, *rest = (round(each, 9) for each in options[text])
            return (first + chance(), *rest, -abs(len(words_of(text)) - size))

        best = max(options, key=rank)
        gains = (after - before for after, before in zip(options[best], now, strict=True))
        if next((gain for gain in gains if abs(gain) > TINY), -TINY) < least:
            break
        answer, now = best, options[best]
    return answer


def _edits(wanted: Instruction, answer: str) -> Iterator[str]:
    """Every text that is one edit away. Lines stay as they are but for the sentence that is edited, and for a new layout."""
    texts = [each.text for each in parts_of(answer)]
    lines = [line for line in answer.strip().split("\n") if line.strip()]
    is_list = bool(lines) and all(line.startswith("- ") for line in lines)
    said = {word for text in texts for word in words_of(text)}
    word = wanted.mention or next((each for each in MENTIONS if each not in said), MENTIONS[0])
    tones = [each for sentences in TONES.values() for each in sentences]
    # worth adding: the fact, the wished word (or else some word not said yet), and either tone
    fresh = [each.text for each in wanted.claims(wanted.answer) + mention_sentences(word) + tones if each.text not in texts]
    for place, text in enumerate(texts):
        rest = [*texts[:place], *texts[place + 1 :]]
        yield _laid_out(rest, is_list)
        for other in _alternatives(wanted, text, fresh):
            yield _laid_out([*texts[:place], other, *texts[place + 1 :]], is_list)
    for other in fresh:
        yield _laid_out(_with(texts, other), is_list)
    for other_layout in (is_list, not is_list):  # the same one tidies lines that are half a list
        yield _laid_out(texts, other_layout)
    while len(texts) < 2:
        texts = _with(texts, next(each for each in fresh if each not in texts and each not in CLOSERS))
    yield _laid_out(texts, True)


def _laid_out(texts: list[str], is_list: bool) -> str:
    return "\n".join(f"- {text}" for text in texts) if is_list else " ".join(texts)


def _with(texts: list[str], new: str) -> list[str]:
    """Openers stand first and closers last; anything else before a closer."""
    known = SENTENCES[new]
    if known.role in (Role.FORMAL, Role.CASUAL):
        return [*texts, new] if new in CLOSERS else [new, *texts]
    place = len(texts) - (bool(texts) and texts[-1] in CLOSERS)
    return [*texts[:place], new, *texts[place:]]


def _alternatives(wanted: Instruction, text: str, fresh: list[str]) -> list[str]:
    """What may stand in a sentence's place: another way to say it, the right fact for a claim, another tone's sentence for a
    tone's; anything worth adding for broken English."""
    known = SENTENCES.get(text)
    if known is None or known.role is Role.FILLER:
        return fresh
    if known.role is Role.FACT:
        return [each.text for each in wanted.claims(wanted.answer) if each.text != text]
    if known.role is Role.MENTION:
        word = next(each for each in MENTIONS if each in words_of(text))
        return [each.text for each in mention_sentences(word) if each.text != text]
    return [each.text for sentences in TONES.values() for each in sentences if each.text != text]
