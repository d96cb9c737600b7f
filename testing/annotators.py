"""What every annotator promises (`core.protocols.Annotator`), and what it declares of itself (`annotators.traits.Traits`)."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from ..annotators.annotator import traits_of
from ..annotators.make import make_annotator
from ..annotators.runner import annotate
from ..core.errors import InputError
from ..core.protocols import Annotator, Engine, World
from ..core.records import NOTHING, Abstention, Comparison, Item, Preference
from ..simulators import make_world
from ..simulators.material import world_items

ITEMS = 14  # asked about, before some are asked about twice


def check_annotator(make: Any, *, engine: Engine | None = None, world: World | None = None, **options: Any) -> None:
    """Raises AssertionError where an annotator breaks a promise: the same seed gives the same answers, duplicates and other orders
    and shards too; items stay as they were; it obeys the swap law exactly where `traits` say so; it asks an engine exactly where
    they say so.

    make: a class, a function, a registered name or a path, as `make_annotator` takes it. options: its own. engine: asked where it
    asks one; the world's actor by default. world: whose answers are judged; a small text world by default."""
    judged = world or make_world("text", sft=20, preference=30, unlabeled=5, eval=5)
    for law in ANNOTATOR_LAWS:
        law(lambda: make_annotator(make, world=judged, **options), engine or text_actor(), judged)


def text_actor() -> Engine:
    """A model played by rule, which leans to what is shown first, so that an annotator that looks at places shows that it does. It
    also answers for models called `strong` and `weak`."""
    from ..engines import Routed
    from ..simulators.text.actor.engine import Actor

    return Routed({"": Actor(position_bias=0.5), "strong": Actor(sharpness=2.0), "weak": Actor(sharpness=0.5)})


Make = Callable[[], Annotator]


def repeats_itself(make: Make, engine: Engine, world: World) -> None:
    """The same seed gives the same answers, and equal items equal ones."""
    items = _items(make(), world)
    once, again = _answers(items, make(), engine, seed=5), _answers(items, make(), engine, seed=5)
    assert once == again, f"{make().name!r} gave other answers to the same items under the same seed"
    assert once[:3] == once[-3:], f"{make().name!r} gave other answers to items that were asked about twice"
    assert any(not isinstance(each, Abstention) for each in once), f"{make().name!r} abstained on every item"


def knows_no_order(make: Make, engine: Engine, world: World) -> None:
    """Order, window and shards of the items change nothing."""
    items = _items(make(), world)
    whole = _answers(items, make(), engine)
    assert whole == _answers(items, make(), engine, window=3), f"{make().name!r} answers otherwise in a window of 3 items"
    assert whole == _answers(items[::-1], make(), engine)[::-1], f"{make().name!r} answers otherwise in the reverse order"
    parts = _answers(items[:5], make(), engine) + _answers(items[5:], make(), engine)
    assert whole == parts, f"{make().name!r} answers otherwise where the items are asked about in two parts"


def keeps_the_swap_law(make: Make, engine: Engine, world: World) -> None:
    """p_left of a pair and of its swap add up to 1 for every pair, if and only if `traits.symmetric` says so. Where it reads no
    pairs first, or declares no traits, nothing is checked."""
    traits = traits_of(make())
    if traits.item != "pair" or getattr(make(), "traits", None) is None:
        return
    pairs = [each for each in world_items(world, "pair", 30) if isinstance(each, Comparison)]
    both = zip(_answers(pairs, make(), engine), _answers([each.swapped() for each in pairs], make(), engine), strict=True)
    sums = [a.p_left + b.p_left for a, b in both if isinstance(a, Preference) and isinstance(b, Preference)]
    assert sums, f"{make().name!r} reads pairs and preferred nothing in {len(pairs)} of them"
    obeys = all(math.isclose(each, 1.0, abs_tol=1e-9) for each in sums)
    word = "obeys" if obeys else "breaks"
    assert obeys == traits.symmetric, f"{make().name!r} {word} the swap law and declares symmetric={traits.symmetric}"


def leaves_items_alone(make: Make, engine: Engine, world: World) -> None:
    """No item is changed."""
    items = _items(make(), world)
    before = deepcopy(items)
    _answers(items, make(), engine)
    assert items == before, f"{make().name!r} changed the items that it was asked about"


def declares_what_it_gives(make: Make, engine: Engine, world: World) -> None:
    """`traits.gives` is blank exactly where the annotator prefers one answer of a pair, and it asks an engine exactly where
    `traits.engine` says so."""
    traits = traits_of(make())
    pairs = world_items(world, "pair", ITEMS)
    try:
        prefers = any(isinstance(each, Preference) for each in _answers(pairs, make(), engine))
    except InputError:
        prefers = False
    assert prefers == (not traits.gives), f"{make().name!r} judges pairs: {prefers}; it declares gives={traits.gives!r}"
    usage = annotate(_items(make(), world), make(), engine=engine).usage
    asks = usage.requests + usage.cached > 0
    assert asks == traits.engine, f"{make().name!r} asks an engine: {asks}; it declares engine={traits.engine}"


ANNOTATOR_LAWS = (repeats_itself, knows_no_order, keeps_the_swap_law, leaves_items_alone, declares_what_it_gives)


def _items(annotator: Annotator, world: World) -> list[Item]:
    some = list(world_items(world, traits_of(annotator).item, ITEMS))
    return [*some, *some[:3]]


def _answers(items: Sequence[Item], annotator: Annotator, engine: Engine, **options: Any) -> list[Any]:
    """Without what they cost."""
    results = annotate(items, annotator, engine=engine, **options).results
    names = {each.annotator for each in results}
    assert names == {annotator.name}, f"{annotator.name!r} answered in the name of {sorted(names)}"
    return [replace(each, usage=NOTHING) for each in results]
