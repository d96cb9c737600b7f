"""What an annotator declares of itself, and what its constructor says that it needs."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Traits:
    """Stands in a class as `traits = Traits(...)`, a user's own class included; `pasture.testing.check_annotator` holds it to that.

    engine: it asks a language model. symmetric: it obeys the swap law under every seed (a wrapper: if what it wraps does).
    item: what it reads first, `pair`, `answer` or `slate`. gives: what it says, for annotators that never say which of two answers
    is better; blank for those that do.
    """

    engine: bool = False
    symmetric: bool = False
    item: Literal["pair", "answer", "slate"] = "pair"
    gives: str = ""


def traits_of(annotator: object) -> Traits:
    """The traits that an annotator, its class or its function declares; the default ones where it declares none."""
    declared = getattr(annotator, "traits", None)
    return declared if isinstance(declared, Traits) else Traits()


def needs(maker: type) -> frozenset[str]:
    """Arguments that the class cannot be made without: of `inner` (what it wraps), `members`, `world`, and its own options."""
    return frozenset(name for name, each in inspect.signature(maker).parameters.items() if each.default is each.empty)
