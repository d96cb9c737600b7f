"""What annotators share: what one declares of itself, the check of what it was given, and draws for the parts of a whole."""

import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from ..core.errors import InputError
from ..core.protocols import Rng
from ..core.records import Abstention, Comparison, Completion, Feedback, Item, Preference, Reason, Slate
from ..core.seeds import rng_for
from ..core.text import one_line


@dataclass(frozen=True, slots=True)
class Traits:
    """Stands in a class as `traits = Traits(...)`, a user's own class included; `pasture.testing.check_annotator` holds it to that.

    engine: it asks a language model. symmetric: it obeys the swap law under every seed (a wrapper: if what it wraps does).
    item: what it reads first, `pair`, `answer` or `slate`. gives: what it says, for annotators that never say which of two answers
    is better; blank for those that do."""

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


Said = TypeVar("Said", bound=Feedback | Abstention)
Given = TypeVar("Given")


def pair_of(item: Item, annotator: str) -> Comparison:
    """`item` if it is a comparison; InputError says who wanted one."""
    if isinstance(item, Comparison):
        return item
    raise _refused(item, annotator, "judges a pair", "give it pairs, as `pasture annotate --pairs FILE` does")


def completion_of(item: Item, annotator: str) -> Completion:
    """`item` if it is one answer; InputError says who wanted one."""
    if isinstance(item, Completion):
        return item
    raise _refused(item, annotator, "reads one answer", "give it answers, as `pasture annotate --answers FILE` does")


def slate_of(item: Item, annotator: str) -> Slate:
    """`item` if it is a slate of two answers or more; InputError says who wanted one."""
    if isinstance(item, Slate) and len(item.completions) >= 2:
        return item
    way_out = "give it the answers of several models, as in --answers A --answers B"
    raise _refused(item, annotator, "ranks 2 answers or more to one prompt", way_out)


def _refused(item: Item, annotator: str, reads: str, way_out: str) -> InputError:
    given = "a pair" if isinstance(item, Comparison) else "one answer" if isinstance(item, Completion) else "a slate"
    return InputError(f"the annotator {annotator!r} {reads} and was given {given}; {way_out}")


def verdict_of(said: Feedback | Abstention, inner: str, outer: str) -> Preference | Abstention:
    """What `inner` said, if it is a verdict on a pair (or none); InputError says which wrapper wanted one."""
    if isinstance(said, Preference | Abstention):
        return said
    raise InputError(f"{outer!r} wraps an annotator of pairs, and {inner!r} gave a {type(said).__name__}; wrap one that prefers")


def renamed(said: Said, name: str) -> Said:
    """The same answer, in the name of the wrapper that was asked."""
    return said if said.annotator == name else replace(said, annotator=name)


async def contained(asked: Awaitable[Given]) -> Given:
    """What it gives. SystemExit would end the loop out of a task of its own, as a panel's member has one: it becomes an error."""
    try:
        return await asked
    except SystemExit as error:
        raise RuntimeError(f"SystemExit({one_line(error.code)})") from error


def shared_seed(rng: Rng) -> int:
    """A seed for generators that several parts draw from apart, so that what one draws does not move the others."""
    return int(rng.integers(2**63))


def request_seed(rng: Rng) -> int:
    """A seed for the draws of one request (`Sampling.seed`)."""
    return int(rng.integers(2**31))


def answer_seed(shared: int, answer: Completion) -> int:
    """A seed for one request about `answer`, which is the same on either side of a pair."""
    return request_seed(rng_for(shared, answer.key))


def foremost(silent: Sequence[Abstention]) -> Abstention:
    """The one that speaks for all who gave nothing: the first that could not be read, else the first; with the unread requests of
    all."""
    first = next((each for each in silent if each.reason is Reason.UNPARSABLE), silent[0])
    return replace(first, unread=tuple(request for each in silent for request in each.unread))
