"""Annotators by rule, which ask no engine: `longest`, `first`, the control that a judge's position bias is measured against, and
`spammer`, who does not read at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Ask
from ...core.records import Item, Preference
from ...simulators.choice import draw
from ..traits import Traits
from ..wrappers.pairwise import pair_of

HABITS = ("random", "first", "last", "longer", "shorter")


@dataclass(frozen=True, slots=True)
class Longest:
    """Prefers the answer of more characters; equal lengths tie."""

    traits = Traits(symmetric=True)

    name: str = "longest"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        pair = pair_of(item, self.name)
        left, right = len(pair.left.text), len(pair.right.text)
        return Preference(pair, 0.5 if left == right else float(left > right), self.name)


@dataclass(frozen=True, slots=True)
class First:
    """Prefers whichever answer is shown first: pure position bias."""

    name: str = "first"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        return Preference(pair_of(item, self.name), 1.0, self.name)


@dataclass(frozen=True, slots=True)
class Spammer:
    """Answers by `habit`, whatever the question: `random` (the default: a fair coin a pair), `first`, `last`, `longer` or `shorter`
    (in characters; equal lengths tie). To be put into a pool: `members = ["judge", {use = "spammer", habit = "first"}]`."""

    traits = Traits(symmetric=True)

    habit: str = "random"
    name: str = ""

    def __post_init__(self) -> None:
        if self.habit not in HABITS:
            raise InputError(f"a spammer's habit is {self.habit!r}; it is one of: {', '.join(HABITS)}")
        if not self.name:
            object.__setattr__(self, "name", f"spammer({self.habit})")

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        pair = pair_of(item, self.name)
        if self.habit == "random":
            return Preference(pair, draw(0.5, pair, rng), self.name)
        if self.habit in ("first", "last"):
            return Preference(pair, float(self.habit == "first"), self.name)
        longer = len(pair.left.text) - len(pair.right.text)
        p_left = 0.5 if longer == 0 else float(longer > 0)
        return Preference(pair, p_left if self.habit == "longer" else 1.0 - p_left, self.name)
