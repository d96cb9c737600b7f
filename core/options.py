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
from .text import one_line

LIST = "a list, with [ and ] around it"
_TABLE = ("a table, such as {name = 1}", lambda value: isinstance(value, Mapping))
_SEQUENCE = (LIST, lambda value: isinstance(value, Sequence) and not isinstance(value, str))
_PLAIN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    "float": ("a number, such as 0.5", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    "str": ("text", lambda value: isinstance(value, str)),
    **dict.fromkeys(("Mapping", "dict"), _TABLE),
    **dict.fromkeys(("Sequence", "list", "tuple"), _SEQUENCE),
    "Collection": (LIST, lambda value: isinstance(value, Collection) and not isinstance(value, str)),
    "None": ("", lambda value: value is None),
}


def check_options(make: Callable[..., Any], options: Mapping[str, Any], who: str) -> None:
    """`check_types`; and raises InputError for an option that `make` does not have, and for one that it lacks."""
    known = parameters_of(make, who)
    takes_any = any(each.kind is each.VAR_KEYWORD for each in known.values())
    for name in options:
        if name not in known and not takes_any:
            raise InputError(f"{who} has no option {name!r}; its options: {', '.join(known) or 'none'}")
    for name, each in known.items():
        if each.default is each.empty and name not in options and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            raise InputError(f"{who} needs the option {name!r}; give it a value")
    check_types(make, options, who)


def parameters_of(make: Callable[..., Any], who: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of a class or a function. Raises InputError for one that does not say which it has."""
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{who} is {one_line(make)}, built into Python, whose options are not known; write a function or class"
        ) from error


def check_types(make: Callable[..., Any], options: Mapping[str, Any], who: str) -> None:
    """Raises InputError for an option of `make` whose value is of none of the types in its signature.

    who: whose options they are, as in "the annotator 'judge'".
    """
    for name, parameter in parameters_of(make, who).items():
        if name not in options or parameter.annotation is parameter.empty:
            continue
        value, kinds = options[name], [_PLAIN.get(each) for each in _parts(parameter.annotation)]
        known = [kind for kind in kinds if kind is not None]
        if len(known) == len(kinds) and not any(fits(value) for _, fits in known):
            expected = " or ".join(dict.fromkeys(words for words, _ in known if words))
            raise InputError(f"the option {name!r} of {who} is {one_line(value)}; it is {expected}")


def _parts(annotation: Any) -> list[str]:
    """Names of the types in a union, without what stands in their brackets."""
    said = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    while said != (less := re.sub(r"\[[^\[\]]*\]", "", said)):
        said = less
    return [each.strip().rpartition(".")[2] for each in said.split("|")]
