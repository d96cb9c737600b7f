"""Who is asked: the table of annotators, read top to bottom, and `make_annotator` for those and for a user's own."""

from ..core.registry import Entry, Registry

_HERE = "pasture.annotators"

ANNOTATORS = Registry(
    "annotator",
    {
        "judge": Entry(
            f"{_HERE}.judge:Judge",
            "A language model says which answer is better; read from its label probabilities",
            "arXiv:2306.05685",
            {"engine": True, "symmetric": False},
        ),
        "likelihood": Entry(
            f"{_HERE}.likelihood:Likelihood",
            "A language model prefers what it finds likelier a token; best for tiny models",
            traits={"engine": True, "symmetric": True},
        ),
        "gold": Entry(
            f"{_HERE}.truth:Gold",
            "The world's true mean utility, without noise; equal utilities tie",
            traits={"world": True, "symmetric": True},
        ),
        "bradley-terry": Entry(
            f"{_HERE}.truth:BradleyTerry",
            "One user of the world, who chooses with noise",
            "doi:10.2307/2334029",
            {"world": True, "symmetric": True},
        ),
        "pool": Entry(
            f"{_HERE}.truth:UserPool",
            "The world's population: one of its users, drawn a pair, who chooses with noise",
            "arXiv:2305.14387",
            {"world": True, "symmetric": True},
        ),
        "longest": Entry(f"{_HERE}.rules:Longest", "The longer answer, in characters", traits={"symmetric": True}),
        "first": Entry(
            f"{_HERE}.rules:First", "Whichever is shown first: a control for position bias", traits={"symmetric": False}
        ),
        "swap": Entry(
            f"{_HERE}.swap:Swap",
            "Wraps `inner`: asks in both orders and averages",
            "arXiv:2305.17926",
            {"wraps": True, "symmetric": True},
        ),
        "flip": Entry(
            f"{_HERE}.flip:Flip",
            "Wraps `inner`: inverts its label at `rate`, and buys none that noise decides",
            "arXiv:2305.14387",
            {"wraps": True, "symmetric": True},
        ),
        "flip-by-length": Entry(
            f"{_HERE}.flip:FlipByLength",
            "Wraps `inner`: flips a verdict for the longer and the shorter answer at different rates",
            traits={"wraps": True, "symmetric": True},
        ),
        "flip-by-position": Entry(
            f"{_HERE}.flip:FlipByPosition",
            "Wraps `inner`: flips a verdict for the first and the second answer at different rates",
            traits={"wraps": True, "symmetric": False},
        ),
        "flip-by-closeness": Entry(
            f"{_HERE}.flip:FlipByCloseness",
            "Wraps `inner`: flips close pairs most, by the world's true utilities",
            traits={"wraps": True, "world": True, "symmetric": True},
        ),
        "biased": Entry(
            f"{_HERE}.biased:Biased",
            "Wraps `inner`: plants a position and a length bias, in log-odds",
            "arXiv:2306.05685",
            {"wraps": True, "symmetric": False},
        ),
        "mixture": Entry(
            f"{_HERE}.mixture:Pool",
            "Wraps `members`: asks one of them a pair, drawn at random",
            "arXiv:2305.14387",
            {"members": True, "symmetric": True},
        ),
    },
)
"""Traits: `engine` asks a language model; `world` needs a world; `wraps` needs `inner` and `members` a list of annotators;
`symmetric` obeys the swap law under every seed (a wrapper: if what it wraps does)."""


from .build import make_annotator  # noqa: E402 (it reads the table)

__all__ = ["ANNOTATORS", "make_annotator"]
