"""What annotators share: the check of what they were given, and draws for the parts of a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from ...core.errors import InputError
from ...core.records import Abstention, Comparison, Completion, Feedback, Item, Preference, Slate
from ...core.seeds import rng_for

Said = TypeVar("Said", bound=Feedback | Abstention)


def pair_of(item: Item, annotator: str) -> Comparison:
    """`item` if it is a comparison; InputError says who wanted one."""
    if isinstance(item, Comparison):
        return item
    raise InputError(
        f"the annotator {annotator!r} judges a pair and was given {_a(item)}; give it pairs, as "
        "`pasture annotate --pairs FILE` does"
    )


def completion_of(item: Item, annotator: str) -> Completion:
    """`item` if it is one answer; InputError says who wanted one."""
    if isinstance(item, Completion):
        return item
    raise InputError(
        f"the annotator {annotator!r} reads one answer and was given {_a(item)}; give it answers, as "
        "`pasture annotate --answers FILE` does"
    )


def slate_of(item: Item, annotator: str) -> Slate:
    """`item` if it is a slate of two answers or more; InputError says who wanted one."""
    if isinstance(item, Slate) and len(item.completions) >= 2:
        return item
    raise InputError(
        f"the annotator {annotator!r} ranks 2 answers or more to one prompt and was given {_a(item)}; give it the answers of "
        "several models, as in --answers A --answers B"
    )


def _a(item: Item) -> str:
    return "a pair" if isinstance(item, Comparison) else "one answer" if isinstance(item, Completion) else "a slate"


def verdict_of(said: Feedback | Abstention, inner: str, outer: str) -> Preference | Abstention:
    """What `inner` said, if it is a verdict on a pair (or none); InputError says which wrapper wanted one."""
    if isinstance(said, Preference | Abstention):
        return said
    raise InputError(f"{outer!r} wraps an annotator of pairs, and {inner!r} gave a {type(said).__name__}; wrap one that prefers")


def renamed(said: Said, name: str) -> Said:
    """The same answer, in the name of the wrapper that was asked."""
    return said if said.annotator == name else replace(said, annotator=name)


def shared_seed(rng: np.random.Generator) -> int:
    """A seed for generators that several parts draw from apart, so that what one draws does not move the others."""
    return int(rng.integers(2**63))


def request_seed(rng: np.random.Generator) -> int:
    """A seed for the draws of one request (`Sampling.seed`)."""
    return int(rng.integers(2**31))


def answer_seed(shared: int, answer: Completion) -> int:
    """A seed for one request about `answer`, which is the same on either side of a pair."""
    return request_seed(rng_for(shared, answer.key))
