"""Answers of varied quality to a world's own prompts: what an annotator is asked about where the user brings no file."""

from collections.abc import Callable, Sequence

import numpy as np

from ..core.errors import InputError
from ..core.protocols import World
from ..core.records import Comparison, Completion, Item, Prompt, Slate
from ..core.seeds import rng_for

KINDS: dict[str, tuple[int, Callable[[Sequence[Completion]], Item]]] = {
    "pair": (2, lambda answers: Comparison(*answers)),
    "answer": (1, lambda answers: answers[0]),
    "slate": (4, lambda answers: Slate(tuple(answers))),
}
"""Kind -> how many answers an item has, and the item made of them."""
Draw = Callable[[Prompt, np.random.Generator], Completion]


def world_items(world: World, kind: str, count: int, seed: int = 0) -> list[Item]:
    """One item per prompt of the `preference` split, for the first `count` prompts. kind: `pair`, `answer` or `slate` (of four).

    Answers are generated at qualities drawn uniformly where the world can do that (`answer(prompt, quality, rng)`); elsewhere
    they are samples of its base policy. Those of one item differ in their text, unless 20 draws did not help."""
    if kind not in KINDS:
        raise InputError(f"items of the kind {kind!r} were asked for; there are: {', '.join(KINDS)}")
    wanted, item_of = KINDS[kind]
    answer = getattr(world, "answer", None)
    policy = None if callable(answer) else world.base_policy(0)

    def draw(prompt: Prompt, rng: np.random.Generator) -> Completion:
        return policy.sample([prompt], 1, rng)[0][0] if policy else answer(prompt, float(rng.random()), rng)  # pyright: ignore

    prompts = world.prompts("preference")[:count]
    return [item_of(_different(draw, each, wanted, rng_for(seed, "material", world.name, each.id))) for each in prompts]


def _different(draw: Draw, prompt: Prompt, wanted: int, rng: np.random.Generator, draws: int = 20) -> Sequence[Completion]:
    found: list[Completion] = []
    for left in range(draws, -1, -1):
        answer = draw(prompt, rng)
        if len(found) + left < wanted or all(answer.text != other.text for other in found):
            found.append(answer)
        if len(found) == wanted:
            break
    return found
