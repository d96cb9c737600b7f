"""Checks options that were given as text or in a TOML against the types that the maker's signature states.

Only plain types are checked: bool, int, float, str, lists and tables, and unions of these. Any other annotation lets all pass.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from .errors import InputError

LIST = "a list, with [ and ] around it"
_PLAIN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    "float": ("a number, such as 0.5", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    "str": ("text", lambda value: isinstance(value, str)),
    "Mapping": ("a table, such as {name = 1}", lambda value: isinstance(value, Mapping)),
    "dict": ("a table, such as {name = 1}", lambda value: isinstance(value, Mapping)),
    "Sequence": (LIST, lambda value: isinstance(value, Sequence) and not isinstance(value, str)),
    "Collection": (LIST, lambda value: isinstance(value, Collection) and not isinstance(value, str)),
    "list": (LIST, lambda value: isinstance(value, Sequence) and not isinstance(value, str)),
    "tuple": (LIST, lambda value: isinstance(value, Sequence) and not isinstance(value, str)),
    "None": ("", lambda value: value is None),
}


def check_types(make: Callable[..., Any], options: Mapping[str, Any], who: str) -> None:
    """Raises InputError for an option of `make` whose value is of none of the types in its signature.

    who: whose options they are, as in "the annotator 'judge'".
    """
    for name, parameter in inspect.signature(make).parameters.items():
        if name not in options or parameter.annotation is parameter.empty:
            continue
        value, kinds = options[name], [_PLAIN.get(each) for each in _parts(parameter.annotation)]
        known = [kind for kind in kinds if kind is not None]
        if len(known) == len(kinds) and not any(fits(value) for _, fits in known):
            expected = " or ".join(dict.fromkeys(words for words, _ in known if words))
            raise InputError(f"the option {name!r} of {who} is {value!r}; it is {expected}")


def _parts(annotation: Any) -> list[str]:
    """Names of the types in a union, without what stands in their brackets."""
    said = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    while said != (less := re.sub(r"\[[^\[\]]*\]", "", said)):
        said = less
    return [each.strip().rpartition(".")[2] for each in said.split("|")]
