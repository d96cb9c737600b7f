"""How a simulated user chooses (Bradley & Terry 1952), and how a label gets worse from there to the record: flips and biases.

Names follow the field: symmetric, class-conditional (asymmetric) and instance-dependent label noise (Natarajan et al. 2013;
Menon et al. 2018), position and verbosity bias of judges (Zheng et al. 2023, arXiv:2306.05685). Each small class maps P(left)
before to P(left) after, so that a list of them is a noise model."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit

from ..core.errors import InputError
from ..core.records import Comparison, Completion

Numbers = float | np.ndarray  # a number, or an array of any shape
Noise = Callable[[float, Comparison, float], float]
"""One corruption: P(left) before, the pair as shown, and the true utility difference in nats, to P(left) after."""
LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)


def bradley_terry(advantage: Numbers, temperature: float = 1.0) -> Numbers:
    """P(left over right) = sigmoid(advantage / temperature), of the shape of `advantage`.

    advantage: utility of the left answer minus that of the right one, in nats. temperature: noise scale in nats, >= 0; 0.1 is
    near-certain, 10 near-random, 0 takes the better answer (and ties give .5)."""
    if not temperature >= 0.0:
        raise InputError(f"the temperature is {temperature}; it is a scale in nats, 0 (the better answer wins) or more")
    if temperature == 0.0:
        return expit(np.where(np.equal(advantage, 0.0), 0.0, np.copysign(np.inf, advantage)))
    with np.errstate(over="ignore"):  # a tiny temperature is the limit 0
        return expit(np.divide(advantage, temperature))


def draw(p_left: float, comparison: Comparison, rng: np.random.Generator) -> float:
    """A hard label, 1.0 for left and 0.0 for right, drawn with probability `p_left`.

    The draw is made in the pair's canonical order, so that with the same `rng` the swapped comparison (and 1 - p_left)
    gets the swapped label. Two answers of one text cannot be told apart, and get the tie 0.5."""
    if not 0.0 <= p_left <= 1.0:
        raise InputError(f"p_left is {p_left}; it is a probability in [0, 1]")
    uniform = rng.random()
    if comparison.left.text == comparison.right.text:
        return 0.5
    return float(uniform < p_left) if comparison.is_canonical else float(uniform >= 1.0 - p_left)


def flip(p_left: Numbers, rate_left: Numbers, rate_right: Numbers | None = None) -> Numbers:
    """P(left) where a label for left is inverted with probability `rate_left`, and one for right with `rate_right` (None: the same,
    which is symmetric noise): (1 - rate_left) p + rate_right (1 - p).

    AlpacaFarm's `p_label_flip` is the one rate: it tosses a fair coin with probability twice that."""
    return (1.0 - rate_left) * p_left + (rate_left if rate_right is None else rate_right) * (1.0 - p_left)


def shifted(p_left: Numbers, log_odds: Numbers) -> Numbers:
    """P(left) after an additive bias in log-odds; certainty (0 or 1) is not moved."""
    return expit(logit(p_left) + log_odds)


def tempered(p_left: Numbers, temperature: float) -> Numbers:
    """P(left) with its log-odds divided by `temperature`, >= 0: below 1 it is sharper, above 1 flatter, at 0 the likelier answer
    is certain. A tie stays one, and so does certainty."""
    return bradley_terry(logit(p_left), temperature)


def words(completion: Completion) -> int:
    """Length of an answer in words."""
    return len(completion.text.split())


def has_list(completion: Completion) -> bool:
    """Whether an answer has a list: two lines or more that start with a bullet or a number."""
    return len(LIST_ITEM.findall(completion.text)) >= 2


@dataclass(frozen=True, slots=True)
class _Checked:
    """Raises InputError for a rate that is not a probability, and for a scale that is not more than 0."""

    UNIT: ClassVar[str] = "nats"

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if name.startswith(("rate", "largest")) and not 0.0 <= value <= 1.0:
                raise InputError(f"{name} is {value}; it is a probability in [0, 1]")
            if name == "scale" and not value > 0.0:
                raise InputError(f"{name} is {value}; it is a length in {self.UNIT}, more than 0")


@dataclass(frozen=True, slots=True)
class SymmetricFlip(_Checked):
    """Inverts any label with probability `rate`, in [0, 1]; 0.5 leaves nothing of it."""

    rate: float

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(flip(p_left, self.rate))


@dataclass(frozen=True, slots=True)
class LengthConditionalFlip(_Checked):
    """Class-conditional noise whose class is "the longer answer won": such a label is inverted with probability `rate_longer`,
    one for the shorter with `rate_shorter`. Of two answers of one length (in words), with the mean of both rates."""

    rate_longer: float
    rate_shorter: float

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        left, right = words(comparison.left), words(comparison.right)
        if left == right:
            return float(flip(p_left, (self.rate_longer + self.rate_shorter) / 2))
        rates = (self.rate_longer, self.rate_shorter)
        return float(flip(p_left, *(rates if left > right else rates[::-1])))


@dataclass(frozen=True, slots=True)
class PositionConditionalFlip(_Checked):
    """Class-conditional noise whose class is "the answer shown first won": a label for left is inverted with probability
    `rate_left`, one for right with `rate_right`. It breaks the swap law, as a judge that reads carelessly does."""

    rate_left: float
    rate_right: float

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(flip(p_left, self.rate_left, self.rate_right))


@dataclass(frozen=True, slots=True)
class InstanceDependentFlip(_Checked):
    """Inverts the label with probability largest * exp(-|advantage| / scale): the closer the pair, the likelier.

    largest: rate at a tie, in [0, 1]. scale: in nats, > 0."""

    largest: float
    scale: float = 1.0

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(flip(p_left, self.largest * np.exp(-np.abs(advantage) / self.scale)))


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Adds `log_odds` to the answer shown first (left); negative favours the last. It breaks the swap law, on purpose."""

    log_odds: float

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        return float(shifted(p_left, self.log_odds))


@dataclass(frozen=True, slots=True)
class LengthBias(_Checked):
    """Adds `log_odds` * tanh(difference / scale) to the longer answer. `scale` is in words."""

    UNIT: ClassVar[str] = "words"
    log_odds: float
    scale: float = 20.0

    def __call__(self, p_left: float, comparison: Comparison, advantage: float) -> float:
        difference = words(comparison.left) - words(comparison.right)
        return float(shifted(p_left, self.log_odds * np.tanh(difference / self.scale)))


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
