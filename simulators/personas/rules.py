"""What a persona cannot be all at once. A persona that breaks a rule has its traits drawn again; its demographics stay.

After PERSONA's filter for self-consistency (arXiv:2407.17387), which is a language model's: these are rules that can be read.
Impossible demographics have weight zero in the census table itself, so a rule never moves a demographic margin."""

from .parameters import Habit, Parameters
from .persona import ANSWERS, BIG_FIVE, Persona

FAR = 1.0
"""Standard deviations to the other side from which a trait contradicts a habit."""


def broken_rules(persona: Persona, parameters: Parameters) -> tuple[str, ...]:
    """Names of the rules that the persona breaks."""
    return tuple(name for name, is_broken in RULES.items() if is_broken(persona, parameters))


def _unbelieving_traditionalist(persona: Persona, parameters: Parameters) -> bool:
    """An atheist or agnostic puts tradition among the first two values."""
    return persona.religion in ("atheist", "agnostic") and "tradition" in persona.values.ordered()[:2]


def _liberal_without_universalism(persona: Persona, parameters: Parameters) -> bool:
    """A very liberal person puts universalism among the last two."""
    return persona.ideology == "very liberal" and "universalism" in persona.values.ordered()[-2:]


def _conservative_without_tradition(persona: Persona, parameters: Parameters) -> bool:
    """A very conservative person puts tradition among the last two."""
    return persona.ideology == "very conservative" and "tradition" in persona.values.ordered()[-2:]


def _habits(persona: Persona, parameters: Parameters) -> list[Habit]:
    """The persona's habits that the parameters know; other texts are bound by no rule."""
    texts = (*persona.quirks, *persona.mannerisms)
    return [parameters.habits_by_text[text] for text in texts if text in parameters.habits_by_text]


def _habit_of_another(persona: Persona, parameters: Parameters) -> bool:
    """A habit asks for an answer that the persona does not give (a job, a faith)."""
    answers = {name: getattr(persona, name) for name in ANSWERS}
    return not all(habit.fits(answers) for habit in _habits(persona, parameters))


def _habit_against_trait(persona: Persona, parameters: Parameters) -> bool:
    """A habit goes with one end of a trait, and the persona is far at the other."""
    for habit in _habits(persona, parameters):
        scores = persona.big_five if habit.trait in BIG_FIVE else persona.values
        if habit.trait and habit.sign * getattr(scores, habit.trait) < -FAR:
            return True
    return False


RULES = {
    "unbelieving traditionalist": _unbelieving_traditionalist,
    "liberal without universalism": _liberal_without_universalism,
    "conservative without tradition": _conservative_without_tradition,
    "habit of another": _habit_of_another,
    "habit against trait": _habit_against_trait,
}
"""Name -> whether the persona contradicts itself in this way."""
