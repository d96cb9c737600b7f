"""The text world's truth: what of an instruction an answer fulfils, and what that is worth to each user.

Utility is linear in the features of `features`, so that the population's mean utility is the utility of its mean taste."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...core.files.reading import read_toml
from .grammar import SENTENCES, Format, Instruction, Role, Sentence, StatedFact, Tone, parse_instruction, split_sentences, words_of

GOLD: dict[str, float] = read_toml(Path(__file__).with_suffix(".toml"), "Pasture's own table of worth")["gold"]
"""Nats a unit of each feature, to the mean user. Users differ by 30 % of it, and by 0.05 nats per word."""
FEATURES = tuple(GOLD)
SPREAD = 0.3
WORD_TASTE = 0.05


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """What an answer does with its instruction. None where the instruction does not ask."""

    fact: int
    """1 the true fact, -1 a false or an unasked one of the same kind, 0 none."""
    mentioned: bool | None
    avoided: bool | None
    length_miss: int | None
    """Words too many or too few; 0 is right."""
    tone: int | None
    """1 the tone asked for, -1 the other, 0 neither."""
    format_ok: bool | None
    words: int
    broken_words: int
    """Words that stand in no known sentence (an answer without words counts as five)."""
    repeated: int
    """Sentences said before."""
    fillers: int
    """Sentences that say nothing."""


@lru_cache(maxsize=65536)
def check(prompt: str, answer: str) -> AnswerCheck:
    """Reads the answer by the rules of the prompt's text. Raises InputError where the prompt is not of this world."""
    instruction = parse_instruction(prompt)
    lines = [line for line in answer.strip().split("\n") if line.strip()]
    texts = [text for line in lines for text in split_sentences(line.removeprefix("- "))]
    known = [SENTENCES[text] for text in texts if text in SENTENCES]
    said = words_of(answer)
    broken = [word for text in texts if text not in SENTENCES for word in words_of(text)]
    most, least, items = instruction.at_most, instruction.at_least, sum(line.startswith("- ") for line in lines)
    miss = max(len(said) - (most or len(said)), (least or 0) - len(said), 0)
    is_laid_out = items == len(lines) >= 2 if instruction.format is Format.LIST else items == 0
    return AnswerCheck(
        fact=_fact(instruction, [each.claim for each in known if each.claim and each.claim.kind == instruction.kind]),
        mentioned=None if instruction.mention is None else instruction.mention in said,
        avoided=None if instruction.avoid is None else instruction.avoid not in said,
        length_miss=None if most is None and least is None else miss,
        tone=_tone(instruction, known),
        format_ok=None if instruction.format is None else is_laid_out,
        words=len(said),
        broken_words=len(broken) if said else 5,
        repeated=len(texts) - len(set(texts)),
        fillers=sum(each.role is Role.FILLER for each in known),
    )


def _fact(instruction: Instruction, claims: list[StatedFact]) -> int:
    if not claims:
        return 0
    right = all(claim.subject in ("", instruction.subject) and claim.value == instruction.answer for claim in claims)
    return 1 if right else -1


def _tone(instruction: Instruction, known: list[Sentence]) -> int | None:
    if instruction.tone is None:
        return None
    wanted, other = (Role.FORMAL, Role.CASUAL) if instruction.tone is Tone.FORMAL else (Role.CASUAL, Role.FORMAL)
    roles = {each.role for each in known}
    return -1 if other in roles else int(wanted in roles)


@lru_cache(maxsize=65536)
def features(prompt: str, answer: str) -> tuple[float, ...]:
    """The numbers that utility is linear in, in the order of FEATURES; counts are bounded so that no answer is worth
    minus infinity."""
    found = check(prompt, answer)
    return (
        found.fact,
        float(found.mentioned or False),
        float(found.avoided is False),
        min(found.length_miss or 0, 8),
        found.tone or 0,
        0.0 if found.format_ok is None else 2.0 * found.format_ok - 1.0,
        min(found.broken_words, 20),
        min(found.repeated, 4),
        min(found.fillers, 4),
        min(found.words, 32),
    )


def gold_weights() -> np.ndarray:
    """Nats a unit of each feature, shape [F]."""
    return np.array(list(GOLD.values()))


def user_weights(users: int, rng: np.random.Generator) -> np.ndarray:
    """One row of weights a user, shape [users, F]; their mean is `gold_weights` exactly (up to rounding)."""
    deviation_UF = rng.standard_normal((users, len(GOLD)))
    deviation_UF -= deviation_UF.mean(axis=0)
    return gold_weights() + deviation_UF * taste_scale()


def taste_scale() -> np.ndarray:
    """Standard deviation of the users' weights of each feature, in nats a unit, shape [F]."""
    scale_F = SPREAD * np.abs(gold_weights())
    scale_F[FEATURES.index("words")] = WORD_TASTE
    return scale_F
