"""What a persona cannot be all at once. A persona that breaks a rule has its traits drawn again; its demographics stay.

After PERSONA's filter for self-consistency (arXiv:2407.17387), which is a language model's: these are rules that can be read.
Impossible demographics have weight zero in the census table itself, so a rule never moves a demographic margin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .parameters import Habit, Parameters
from .persona import ANSWERS, BIG_FIVE, Persona

FAR = 1.0
"""Standard deviations to the other side from which a trait contradicts a habit."""


class ConsistencyRule(NamedTuple):
    """is_broken: whether the persona contradicts itself in this way."""

    name: str
    why: str
    is_broken: Callable[[Persona, Parameters], bool]


def broken_rules(persona: Persona, parameters: Parameters) -> tuple[str, ...]:
    """Names of the rules that the persona breaks."""
    return tuple(rule.name for rule in RULES if rule.is_broken(persona, parameters))


def _unbelieving_traditionalist(persona: Persona, parameters: Parameters) -> bool:
    return persona.religion in ("atheist", "agnostic") and "tradition" in persona.values.ordered()[:2]


def _liberal_without_universalism(persona: Persona, parameters: Parameters) -> bool:
    return persona.ideology == "very liberal" and "universalism" in persona.values.ordered()[-2:]


def _conservative_without_tradition(persona: Persona, parameters: Parameters) -> bool:
    return persona.ideology == "very conservative" and "tradition" in persona.values.ordered()[-2:]


def _habits(persona: Persona, parameters: Parameters) -> list[Habit]:
    """The persona's habits that the parameters know; other texts are bound by no rule."""
    texts = (*persona.quirks, *persona.mannerisms)
    return [parameters.habits_by_text[text] for text in texts if text in parameters.habits_by_text]


def _habit_of_another(persona: Persona, parameters: Parameters) -> bool:
    answers = {name: getattr(persona, name) for name in ANSWERS}
    return not all(habit.fits(answers) for habit in _habits(persona, parameters))


def _habit_against_trait(persona: Persona, parameters: Parameters) -> bool:
    for habit in _habits(persona, parameters):
        if habit.trait:
            scores = persona.big_five if habit.trait in BIG_FIVE else persona.values
            if habit.sign * getattr(scores, habit.trait) < -FAR:
                return True
    return False


RULES = (
    ConsistencyRule(
        "unbelieving traditionalist",
        "an atheist or agnostic does not put tradition among the first two values",
        _unbelieving_traditionalist,
    ),
    ConsistencyRule(
        "liberal without universalism",
        "who is very liberal does not put universalism among the last two",
        _liberal_without_universalism,
    ),
    ConsistencyRule(
        "conservative without tradition",
        "who is very conservative does not put tradition among the last two",
        _conservative_without_tradition,
    ),
    ConsistencyRule(
        "habit of another", "a habit asks for an answer that the persona does not give (a job, a faith)", _habit_of_another
    ),
    ConsistencyRule(
        "habit against trait", "a habit goes with one end of a trait, and the persona is far at the other", _habit_against_trait
    ),
)
