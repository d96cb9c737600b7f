"""What a judge of AlpacaEval's said, read as its configuration says (github.com/tatsu-lab/alpaca_eval, completion parsers): 1 the
first output is better, 2 the second, 1.5 or 0 a tie, one value an example of the prompt.

Departures: what cannot be read is None, so that the judge abstains; AlpacaEval's parsers log and go on with no value. Regular
expressions that repeat are run by RE2, which has no look-around and no references back."""

import ast
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ....core.errors import InputError
from ....core.text import one_line, sound
from ...parsing.objects import read_object

Parse = Callable[[Any], list[Any] | None]
"""What was said, or what an earlier parser made of it -> its values, one an example; None where it cannot be read."""


def parser_of(name: str, options: Mapping[str, Any], where: str) -> Parse:
    """The parser of that name. where: what errors call the configuration. Raises InputError for an unknown name or option."""
    if name not in PARSERS:
        raise InputError(f"{where} reads replies by {name!r}, which is not known here; known: {', '.join(sorted(PARSERS))}")
    parser, known = PARSERS[name]
    for option in (each for each in options if each not in known):
        raise InputError(f"{where} gives {name} the option {option!r}; it has: {', '.join(known) or 'none'}")
    return parser(where, **options) if name in MADE else partial(parser, **options)


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
        expected = "it maps preferences (1, 2) to regular expressions"
        raise InputError(f"{where} has the outputs_to_match {outputs_to_match!r}; {expected}")
    patterns = [(value, _Pattern(str(pattern), where)) for value, pattern in outputs_to_match.items()]

    def parse(said: Any) -> list[Any] | None:
        if not isinstance(said, str):
            return None
        values, at = [], 0
        while at <= len(said):
            found = [(*span, place) for place, (_, each) in enumerate(patterns) if (span := each.span(said, at))]
            if not found:
                break
            _, end, place = min(found, key=lambda each: (each[0], each[2]))
            values.append(patterns[place][0])
            at = max(end, at + 1)  # an empty match must not be found for ever
        return values

    return parse


AS_RE2 = {"(": "(?:", "$": r"(?:\n?\z)", r"\Z": r"\z"}
TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?!\?)|\$", re.DOTALL)
MOST_OPTIONAL = 10  # signs of repetition (`?` alone among them) that Python's own engine, which tries all ways, is given


class _Pattern:
    """A regular expression of Python's in a configuration. One that repeats is run by RE2, whose time is linear in the text."""

    def __init__(self, pattern: str, where: str) -> None:
        same = TOKEN.sub(lambda token: AS_RE2.get(token[0], token[0]), pattern)
        repeats = re.findall(r"(?<!\()[*+{?]", TOKEN.sub(lambda token: token[0] if token[0] == "(" else "x", pattern))
        # What stands before `at` is skipped, one character of it kept: `^` is the beginning of the whole text.
        self._first, self._later = f"(?P<match__>(?:{same}))", f"\\A(?s:.)(?s:.*?)(?P<match__>(?:{same}))"
        try:
            self._quick = re.compile(pattern) if {*repeats} <= {"?"} and len(repeats) <= MOST_OPTIONAL else None
            self.span("", 0)
        except (ValueError, TypeError, re.error, RecursionError, OverflowError) as error:
            raise InputError(f"{where} has the regular expression {one_line(pattern)}, which is not run: {error}") from error

    def span(self, text: str, at: int) -> tuple[int, int] | None:
        """Where the first match from `at` on begins and ends."""
        if self._quick:
            match = self._quick.search(text, at)
            return match.span() if match else None
        import pyarrow as pa
        import pyarrow.compute as pc

        data = sound(text[max(at - 1, 0) :]).encode()
        which = self._later if at else self._first
        (found,) = pc.extract_regex_span(pa.array([data.decode()]), which).to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
        if found is None:
            return None
        start, length = found["match__"]
        begins, ends = (len(data[:place].decode()) + max(at - 1, 0) for place in (start, start + length))
        return begins, ends


def _ranking(said: Any, model_1_name: str = "model_1") -> list[Any] | None:
    """`[{"model": ..., "rank": 1}, {"model": ..., "rank": 2}]`, as Python or JSON: the rank of the first output's name."""
    rows = _literal(said)
    if not isinstance(rows, list) or len(rows) != 2 or not all(isinstance(each, Mapping) for each in rows):
        return None
    if {_number(each.get("rank")) for each in rows} != {1.0, 2.0}:
        return None
    ranks = [each["rank"] for each in rows if each.get("model") == model_1_name]
    return ranks if len(ranks) == 1 else None


def _scores(said: Any) -> list[Any] | None:
    """Two scores on the first line, of which the higher wins."""
    words = said.strip().split("\n")[0].replace(",", " ").split() if isinstance(said, str) else []
    scores = [_number(each) for each in words]
    if len(scores) != 2 or scores[0] is None or scores[1] is None:
        return None
    return [1.5 if scores[0] == scores[1] else 1 if scores[0] > scores[1] else 2]


def _json(said: Any, annotation_key: str | None = None) -> list[Any] | None:
    """JSON, or what stands in it under a key; of a list, from each of its members."""
    found = said
    if isinstance(said, str):
        try:
            found = json.loads(said)
        except (json.JSONDecodeError, RecursionError):
            found = read_object(said, annotation_key) if annotation_key else None
    rows = found if isinstance(found, list) else [found]
    if annotation_key is None:
        return None if found is None else rows
    entries = [each for each in rows if isinstance(each, Mapping) and annotation_key in each]
    return [each[annotation_key] for each in entries] if len(entries) == len(rows) else None


def _eval(said: Any) -> list[Any] | None:
    """A Python literal: a list of values, or one."""
    found = _literal(said)
    return None if found is None else found if isinstance(found, list) else [found]


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


PARSERS: Mapping[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "ranking_parser": (_ranking, ("model_1_name",)),
    "lmsys_parser": (_scores, ()),
    "json_parser": (_json, ("annotation_key",)),
    "eval_parser": (_eval, ()),
    "regex_parser": (_regex, ("outputs_to_match",)),
    "replace_parser": (_replace, ("replacer", "default_replacer")),
    "pipeline_meta_parser": (_pipeline, ("parsers_to_kwargs",)),
}
MADE = ("regex_parser", "replace_parser", "pipeline_meta_parser")
"""PARSERS holds the parser and its options, by name; those of MADE look at their options first."""


def _literal(said: Any) -> Any:
    """What a Python or JSON literal says, or what an earlier parser made; None for any other text. Nothing is run."""
    if not isinstance(said, str):
        return said
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
