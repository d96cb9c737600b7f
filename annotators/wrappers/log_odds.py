"""A verdict's probability moved: made sharper or flatter, drawn to a hard label, or given known biases, planted so that an audit
can be seen to find them: for what is shown first, for the longer answer and for lists (Zheng et al. 2023, arXiv:2306.05685), and
for its own family's answers (Panickssery et al. 2024, arXiv:2404.13076)."""

import math
import re
from collections.abc import Callable, Collection
from dataclasses import replace

from ...core.errors import InputError
from ...core.protocols import Annotator, Rng
from ...core.records import Comparison, Completion, Preference
from ...simulators.noise import FeatureBias, LengthBias, Noise, PositionBias, corrupt, draw, tempered
from ..annotator import Traits
from .wrapper import Wrapper


class Temperature(Wrapper):
    """`inner` with its log-odds divided by `temperature`, >= 0: p_left becomes sigmoid(logit(p_left) / temperature). Below 1 it is
    sharper, above 1 flatter, and at 0 the likelier answer wins. Hard labels and ties stay as they are."""

    def __init__(self, inner: Annotator, temperature: float, name: str = "") -> None:
        if not isinstance(temperature, int | float) or not 0.0 <= temperature < float("inf"):
            raise InputError(f"the temperature is {temperature!r}; it divides log-odds and is 0 or more")
        super().__init__(inner, name or f"temperature({inner.name}, {temperature:g})")
        self._temperature = float(temperature)

    def change(self, preference: Preference, pair: Comparison, rng: Rng) -> Preference:
        return replace(preference, p_left=float(tempered(preference.p_left, self._temperature)), annotator=self.name)


class Sample(Wrapper):
    """`inner` with a hard label drawn from its p_left, once a pair: what an annotator that leans says when it must choose. A tie is
    a fair coin; two answers of one text stay a tie."""

    def __init__(self, inner: Annotator, name: str = "") -> None:
        super().__init__(inner, name or f"sample({inner.name})")

    def change(self, preference: Preference, pair: Comparison, rng: Rng) -> Preference:
        return replace(preference, p_left=draw(preference.p_left, pair, rng), annotator=self.name)


Family = str | Collection[str] | Callable[[Completion], bool]
"""Which answers are of the family: a regular expression that is searched in the text, the `Completion.key`s, or a function."""


class Biased(Wrapper):
    """`inner` with its p_left moved. A hard label (0 or 1) is certain and is not moved: make the inner annotator soft.
    The parts of a compound verdict are dropped, as an audit would find them unbiased: plant the bias inside, swap outside.

    position: log-odds for the answer shown first; negative favours the last. length: log-odds for the longer answer, times
    tanh(difference / length_scale). length_scale: in words, > 0. lists: log-odds for an answer with a list over one without.
    own: log-odds for an answer of the `family` over another. Annotators do not see who made an answer (`Completion.model` is
    blank), so `family` marks them by their text, or is a list of `Completion.key`s that the caller knows."""

    traits = Traits()

    def __init__(
        self,
        inner: Annotator,
        position: float = 0.0,
        length: float = 0.0,
        length_scale: float = 20.0,
        lists: float = 0.0,
        own: float = 0.0,
        family: Family | None = None,
        name: str = "",
    ) -> None:
        if (own != 0.0) != (family is not None):
            expected = "log-odds, and what marks the family (a regular expression, keys or a function)"
            raise InputError(f"own={own!r} and family={family!r}; self-preference needs both: {expected}")
        biases = {"position": position, "length": length, "lists": lists, "own": own}
        for option, value in biases.items():
            if not math.isfinite(value):
                raise InputError(f"{option} is {value}; it is a finite number of log-odds")
        noises: list[Noise] = [PositionBias(position), LengthBias(length, length_scale)]
        noises += [FeatureBias(lists)] if lists else []
        noises += [FeatureBias(own, _membership(family))] if family is not None else []
        self.noises = tuple(noises)
        planted = ", ".join(f"{key}={value:g}" for key, value in biases.items() if value or key in ("position", "length"))
        super().__init__(inner, name or f"biased({inner.name}, {planted})")

    def change(self, preference: Preference, pair: Comparison, rng: Rng) -> Preference:
        p_left = corrupt(preference.p_left, self.noises, pair, float("nan"))
        return replace(preference, p_left=p_left, annotator=self.name, parts=())


def _membership(family: Family) -> Callable[[Completion], bool]:
    if isinstance(family, str):
        try:
            pattern = re.compile(family)
        except re.error as error:
            raise InputError(f"the family {family!r} is not a regular expression: {error}") from error
        return lambda completion: pattern.search(completion.text) is not None
    if callable(family):
        return family
    keys = frozenset(family)
    return lambda completion: completion.key in keys
