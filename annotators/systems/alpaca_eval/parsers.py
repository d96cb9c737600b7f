"""What a judge of AlpacaEval's said, read as its configuration says (github.com/tatsu-lab/alpaca_eval, completion parsers): 1 the
first output is better, 2 the second, 1.5 or 0 a tie, one value an example of the prompt.

Departure: what cannot be read is None, so that the judge abstains; AlpacaEval's parsers log and go on with no value.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....core.errors import InputError
from ...parsing.objects import read_object

Parse = Callable[[Any], list[Any] | None]
"""What was said, or what an earlier parser made of it -> its values, one an example; None where it cannot be read."""


def parser_of(name: str, options: Mapping[str, Any], where: str) -> Parse:
    """The parser of that name. where: what errors call the configuration. Raises InputError for an unknown name or option."""
    if name not in PARSERS:
        raise InputError(f"{where} reads replies by {name!r}, which is not known here; known: {', '.join(sorted(PARSERS))}")
    make, known = PARSERS[name]
    for option in options:
        if option not in known:
            raise InputError(f"{where} gives {name} the option {option!r}; it has: {', '.join(known) or 'none'}")
    return make(where, **options)


def p_first(values: Sequence[Any] | None, examples: int) -> float | None:
    """P(the first output of the first example is better); None unless there is one sound value for each of the examples."""
    if values is None or len(values) != examples:
        return None
    said = _number(values[0])
    if said is None or not (said == 0 or 1 <= said <= 2):
        return None
    return 0.5 if said == 0 else 2 - said


def _regex(where: str, outputs_to_match: Any = None) -> Parse:
    """Whichever pattern matches first, then on from where it ended: one value a match."""
    if not isinstance(outputs_to_match, Mapping) or not outputs_to_match:
        raise InputError(
            f"{where} has the outputs_to_match {outputs_to_match!r}; it maps preferences (1, 2) to regular expressions"
        )
    try:
        patterns = [(value, re.compile(str(pattern))) for value, pattern in outputs_to_match.items()]
    except re.error as error:
        raise InputError(f"{where} has a regular expression that is none: {error}") from error

    def parse(said: Any) -> list[Any] | None:
        if not isinstance(said, str):
            return None
        values, at = [], 0
        while at <= len(said):
            found = [(m.start(), place, m) for place, (_, each) in enumerate(patterns) if (m := each.search(said, at))]
            if not found:
                break
            _, place, match = min(found, key=lambda each: each[:2])
            values.append(patterns[place][0])
            at = max(match.end(), at + 1)  # an empty match must not be found for ever
        return values

    return parse


def _ranking(where: str, model_1_name: str = "model_1") -> Parse:
    """`[{"model": ..., "rank": 1}, {"model": ..., "rank": 2}]`, as Python or JSON: the rank of the first output's name."""

    def parse(said: Any) -> list[Any] | None:
        rows = _literal(said) if isinstance(said, str) else said
        if not isinstance(rows, list) or len(rows) != 2 or not all(isinstance(each, Mapping) for each in rows):
            return None
        if {_number(each.get("rank")) for each in rows} != {1.0, 2.0}:
            return None
        ranks = [each["rank"] for each in rows if each.get("model") == model_1_name]
        return ranks if len(ranks) == 1 else None

    return parse


def _scores(where: str) -> Parse:
    """Two scores on the first line, of which the higher wins."""

    def parse(said: Any) -> list[Any] | None:
        words = said.strip().split("\n")[0].replace(",", " ").split() if isinstance(said, str) else []
        scores = [_number(each) for each in words]
        if len(scores) != 2 or scores[0] is None or scores[1] is None:
            return None
        return [1.5 if scores[0] == scores[1] else 1 if scores[0] > scores[1] else 2]

    return parse


def _json(where: str, annotation_key: str | None = None) -> Parse:
    """JSON, or what stands in it under a key; of a list, from each of its members."""

    def parse(said: Any) -> list[Any] | None:
        found = said
        if isinstance(said, str):
            try:
                found = json.loads(said)
            except (json.JSONDecodeError, RecursionError):
                found = read_object(said, annotation_key) if annotation_key else None
        if annotation_key is None:
            return None if found is None else found if isinstance(found, list) else [found]
        rows = found if isinstance(found, list) else [found]
        entries = [each for each in rows if isinstance(each, Mapping) and annotation_key in each]
        return [each[annotation_key] for each in entries] if len(entries) == len(rows) else None

    return parse


def _eval(where: str) -> Parse:
    """A Python literal: a list of values, or one."""

    def parse(said: Any) -> list[Any] | None:
        found = _literal(said) if isinstance(said, str) else said
        return None if found is None else found if isinstance(found, list) else [found]

    return parse


def _replace(where: str, replacer: Any = None, default_replacer: Any = "auto") -> Parse:
    """What `replacer` maps it to; else the default, where `auto` leaves it as it is."""
    if not isinstance(replacer, Mapping):
        raise InputError(f"{where} has the replacer {replacer!r}; it maps what is said to preferences (1, 2)")

    def parse(said: Any) -> list[Any] | None:
        try:
            return [replacer.get(said, said if default_replacer == "auto" else default_replacer)]
        except TypeError:  # a list or the like is no key
            return None

    return parse


def _pipeline(where: str, parsers_to_kwargs: Any = None) -> Parse:
    """One parser after the other, each on every value of the one before."""
    if not isinstance(parsers_to_kwargs, Mapping) or not parsers_to_kwargs:
        raise InputError(f"{where} has the parsers_to_kwargs {parsers_to_kwargs!r}; it maps parsers to their options")
    stages = [parser_of(name, options or {}, where) for name, options in parsers_to_kwargs.items()]

    def parse(said: Any) -> list[Any] | None:
        values = [said]
        for stage in stages:
            found = [stage(each) for each in values]
            if any(each is None for each in found):
                return None
            values = [value for each in found if each is not None for value in each]
        return values

    return parse


PARSERS: Mapping[str, tuple[Callable[..., Parse], tuple[str, ...]]] = {
    "regex_parser": (_regex, ("outputs_to_match",)),
    "ranking_parser": (_ranking, ("model_1_name",)),
    "lmsys_parser": (_scores, ()),
    "json_parser": (_json, ("annotation_key",)),
    "eval_parser": (_eval, ()),
    "replace_parser": (_replace, ("replacer", "default_replacer")),
    "pipeline_meta_parser": (_pipeline, ("parsers_to_kwargs",)),
}
"""By name: the parser, and the options that it has."""


def _literal(said: str) -> Any:
    """A Python or JSON literal; None for anything else. Nothing is run."""
    try:
        return ast.literal_eval(said.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            return json.loads(said)
        except (json.JSONDecodeError, RecursionError):
            return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
