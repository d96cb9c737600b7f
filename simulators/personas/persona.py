"""A persona: one imagined adult, as a frozen record, and its JSON.

After PERSONA (Castricato et al. 2024, arXiv:2407.17387), whose 33 attributes this is a part of: those for which public census
tables or stated assumptions exist. Departure: adults only; about a fifth of PERSONA's released personas are children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from ...core.errors import InputError


class BigFive(NamedTuple):
    """Standard scores: mean 0, standard deviation 1 over the population."""

    openness: float
    conscientiousness: float
    extraversion: float
    agreeableness: float
    neuroticism: float


class Values(NamedTuple):
    """How much each basic value (Schwartz 1992) matters beside the other nine, as standard scores over the population."""

    self_direction: float
    stimulation: float
    hedonism: float
    achievement: float
    power: float
    security: float
    conformity: float
    tradition: float
    benevolence: float
    universalism: float

    def ordered(self) -> tuple[str, ...]:
        """Names, most important first."""
        return tuple(sorted(self._fields, key=lambda name: -getattr(self, name)))


BIG_FIVE, VALUES = BigFive._fields, Values._fields
ADULT = 18


@dataclass(frozen=True, slots=True)
class Persona:
    """One adult. `id` names it within its population; words are those of the census tables and of the parameters.

    age: in years, 18 or more. earnings: band a year, in dollars of 2012, `none` where there are none."""

    id: str
    age: int
    sex: str
    race: str
    education: str
    employment: str
    marital_status: str
    earnings: str
    citizenship: str
    language: str
    disability: str
    big_five: BigFive
    values: Values
    ideology: str
    religion: str
    quirks: tuple[str, ...] = ()
    mannerisms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.age < ADULT:
            raise InputError(f"the persona {self.id!r} is {self.age} years old; personas are adults, {ADULT} or older")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, by field."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        found |= {"big_five": self.big_five._asdict(), "values": self.values._asdict()}
        return found | {"quirks": list(self.quirks), "mannerisms": list(self.mannerisms)}

    @staticmethod
    def from_dict(row: Mapping[str, Any]) -> Persona:
        """The inverse of `to_dict`. Raises InputError naming the field that is missing, unknown or of another type."""
        wrong = sorted({*ATTRIBUTES, "id"} ^ set(row))
        if wrong:
            raise InputError(f"the persona {row.get('id')!r} has missing or unknown fields: {', '.join(map(str, wrong))}")
        scores = {name: _scores(row[name], kind, name) for name, kind in (("big_five", BigFive), ("values", Values))}
        lists = {name: _texts(row[name], name) for name in ("quirks", "mannerisms")}
        if not isinstance(row["age"], int) or isinstance(row["age"], bool):
            raise InputError(f"the persona {row['id']!r} has the age {row['age']!r}; it is a whole number of years")
        for name in ("id", *ANSWERS):
            if not isinstance(row[name], str) or not row[name]:
                raise InputError(f"the persona {row['id']!r} has the {name} {row[name]!r}; it is text, and not empty")
        return Persona(**{**row, **scores, **lists})


ATTRIBUTES = tuple(each.name for each in fields(Persona) if each.name != "id")  # all that can be said of a persona
ANSWERS = tuple(each.name for each in fields(Persona) if each.type == "str" and each.name != "id")
"""Attributes that are one of several words."""


def _scores(found: Any, kind: type[BigFive] | type[Values], name: str) -> BigFive | Values:
    if not isinstance(found, Mapping) or set(found) != set(kind._fields):
        raise InputError(f"a persona's {name} is {str(found)[:80]!r}; it is an object with the scores {', '.join(kind._fields)}")
    for trait, score in found.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not -100 <= score <= 100:  # NaN fails this too
            raise InputError(f"a persona's {trait} is {score!r}; it is a standard score, a number such as -0.5")
    return kind(**{trait: float(score) for trait, score in found.items()})


def _texts(found: Any, name: str) -> tuple[str, ...]:
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise InputError(f"a persona's {name} are {str(found)[:80]!r}; they are a list of texts")
    return tuple(found)
