"""How a simulated user turns latent utilities into a choice: the field's discrete-choice models, as pure functions.

Bradley & Terry 1952 (logit), Thurstone 1927 case V (probit), and lapses (Wichmann & Hill 2001). `advantage` is always the
utility of the left answer minus that of the right one, in nats; functions take numbers or arrays of any shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, ndtr

from ..core.errors import InputError, UnknownName
from ..core.records import Comparison

Numbers = float | np.ndarray
"""A number, or an array of any shape."""


def bradley_terry(advantage: Numbers, temperature: float = 1.0) -> Numbers:
    """P(left over right) = sigmoid(advantage / temperature).

    temperature: noise scale in nats, >= 0; 0.1 is near-certain, 10 near-random, 0 takes the better answer (and ties give .5).
    """
    return expit(_scaled(advantage, temperature))


def thurstone(advantage: Numbers, temperature: float = 1.0) -> Numbers:
    """P(left over right) = Phi(advantage / (sqrt(2) temperature)): each utility is perceived with independent Gaussian noise.

    temperature: standard deviation of that noise in nats, >= 0; 0 takes the better answer (and ties give .5).
    """
    return ndtr(_scaled(advantage, temperature) / np.sqrt(2.0))


def lapse(p_left: Numbers, rate: float) -> Numbers:
    """With probability `rate` in [0, 1] the chooser does not look and tosses a fair coin: rate / 2 + (1 - rate) p_left."""
    if not 0.0 <= rate <= 1.0:
        raise InputError(f"the lapse rate is {rate}; it is a probability in [0, 1]")
    return 0.5 * rate + (1.0 - rate) * p_left


CHOICE_MODELS: dict[str, Callable[[Numbers, float], Numbers]] = {"bradley-terry": bradley_terry, "thurstone": thurstone}


def choice_probability(
    advantage: Numbers, model: str = "bradley-terry", temperature: float = 1.0, lapse_rate: float = 0.0
) -> Numbers:
    """P(left over right) under a named model of `CHOICE_MODELS`, mixed with lapses."""
    if model not in CHOICE_MODELS:
        raise UnknownName("choice model", model, CHOICE_MODELS)
    return lapse(CHOICE_MODELS[model](advantage, temperature), lapse_rate)


def draw(p_left: float, comparison: Comparison, rng: np.random.Generator) -> float:
    """A hard label, 1.0 for left and 0.0 for right, drawn with probability `p_left`.

    The draw is made in the pair's canonical order, so that with the same `rng` the swapped comparison (and 1 - p_left)
    gets the swapped label. Two answers of one text cannot be told apart, and get the tie 0.5.
    """
    if not 0.0 <= p_left <= 1.0:
        raise InputError(f"p_left is {p_left}; it is a probability in [0, 1]")
    uniform = rng.random()
    if comparison.left.text == comparison.right.text:
        return 0.5
    if comparison.is_canonical:
        return float(uniform < p_left)
    return float(uniform >= 1.0 - p_left)


def _scaled(advantage: Numbers, temperature: float) -> Numbers:
    if not temperature >= 0.0:
        raise InputError(f"the temperature is {temperature}; it is a scale in nats, 0 (the better answer wins) or more")
    if temperature == 0.0:
        return np.where(np.equal(advantage, 0.0), 0.0, np.copysign(np.inf, advantage))
    with np.errstate(over="ignore"):  # a tiny temperature is the limit 0
        return np.divide(advantage, temperature)
