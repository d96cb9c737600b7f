"""What is simulated: worlds with a known truth, users, choice models and noise. The table is read top to bottom."""

from ..core.registry import Entry, Registry

WORLDS = Registry(
    "world",
    {
        "exact": Entry(
            "pasture.simulators.exact:ExactWorld",
            "Finite answers, known features, linear tastes: every quantity is closed-form",
            "arXiv:2210.10760",
        ),
        "exact-overoptimised": Entry(
            "pasture.simulators.exact:overoptimised",
            "Exact, but gold dislikes long answers that a linear reward likes: gold rises, then falls",
            "arXiv:2210.10760",
        ),
        "exact-cyclic": Entry(
            "pasture.simulators.exact:cyclic",
            "Exact, with a rock-paper-scissors part that no utility explains",
            "arXiv:2312.00886",
        ),
        "text": Entry(
            "pasture.simulators.text:TextWorld", "Rule-checkable instructions, a small real language model, a gold score"
        ),
    },
)
"""A target is called as `make(seed=0, **options)` and returns a `core.protocols.World`."""
