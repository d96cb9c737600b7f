"""The parameters of personas that no census gives: assumptions, read from `parameters.toml` or from a file like it.

A key that is not known is an error, so that a typing mistake never leaves a default in force."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.errors import InputError
from ...core.files.reading import read_toml
from ...core.text import one_line
from .persona import ANSWERS, BIG_FIVE, VALUES

Share = Mapping[str, float]
TRAITS = (*BIG_FIVE, *VALUES)
"""Standard scores in the order of every trait vector: the Big Five, then the ten values."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Seed(_Table):
    """`[seed]`: how the joint table of census counts is begun before it is raked."""

    smoothing: float = Field(ge=0, le=1)
    race: Mapping[str, Share]
    unmarried: Mapping[str, Share]


class Odds(_Table):
    """Log-odds of the first of two answers, by what a person is."""

    answers: tuple[str, str]
    race: Share = Field(default_factory=dict)
    age_band: Share = Field(default_factory=dict)
    employment: Share = Field(default_factory=dict)
    citizenship: Share = Field(default_factory=dict)


class BinaryOdds(_Table):
    """`[binary]`: attributes with two answers."""

    citizenship: Odds
    language: Odds
    disability: Odds


class BigFiveModel(_Table):
    """`[big_five]`: correlations of pairs of traits."""

    correlations: Share


class ValuesModel(_Table):
    """`[values]`: the circle of basic values, and how they hang together with the Big Five."""

    circle: float
    own: float = Field(gt=0)
    angles: Share
    big_five: Mapping[str, Share]


class Cut(_Table):
    """A latent score that is cut into answers: its own part, its weights of values, and the shares of the answers."""

    own: float = Field(gt=0)
    values: Share
    shares: Share


class ReligionModel(Cut):
    """`[religion]`: a cut whose shares differ by race."""

    weights: Share
    race: Mapping[str, Share]


class PersonaHabits(_Table):
    """`[habits]`: how many quirks and mannerisms a persona has, and how strongly traits decide which."""

    strength: float
    quirks_a_persona: int = Field(ge=0)
    mannerisms_a_persona: int = Field(ge=0)


class Habit(_Table):
    """A quirk or a mannerism. `only` and `never`: answers, by attribute, that its owner must and must not have."""

    text: str = Field(min_length=1)
    trait: str = ""
    sign: Literal[-1, 0, 1] = 0
    only: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    never: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    def fits(self, answers: Mapping[str, object]) -> bool:
        """Whether a persona with these answers, by attribute, may have it."""
        is_allowed = all(answers[of] in named for of, named in self.only.items())
        return is_allowed and all(answers[of] not in named for of, named in self.never.items())


class Parameters(_Table):
    """What `parameters.toml` holds; each key is explained there."""

    seed: Seed
    youngest: Mapping[str, int]
    odds: BinaryOdds
    big_five: BigFiveModel
    values: ValuesModel
    ideology: Cut
    religion: ReligionModel
    habits: PersonaHabits
    quirks: tuple[Habit, ...]
    mannerisms: tuple[Habit, ...]
    tastes: Mapping[str, Share]

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @cached_property
    def habits_by_text(self) -> dict[str, Habit]:
        return {each.text: each for each in (*self.quirks, *self.mannerisms)}


@cache
def default_parameters() -> Parameters:
    """The parameters that come with Pasture, `parameters.toml`."""
    return load_parameters(Path(__file__).with_suffix(".toml"))


def load_parameters(path: Path | str) -> Parameters:
    """Parameters of a TOML file with all the tables of the shipped one. Raises InputError naming the key that is wrong."""
    given, where = read_toml(path, "an edited copy of parameters.toml"), str(path)
    try:
        found = Parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where!r}, {'.'.join(map(str, first['loc']))}: {first['msg']}; see parameters.toml") from error
    habits, correlations = (*found.quirks, *found.mannerisms), found.big_five.correlations
    named = {
        "values.angles": set(found.values.angles) ^ set(VALUES),
        "values.big_five": {*found.values.big_five} - {*VALUES} | _keys_within(found.values.big_five) - {*BIG_FIVE},
        "big_five.correlations": {trait for pair in correlations for trait in pair.split()} - {*BIG_FIVE},
        "ideology.values and religion.values": {*found.ideology.values, *found.religion.values} - {*VALUES},
        "tastes": _keys_within(found.tastes) - {*TRAITS},
        "quirks and mannerisms": {each.trait for each in habits} - {*TRAITS, ""},
    }
    for key, unknown in named.items():
        if unknown:
            raise InputError(f"{where!r}, {key}: unknown or missing names {one_line(sorted(unknown))}; known: {', '.join(TRAITS)}")
    for pair in correlations:
        if len(set(pair.split())) != 2:
            what = f"{where!r}, big_five.correlations: {pair!r} names no two traits"
            raise InputError(f"{what}; write two names with a space between")
    for name in ("ideology", "religion"):
        shares = getattr(found, name).shares.values()
        if not math.isclose(sum(shares), 1.0, abs_tol=1e-9) or min(shares) < 0:
            raise InputError(f"{where!r}, {name}.shares sum to {sum(shares):g}; they are 0 or more, and sum to 1")
    if unknown := sorted({of for each in habits for of in (*each.only, *each.never)} - set(ANSWERS)):
        raise InputError(f"{where!r}, quirks and mannerisms: no attribute is called {unknown}; known: {', '.join(ANSWERS)}")
    if twice := sorted(text for text, times in Counter(each.text for each in habits).items() if times > 1):
        raise InputError(f"{where!r}, quirks and mannerisms: {twice[0]!r} is there twice; name each habit once")
    for name in ("quirks", "mannerisms"):
        wanted, known = getattr(found.habits, f"{name}_a_persona"), len(getattr(found, name))
        if wanted > known:
            raise InputError(f"{where!r}, habits: {wanted} {name} a persona were asked for, and there are {known}")
    return found


def _keys_within(table: Mapping[str, Share]) -> set[str]:
    return {key for row in table.values() for key in row}
