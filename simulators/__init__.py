"""What is simulated: worlds with a known truth, users, choice models and noise. The table is read top to bottom."""

from typing import Any

from ..core.protocols import World
from ..core.public import public
from ..core.registry import Entry, Registry

WORLDS = Registry(
    "world",
    {
        "exact": Entry(
            "pasture.simulators.exact.world:ExactWorld",
            "Finite answers, known features, linear tastes: every quantity is closed-form",
            "arXiv:2210.10760",
        ),
        "exact-overoptimised": Entry(
            "pasture.simulators.exact.world:overoptimised",
            "Exact, but gold dislikes long answers that a linear reward likes: gold rises, then falls",
            "arXiv:2210.10760",
        ),
        "exact-cyclic": Entry(
            "pasture.simulators.exact.world:cyclic",
            "Exact, with a rock-paper-scissors part that no utility explains",
            "arXiv:2312.00886",
        ),
        "exact-personas": Entry(
            "pasture.simulators.exact.world:exact_personas",
            "Exact, its users personas sampled from census tables, as weight vectors",
            "arXiv:2407.17387",
        ),
        "text": Entry(
            "pasture.simulators.text.world:TextWorld", "Rule-checkable instructions, a small real language model, a gold score"
        ),
        "text-personas": Entry(
            "pasture.simulators.text.world:text_personas",
            "Text, its users personas sampled from census tables, as weight vectors",
            "arXiv:2407.17387",
        ),
    },
    makes=("prompts", "truth", "base_policy"),
)
"""A target is called as `make(seed=0, **options)` and returns a `core.protocols.World`."""


def make_world(name: str, **options: Any) -> World:
    """The world of this name, made with its own options (`seed` among them). Raises UnknownName for an unknown name, InputError for
    an option that the world does not take."""
    return WORLDS.make(name, **options)


__getattr__ = public(__name__)
