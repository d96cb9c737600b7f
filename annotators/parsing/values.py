"""Reads strengths, scores, rankings, spans, polarity and reactions as language models really write them; None is "no telling".

The rules of `objects` hold: any text, nothing raised, bounded time, no guess."""

import math
import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from ...core.records import Polarity, ReactionKind, Span
from .objects import property_name, read_object, without_thinking

STRENGTHS = {"slightly better": 1, "slightly": 1, "better": 2, "much better": 3, "much": 3}  # words for the strengths 1 to 3

_WORDS = tomllib.loads(files(__package__ or "").joinpath("words.toml").read_text(encoding="utf-8"))
POLARITIES = {word: Polarity(name) for name, words in _WORDS["polarities"].items() for word in words}
_KIND_OF_SIGN = {sign: ReactionKind(kind) for kind, signs in _WORDS["signs"].items() for sign in signs}
_KIND_OF_NAME = {name: ReactionKind(kind) for kind, names in _WORDS["reactions"].items() for name in names}
_SIGN = re.compile("|".join(sorted(map(re.escape, _KIND_OF_SIGN), key=len, reverse=True)))
_DENIAL = re.compile(r"\b(?:not|no|never|neither|nor|without|instead of|rather than|unless|if)\b|n['’]t\b|\?", re.IGNORECASE)
_NUMBER = r"[+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?"


