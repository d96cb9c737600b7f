"""The parameters of personas that no census gives: assumptions, read from `parameters.toml` or from a file like it.

A key that is not known is an error, so that a typing mistake never leaves a default in force.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.errors import InputError
from ...core.files.reading import read_toml
from ...core.text import one_line
from .persona import ANSWERS, BIG_FIVE, VALUES

Share = Mapping[str, float]
TRAITS = (*BIG_FIVE, *VALUES)
"""Standard scores in the order of every trait vector: the Big Five, then the ten values."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
        return all(answers[of] in named for of, named in self.only.items()) and not any(
            answers[of] in named for of, named in self.never.items()
        )


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

    @cached_property
    def habits_by_text(self) -> dict[str, Habit]:
        return {each.text: each for each in (*self.quirks, *self.mannerisms)}


@cache
def default_parameters() -> Parameters:
    """The parameters that come with Pasture, `parameters.toml`."""
    text = files(__package__ or "").joinpath("parameters.toml").read_text(encoding="utf-8")
    return _checked(tomllib.loads(text), "parameters.toml")


def load_parameters(path: Path | str) -> Parameters:
    """Parameters of a TOML file with all the tables of the shipped one. Raises InputError naming the key that is wrong."""
    return _checked(read_toml(path, "an edited copy of parameters.toml"), str(path))


def _checked(given: Mapping[str, Any], where: str) -> Parameters:
    try:
        found = Parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where!r}, {'.'.join(map(str, first['loc']))}: {first['msg']}; see parameters.toml") from error
    _names(where, "values.angles", set(found.values.angles) ^ set(VALUES))
    _names(where, "values.big_five", set(found.values.big_five) - set(VALUES))
    _names(where, "values.big_five", {trait for row in found.values.big_five.values() for trait in row} - set(BIG_FIVE))
    _names(where, "big_five.correlations", {x for pair in found.big_five.correlations for x in pair.split()} - set(BIG_FIVE))
    _names(where, "ideology.values and religion.values", {*found.ideology.values, *found.religion.values} - set(VALUES))
    _names(where, "tastes", {trait for row in found.tastes.values() for trait in row} - set(TRAITS))
    _names(where, "quirks and mannerisms", {each.trait for each in (*found.quirks, *found.mannerisms)} - {*TRAITS, ""})
    for pair in found.big_five.correlations:
        if len(set(pair.split())) != 2:
            raise InputError(
                f"{where!r}, big_five.correlations: {pair!r} names no two traits; write two names with a space between"
            )
    for name, table in (("ideology", found.ideology), ("religion", found.religion)):
        total = sum(table.shares.values())
        if not math.isclose(total, 1.0, abs_tol=1e-9) or min(table.shares.values()) < 0:
            raise InputError(f"{where!r}, {name}.shares sum to {total:g}; they are 0 or more, and sum to 1")
    asked = {of for each in (*found.quirks, *found.mannerisms) for of in (*each.only, *each.never)}
    if unknown := sorted(asked - set(ANSWERS)):
        raise InputError(f"{where!r}, quirks and mannerisms: no attribute is called {unknown}; known: {', '.join(ANSWERS)}")
    texts = [each.text for each in (*found.quirks, *found.mannerisms)]
    if twice := sorted({text for text in texts if texts.count(text) > 1}):
        raise InputError(f"{where!r}, quirks and mannerisms: {twice[0]!r} is there twice; name each habit once")
    for name, habits, wanted in (
        ("quirks", found.quirks, found.habits.quirks_a_persona),
        ("mannerisms", found.mannerisms, found.habits.mannerisms_a_persona),
    ):
        if wanted > len(habits):
            raise InputError(f"{where!r}, habits: {wanted} {name} a persona were asked for, and there are {len(habits)}")
    return found


def _names(where: str, key: str, unknown: set[str]) -> None:
    if unknown:
        raise InputError(f"{where!r}, {key}: unknown or missing names {one_line(sorted(unknown))}; known: {', '.join(TRAITS)}")
