"""A soft verdict made sharper or flatter, and a hard label drawn from a soft one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator
from ...core.records import Comparison, Preference
from ...simulators.choice import draw
from ...simulators.noise import tempered
from .wrapper import Wrapper


class Temperature(Wrapper):
    """`inner` with its log-odds divided by `temperature`, >= 0: p_left becomes sigmoid(logit(p_left) / temperature). Below 1 it is
    sharper, above 1 flatter, and at 0 the likelier answer wins. Hard labels and ties stay as they are."""

    def __init__(self, inner: Annotator, temperature: float, name: str = "") -> None:
        if not isinstance(temperature, int | float) or not 0.0 <= temperature < float("inf"):
            raise InputError(f"the temperature is {temperature!r}; it divides log-odds and is 0 or more")
        super().__init__(inner, name or f"temperature({inner.name}, {temperature:g})")
        self._temperature = float(temperature)

    def change(self, preference: Preference, pair: Comparison, rng: np.random.Generator) -> Preference:
        return replace(preference, p_left=float(tempered(preference.p_left, self._temperature)), annotator=self.name)


class Sample(Wrapper):
    """`inner` with a hard label drawn from its p_left, once a pair: what an annotator that leans says when it must choose. A tie is
    a fair coin; two answers of one text stay a tie."""

    def __init__(self, inner: Annotator, name: str = "") -> None:
        super().__init__(inner, name or f"sample({inner.name})")

    def change(self, preference: Preference, pair: Comparison, rng: np.random.Generator) -> Preference:
        return replace(preference, p_left=draw(preference.p_left, pair, rng), annotator=self.name)
