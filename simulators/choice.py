"""How a simulated user turns latent utilities into a choice: Bradley & Terry's model (1952), and one label drawn from it."""

import numpy as np
from scipy.special import expit

from ..core.errors import InputError
from ..core.records import Comparison

Numbers = float | np.ndarray
"""A number, or an array of any shape."""


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
