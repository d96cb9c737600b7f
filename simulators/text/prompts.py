"""Draws the text world's prompts. The text of a prompt decides the one split that it may be in, so that splits are disjoint
whatever their sizes and seeds."""

from functools import lru_cache

import numpy as np

from ...core.errors import UnknownName
from ...core.records import Prompt
from ...core.seeds import digest, rng_for
from .grammar import CLAUSES, FACTS, Instruction

SHARES = {"eval": range(2), "sft": range(2, 4), "preference": range(4, 6), "unlabeled": range(6, 8), "pretraining": range(8, 16)}
"""Each split's part of the sixteen that prompts are hashed to."""
ASKED = {"mention": 0.6, "avoid": 0.4, "length": 0.5, "tone": 0.6, "format": 0.5}  # how often a prompt has each wish
AT_MOST = 0.6  # how often a wish for a length is for a short one
_FACTS = [(kind, subject) for kind, subjects in FACTS.items() for subject in subjects]
_OPTIONS = {name: list(options) for name, options in CLAUSES.items()}


@lru_cache(maxsize=64)
def draw_prompts(seed: int, split: str, size: int) -> tuple[Prompt, ...]:
    """The split's first `size` prompts under this seed, all different."""
    if split not in SHARES:
        raise UnknownName("split", split, SHARES)
    rng = rng_for(seed, "text", "prompts", split)
    found: dict[str, Prompt] = {}
    while len(found) < size:
        text = random_instruction(rng).render(int(rng.integers(2)))
        if digest("text split", text)[0] % 16 in SHARES[split]:
            found[text] = Prompt(text)
    return tuple(found.values())


def random_instruction(rng: np.random.Generator) -> Instruction:
    """An instruction about a uniformly drawn fact, with each wish as often as `ASKED` says."""
    kind, subject = _FACTS[rng.integers(len(_FACTS))]
    wished = [name for (name, often), drawn in zip(ASKED.items(), rng.random(len(ASKED)), strict=True) if drawn < often]
    length = "at_most" if rng.random() < AT_MOST else "at_least"
    names = [length if name == "length" else name for name in wished]
    wanted = {name: _OPTIONS[name][rng.integers(len(_OPTIONS[name]))] for name in names}
    return Instruction(kind, subject, **wanted)  # type: ignore[arg-type]  # the table's values fit its names