def number_in(value: Any, low: float, high: float, whole: bool = True) -> float | None:
    """A property's value as a number in [low, high]: a number, or text that is one ("4", "4.0", "4/5" and "4 out of 5" where
    `high` is 5). None for a bool, NaN, a range ("3-4"), a fraction where the grades are whole, and what lies outside."""
    if isinstance(value, str):
        said = re.sub(r"[\s*`\"']+", " ", unicodedata.normalize("NFKC", value[:100])).strip()
        match = re.fullmatch(rf"({_NUMBER})(?:\s?(?:/|⁄|out of)\s?({_NUMBER}))?\.?", said)
        if match is None or (match[2] is not None and float(match[2]) != high):
            return None
        value = float(match[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:  # as NaN is not
        return None
    return None if whole and value != math.floor(value) else float(value)


def strength_of(value: Any) -> float | None:
    """How much better the better answer is, 1 (slightly) to 3 (much): a number or its words."""
    word = re.sub(r"[_\s]+", " ", value).strip(" .").casefold() if isinstance(value, str) else ""
    return float(STRENGTHS[word]) if word in STRENGTHS else number_in(value, 1, 3)


def read_scores(text: str, aspects: Sequence[str], low: float, high: float, whole: bool = True) -> dict[str, float] | None:
    """One score in [low, high] an aspect, from properties of these names (or objects in them with a `score`), or from lines such
    as "Correctness: 4/5". None where an aspect is missing, is scored twice and differently, or has no score in range."""
    found = read_object(text, *map(property_name, aspects))
    if found is not None:
        values = [found[property_name(aspect)] for aspect in aspects]
        values = [each.get("score", each.get("rating")) if isinstance(each, dict) else each for each in values]
        return _all_of(aspects, [number_in(each, low, high, whole) for each in values])
    said = _plain(text)
    if said is None:
        return None
    alone = number_in(said, low, high, whole) if len(aspects) == 1 else None
    return _all_of(aspects, [_score_in_lines(said, each, low, high, whole) if alone is None else alone for each in aspects])


def _plain(text: str) -> str | None:
    """A reply without its thoughts; None where it opens an object."""
    said = without_thinking(text)
    return None if said is None or "{" in said else said


def _score_in_lines(text: str, aspect: str, low: float, high: float, whole: bool) -> float | None:
    scores: set[float | None] = set()
    for line in text.splitlines():
        name, separator, value = line.partition(":")
        if separator and property_name(re.sub(r"^\s*(?:[-•]|[0-9]{1,2}[.)])?\s*|[*#`]", "", name)) == property_name(aspect):
            bare = re.split(r"\s(?:[-–—(])|,\s|\.\s", value.strip().strip("*` "), maxsplit=1)
            rest = bare[1] if len(bare) > 1 else ""
            scores.add(None if re.search("[0-9]", rest) else number_in(bare[0], low, high, whole))
    return scores.pop() if len(scores) == 1 else None


def _all_of(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float] | None:
    given = [each for each in values if each is not None]
    return dict(zip(names, given, strict=True)) if len(given) == len(names) else None


def read_ranking(text: str, n: int) -> tuple[int, ...] | None:
    """The order of n answers, best first, counted from 0; the text counts from 1. From the property `ranking` (a list of numbers
    or of names such as "answer 2", or text as follows), or from text that is only "2 > 1 > 3", "[2, 1, 3]" or "2, 1, 3", or from
    its one line of that form. None for anything but a permutation of 1 to n: ties ("2 = 1"), gaps, doubles, counting from 0."""
    found = read_object(text, "ranking")
    if found is not None:
        value = found["ranking"]
        return _order(value if isinstance(value, list) else _listed(value), n)
    listed = [each for line in (_plain(text) or "").splitlines() if (each := _listed(line)) is not None]
    orders = {order for each in listed if (order := _order(each, n)) is not None}
    return orders.pop() if len(orders) == 1 and len(listed) == 1 else None


def _listed(text: Any) -> list[Any] | None:
    """The entries of "2 > 1 > 3", "[2, 1, 3]" or "Ranking: 2, 1, 3"; one kind of separator."""
    if not isinstance(text, str) or len(text) > 2000:
        return None
    bare = re.sub(r"^(?:final\s)?(?:ranking|order)\s?[:=]", "", re.sub(r"[*`\"']+", "", text).strip(), flags=re.IGNORECASE)
    bare = bare.strip(" .")
    bare = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    separator = ">" if ">" in bare else ","
    return bare.split(separator) if separator in bare else None


def _order(entries: Any, n: int) -> tuple[int, ...] | None:
    if not isinstance(entries, list) or len(entries) != n:
        return None
    noun = re.compile(r"^(?:answer|response|output|completion|#)\s?", re.IGNORECASE)
    places = [number_in(noun.sub("", each.strip()) if isinstance(each, str) else each, 1, n) for each in entries]
    order = tuple(int(place) - 1 for place in places if place is not None)
    return order if len(set(order)) == n else None


class SpansRead(NamedTuple):
    """The spans of an answer that were found, the polarity said of each (None where none was), and how many quotes were not."""

    spans: tuple[Span, ...]
    polarities: tuple[Polarity | None, ...]
    lost: int


_STRAIGHT = str.maketrans("‘’“”\u00a0", "''\"\" ")  # one character for one, so that places stay


def read_spans(text: str, answer: str, categories: Collection[str] = (), last_of_several: bool = False) -> SpansRead | None:
    """What the property `spans` says of parts of `answer`: a list of {quote, category, polarity}.

    A quote is found where it stands in the answer exactly once (curly quotes match straight ones; blanks around it do not
    count); one that stands nowhere, or in several places, is counted as lost and never placed by guess, unless `last_of_several`: a
    sentence that is said again is a fault where it is said last. A blank quote speaks of what is missing: an empty span at the
    answer's end. categories: all that may be said (none given: any text). None where there is not such a list, or an entry has no
    quote or another category."""
    found = read_object(text, "spans")
    if found is None or not isinstance(found["spans"], list):
        return None
    known, shown = {property_name(each): each for each in categories}, answer.translate(_STRAIGHT)
    spans, polarities, lost = list[Span](), list[Polarity | None](), 0
    for each in found["spans"]:
        if not isinstance(each, dict) or not isinstance(each.get("quote"), str):
            return None
        category = each.get("category") or ""
        if not isinstance(category, str) or (known and property_name(category) not in known):
            return None
        quote = each["quote"].strip().translate(_STRAIGHT)
        first, last = (shown.find(quote), shown.rfind(quote)) if quote else (len(answer), len(answer))
        if first < 0 or (first != last and not last_of_several):
            lost += 1
            continue
        spans.append(Span(last, last + len(quote), known.get(property_name(category), category)))
        polarities.append(polarity_of(each.get("polarity")))
    return SpansRead(tuple(spans), tuple(polarities), lost)


def polarity_of(value: Any) -> Polarity | None:
    """Praise, blame or mixed, from text that is only that word."""
    if not isinstance(value, str) or len(value) > 60:
        return None
    return POLARITIES.get(re.sub(r"[\s*`\"'.!]+", " ", value).strip().casefold())


def read_reaction(text: str) -> ReactionKind | None:
    """A reaction, from the property `reaction`, or from text: its name alone, or emoji all of one kind with nothing denied. Silence
    has to be said ("silence", "no reaction", 😶): an empty reply is a failed one, and None."""
    found = read_object(text, "reaction")
    said = found["reaction"] if found is not None else _plain(text)
    if not isinstance(said, str) or len(said) > 2000:
        return None
    name = property_name(re.sub(r"^\W*reaction\s?:", "", said.strip(), flags=re.IGNORECASE).strip(" *`\"'.!():"))
    if name in _KIND_OF_NAME:
        return _KIND_OF_NAME[name]
    kinds = {_KIND_OF_SIGN[sign] for sign in _SIGN.findall(said)}
    return kinds.pop() if len(kinds) == 1 and not _DENIAL.search(said) else None
