"""Reads a persona's character and values back from its rendering, as a reader would: coarsely, from what the words still say.

The inverse of `persona_text.render`, for the text world's actor: so that what it makes of a persona told in words can be compared
with the weight vector that the same persona has (`persona_tastes`)."""

import re
from functools import lru_cache

import numpy as np

from ...personas.parameters import TRAITS
from ...personas.persona import BIG_FIVE, VALUES
from ...personas.tastes import loadings
from ..rules import FEATURES, taste_scale

DEGREES = {"very low": -1.9, "low": -0.9, "average": 0.0, "high": 0.9, "very high": 1.9}
"""Standard scores that a degree in words stands for."""
FIRST, LAST = 1.5, -1.5
"""Standard scores of the most and the least important of the ten values; others by rank between them."""
_DEGREE = re.compile(rf"({'|'.join(sorted(DEGREES, key=len, reverse=True))}) ({'|'.join(BIG_FIVE)})\b")
_NAME = "|".join(value.replace("_", "-") for value in VALUES)
_ORDER = re.compile(rf"most to least important: ((?:{_NAME})(?:, (?:{_NAME}))*)")
_SOME = re.compile(rf"Cares most about ((?:{_NAME})(?:, (?:{_NAME}))*); least about ({_NAME})")


@lru_cache(maxsize=4096)
def read_traits(text: str) -> tuple[float, ...] | None:
    """Standard scores in the order of TRAITS, 0 where the text says nothing; None where it says nothing of any."""
    found = {name: DEGREES[degree] for degree, name in _DEGREE.findall(text)}
    order, some = _ORDER.search(text), _SOME.search(text)
    ranks = np.linspace(FIRST, LAST, len(VALUES)).tolist()
    if order:
        found |= dict(zip(_values(order[1]), ranks, strict=False))
    elif some:
        found |= dict(zip(_values(some[1]), ranks, strict=False)) | {_values(some[2])[0]: LAST}
    return tuple(found.get(name, 0.0) for name in TRAITS) if found else None


def read_taste(text: str) -> dict[str, float] | None:
    """By how many nats a unit this persona's weights of the text world's features depart from the mean ones; None where the text
    says nothing of character or values."""
    traits = read_traits(text)
    if traits is None:
        return None
    return dict(zip(FEATURES, (np.array(traits) @ _loadings() * taste_scale()).tolist(), strict=True))


@lru_cache(maxsize=1)
def _loadings() -> np.ndarray:
    return loadings(FEATURES)


def _values(names: str) -> list[str]:
    return [name.replace("-", "_") for name in names.split(", ")]
