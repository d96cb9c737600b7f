"""What all annotators of pairs share: the check that they were given a pair, and draws for the parts of a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.errors import InputError
from ..core.records import Abstention, Comparison, Feedback, Item, Preference


def pair_of(item: Item, annotator: str) -> Comparison:
    """`item` if it is a comparison; InputError says who wanted one."""
    if isinstance(item, Comparison):
        return item
    raise InputError(
        f"the annotator {annotator!r} judges a Comparison and was given a {type(item).__name__}; pair the answers first"
    )


def verdict_of(said: Feedback | Abstention, inner: str, outer: str) -> Preference | Abstention:
    """What `inner` said, if it is a verdict on a pair (or none); InputError says which wrapper wanted one."""
    if isinstance(said, Preference | Abstention):
        return said
    raise InputError(f"{outer!r} wraps an annotator of pairs, and {inner!r} gave a {type(said).__name__}; wrap one that prefers")


def renamed(said: Preference | Abstention, name: str) -> Preference | Abstention:
    """The same answer, in the name of the wrapper that was asked."""
    return replace(said, annotator=name)


def shared_seed(rng: np.random.Generator) -> int:
    """A seed for generators that several parts draw from apart, so that what one draws does not move the others."""
    return int(rng.integers(2**63))
