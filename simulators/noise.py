"""How a label gets worse between the choice and the record: flips and biases, as pure functions on probabilities.

Names follow the field: symmetric, class-conditional (asymmetric) and instance-dependent label noise (Natarajan et al. 2013;
Menon et al. 2018), position and verbosity bias of judges (Zheng et al. 2023, arXiv:2306.05685). Each function maps P(left)
before to P(left) after; each small class is the same function with its parameters, so that a list of them is a noise model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit, logit

from ..core.errors import InputError
from ..core.records import Comparison, Completion
from .choice import Numbers, bradley_terry

LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)


def flip(p_left: Numbers, rate: Numbers) -> Numbers:
    """Symmetric label noise: the label is inverted with probability `rate`: (1 - rate) p + rate (1 - p).

    AlpacaFarm's `p_label_flip` is this rate: it tosses a fair coin with probability 2 rate.
    """
    return (1.0 - rate) * p_left + rate * (1.0 - p_left)


def class_conditional_flip(p_first: Numbers, rate_first: Numbers, rate_second: Numbers) -> Numbers:
    """Asymmetric label noise on the class "the first answer wins": a first is flipped at `rate_first`, a second at
    `rate_second`. What `first` means is the caller's choice (shown first, longer, a certain source)."""
    return (1.0 - rate_first) * p_first + rate_second * (1.0 - p_first)


def instance_dependent_rate(advantage: Numbers, largest: float, scale: float) -> Numbers:
    """Flip probability of one pair, largest * exp(-|advantage| / scale): close pairs are flipped most.

    advantage: utility difference in nats. largest: rate at a tie, in [0, 1]. scale: in nats, > 0.
    """
    return largest * np.exp(-np.abs(advantage) / scale)


def shifted(p_left: Numbers, log_odds: Numbers) -> Numbers:
    """P(left) after an additive bias in log-odds; certainty (0 or 1) is not moved."""
    return expit(logit(p_left) + log_odds)


def tempered(p_left: Numbers, temperature: float) -> Numbers:
    """P(left) with its log-odds divided by `temperature`, >= 0: below 1 it is sharper, above 1 flatter, at 0 the likelier answer
    is certain. A tie stays one, and so does certainty."""
    return bradley_terry(logit(p_left), temperature)


def verbosity_log_odds(length_difference: Numbers, bias: float, scale: float) -> Numbers:
    """Log-odds bias * tanh(length_difference / scale) for the left answer, `length_difference` longer than the right one."""
    return bias * np.tanh(np.divide(length_difference, scale))


def agreement_after_flips(rate: float) -> float:
    """How often two labels of one pair agree when each is flipped with probability `rate`: (1 - rate)^2 + rate^2."""
    return float(flip(1.0 - rate, rate))


def words(completion: Completion) -> int:
    """Length of an answer in words."""
    return len(completion.text.split())


def has_list(completion: Completion) -> bool:
    """Whether an answer has a list: two lines or more that start with a bullet or a number."""
    return len(LIST_ITEM.findall(completion.text)) >= 2


class Noise(Protocol):
    """One corruption: P(left) before, the pair as shown, and the true utility difference in nats, to P(left) after."""

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float: ...


@dataclass(frozen=True, slots=True)
class SymmetricFlip:
    """Inverts any label with probability `rate`, in [0, 1]; 0.5 leaves nothing of it."""

    rate: float

    def __post_init__(self) -> None:
        _check_rate("rate", self.rate)

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(flip(p_left, self.rate))


@dataclass(frozen=True, slots=True)
class LengthConditionalFlip:
    """Class-conditional noise whose class is "the longer answer won": such a label is inverted with probability `rate_longer`,
    one for the shorter with `rate_shorter`. Of two answers of one length, with the mean of both rates."""

    rate_longer: float
    rate_shorter: float
    length: Callable[[Completion], float] = words

    def __post_init__(self) -> None:
        _check_rate("rate_longer", self.rate_longer)
        _check_rate("rate_shorter", self.rate_shorter)

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        left, right = self.length(comparison.left), self.length(comparison.right)
        if left == right:
            return float(flip(p_left, (self.rate_longer + self.rate_shorter) / 2))
        if left > right:
            return float(class_conditional_flip(p_left, self.rate_longer, self.rate_shorter))
        return float(class_conditional_flip(p_left, self.rate_shorter, self.rate_longer))


@dataclass(frozen=True, slots=True)
class PositionConditionalFlip:
    """Class-conditional noise whose class is "the answer shown first won": a label for left is inverted with probability
    `rate_left`, one for right with `rate_right`. It breaks the swap law, as a judge that reads carelessly does."""

    rate_left: float
    rate_right: float

    def __post_init__(self) -> None:
        _check_rate("rate_left", self.rate_left)
        _check_rate("rate_right", self.rate_right)

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(class_conditional_flip(p_left, self.rate_left, self.rate_right))


@dataclass(frozen=True, slots=True)
class InstanceDependentFlip:
    """Inverts the label with probability largest * exp(-|advantage| / scale): the closer the pair, the likelier."""

    largest: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_rate("largest", self.largest)
        _check_positive("scale", self.scale, "nats")

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(flip(p_left, instance_dependent_rate(advantage, self.largest, self.scale)))


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Adds `log_odds` to the answer shown first (left); negative favours the last. It breaks the swap law, on purpose."""

    log_odds: float

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(shifted(p_left, self.log_odds))


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Adds `log_odds` * tanh(difference / scale) to the longer answer. `scale` is in the unit of `length`: words by default."""

    log_odds: float
    scale: float = 20.0
    length: Callable[[Completion], float] = words

    def __post_init__(self) -> None:
        _check_positive("scale", self.scale, "the unit of length")

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        difference = self.length(comparison.left) - self.length(comparison.right)
        return float(shifted(p_left, verbosity_log_odds(difference, self.log_odds, self.scale)))


@dataclass(frozen=True, slots=True)
class FeatureBias:
    """Adds `log_odds` to the answer that has a feature where the other has not; negative holds it against it."""

    log_odds: float
    has: Callable[[Completion], bool] = has_list

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        difference = bool(self.has(comparison.left)) - bool(self.has(comparison.right))
        return float(shifted(p_left, self.log_odds * difference))


def corrupt(p_left: float, noises: Sequence[Noise], comparison: Comparison, advantage: float) -> float:
    """P(left) after every corruption, in the order given. Biases come before flips where both are meant."""
    for noise in noises:
        p_left = noise(p_left, comparison, advantage)
    return p_left


def _check_rate(name: str, rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise InputError(f"{name} is {rate}; it is a probability in [0, 1]")


def _check_positive(name: str, value: float, unit: str) -> None:
    if not value > 0.0:
        raise InputError(f"{name} is {value}; it is a length in {unit}, more than 0")
