"""A plain function as an annotator: `def shorter(comparison): return len(comparison.left.text) < len(comparison.right.text)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.options import parameters_of
from ..core.protocols import Ask
from ..core.records import Abstention, Comparison, Feedback, Item, Preference

GIVEN = ("ask", "rng", "world")
"""Parameters that a function is handed if it names them."""


class FunctionAnnotator:
    """Calls `function(item)`, plain or async, and reads what it returns: True for left, False for right, a number in [0, 1]
    for the probability of left, or a finished record (Preference, another kind of feedback, Abstention).

    The function may name `ask` and `rng` (see `core.protocols.Annotator`) and `world`; `options` fill its other parameters.
    """

    def __init__(self, function: Callable[..., Any], name: str = "", options: Mapping[str, Any] | None = None) -> None:
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.traits = getattr(function, "traits", None)
        self._options = dict(options or {})
        parameters = list(parameters_of(function, f"the annotator function {self.name!r}").values())
        if not parameters:
            raise InputError(f"the annotator function {self.name!r} takes nothing; its first parameter is the comparison")
        names = [each.name for each in parameters[1:]]
        self._given = [each for each in ("ask", "rng") if each in names]
        for option in self._options:
            if option not in names:
                known = ", ".join(each for each in names if each not in GIVEN) or "none"
                raise InputError(f"the annotator function {self.name!r} has no option {option!r}; its options: {known}")
        for each in parameters[1:]:
            filled = each.name in self._given or each.name in self._options or each.default is not each.empty
            if not filled and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
                raise InputError(
                    f"the annotator function {self.name!r} needs {each.name!r}, which nothing gives: give it a default, or set "
                    "it in a TOML (`ask`, `rng` and `world` are given)"
                )

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention:
        given = {"ask": ask, "rng": rng}
        said = self._function(item, **{name: given[name] for name in self._given}, **self._options)
        if inspect.isawaitable(said):
            said = await said
        if isinstance(said, bool | int | float | np.bool_ | np.number) and isinstance(item, Comparison):
            return Preference(item, float(said), self.name)
        if isinstance(said, Feedback | Abstention):
            return said
        raise TypeError(
            f"it returned {said!r}; return True (left), False (right), P(left) in [0, 1], a Preference or an Abstention"
        )
