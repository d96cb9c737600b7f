"""Reads what language models really write: an answer after thoughts, JSON among chatter. What is not plain is None, never a guess.

Every parser takes any text, raises nothing, and takes time in proportion to the text, which is given up beyond
`MOST_CHARACTERS`."""

import json
import re
import unicodedata
from bisect import bisect
from functools import lru_cache
from typing import Any

from ...core.language_models.prompts import THOUGHT
from ...core.text import sound

MOST_CHARACTERS = 100_000
MOST_NESTING = 20  # a reply that is longer or whose JSON nests deeper is not read
PLACEHOLDERS = frozenset({"...", "…", "string", "text", "<text>", "n/a", "none", "null"})
"""What a model copies from the form it was to fill in."""

# An object as it is meant: `{` and then a quote, or a bare name and a colon. A set such as {x, y} is chatter.
LIKE_AN_OBJECT = re.compile(r"\{\s*(?:[\"'“”‘’]|\w{1,40}\s*:)")
_ENVELOPE = r"(?:<[|｜][^|｜<>\s]{1,40}[|｜]>|</?(?:final[_ ])?(?:answer|response|output)>)"
_WRAPPER = re.compile(rf"^(?:\s*{_ENVELOPE})+|(?:{_ENVELOPE}\s*)+$", re.IGNORECASE)
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)


def read_object(text: str, *required: str) -> dict[str, Any] | None:
    """The one JSON object in `text` that has all the `required` properties; None where there is none, or no telling which.

    Code fences and chatter around it, trailing commas, line breaks and stray backslashes in strings, curly quotes, and single
    quotes (where no apostrophe makes them ambiguous) are forgiven. Names of properties are read as `property_name` reads them;
    an object with the properties one level down, alone in another, is unwrapped. None for an object that is cut off, that says
    two things of one property, or that is otherwise no JSON, and for two different objects, unless words just before the last
    announce it as the final one."""
    found = [(whole, is_final) for each, is_final in _parsed_objects(text) or () if (whole := _with(each, required)) is not None]
    if not found:
        return None
    last, is_final = found[-1]
    return dict(last) if is_final or all(repr(each) == repr(last) for each, _ in found) else None


@lru_cache(maxsize=8)
def _parsed_objects(text: str) -> list[tuple[dict[str, Any], bool]] | None:
    """The objects in a reply's answer, in order, and whether words just before announce one as the final one; None where one of
    them cannot be read. Several readers look at one reply."""
    said = without_thinking(text)
    places = None if said is None else _objects(said)
    if said is None or places is None:
        return None
    found, end = list[tuple[dict[str, Any], bool]](), 0
    for start, stop in (each for each in places if LIKE_AN_OBJECT.match(said, *each)):
        before, end = said[max(end, start - 60) : start], stop
        parsed = _parsed(said[start:stop])
        if parsed is None:
            return None
        found.append((parsed, "final" in before.casefold()))
    return found


def property_name(name: str) -> str:
    """A property's name as it is compared: lower case, words joined by `_`."""
    return re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFKC", name).casefold().strip())


def without_thinking(text: str) -> str | None:
    """What follows the last end of a thought, wherever it stands, without the marks of a response around it; None where there is
    too much text, or a thought does not end. A mark that an object's text quotes is none."""
    if len(text) > MOST_CHARACTERS:
        return None
    marks = list(THOUGHT.finditer(text))
    if not marks:
        return text
    places = _objects(text) or []
    while marks and (around := bisect(places, (marks[-1].start(), 0)) - 1) >= 0 and marks[-1].start() < places[around][1]:
        start, stop = places[around]
        if _parsed(text[start:stop]) is None:
            break
        while marks and marks[-1].start() > start:
            marks.pop()
    if not marks:
        return text
    return _WRAPPER.sub("", text[marks[-1].end() :]) if marks[-1].lastgroup else None


def _objects(text: str) -> list[tuple[int, int]] | None:
    """Where the outermost `{...}` stand; None where one is not closed or nests too deep."""
    places: list[tuple[int, int]] = []
    start, depth, lists, in_string = 0, 0, 0, False
    for match in re.finditer(r'\\.|["{}\[\]]', text, re.DOTALL):
        mark = match.group()
        if in_string:
            in_string = mark != '"'
        elif mark == '"':
            in_string = depth > 0
        elif mark == "{":
            start = start if depth else match.start()
            depth += 1
        elif mark == "}" and depth:
            depth -= 1
            if not depth:
                places.append((start, match.end()))
                lists = 0
        elif depth and mark in "[]":
            lists += 1 if mark == "[" else -1
        if depth + lists > MOST_NESTING:
            return None
    return None if depth else places


def _parsed(text: str) -> dict[str, Any] | None:
    for each in (text, _repaired(text)):
        try:
            found = json.loads(each, strict=False, object_pairs_hook=_once, parse_constant=lambda _: None)
            # An escape may be half of a surrogate pair, which no file could hold.
            return json.loads(sound(json.dumps(found, ensure_ascii=False))) if "\\u" in each else found
        except ValueError:  # no JSON, a property that says two things, or a number of thousands of digits
            continue
    return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        key = property_name(name)
        if key in found and repr(found[key]) != repr(value):
            raise ValueError(f"{key!r} says two things")
        found[key] = value
    return found


def _repaired(text: str) -> str:
    if '"' not in text:
        text = re.sub("[“”]", '"', text)
    if '"' not in text:
        straight = re.sub("[‘’]", "'", text)
        quoted = re.sub(r"'(?=\s*[,:}\]])", '"', re.sub(r"([{\[,:]\s*)'", r'\1"', straight))
        text = quoted if "'" not in quoted else text
    parts = _STRING.split(text)
    for k, part in enumerate(parts):
        if k % 2:
            # A pair of backslashes is taken whole, so that the second is not read as the start of an escape.
            parts[k] = re.sub(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)', lambda m: m.group() if m.group(1) else r"\\", part)
        else:
            parts[k] = re.sub(r",(\s*[}\]])", r"\1", part)
    return "".join(parts)


def _with(found: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any] | None:
    inner = list(found.values())
    candidates = [found, *(inner if len(inner) == 1 and isinstance(inner[0], dict) else [])]
    return next((each for each in candidates if all(name in each for name in required)), None)


def read_text(text: str, name: str) -> str | None:
    """The text of property `name`; None where it is missing, blank or only the form's placeholder."""
    found = read_object(text, name)
    return None if found is None else meant(found[name])


def read_prose(text: str, name: str) -> str | None:
    """The text of property `name`, or all of a reply that is plain prose; None for an object without the property, one that is cut
    short, and where nothing has a letter or digit."""
    said = without_thinking(text)
    if said is None or "{" in said:
        return read_text(text, name)
    return said.strip() if any(map(str.isalnum, said)) else None


def read_texts(text: str, name: str) -> tuple[str, ...] | None:
    """The texts of the list in property `name`; None where it is not a list, is empty, or holds something other than text."""
    said = (read_object(text, name) or {}).get(name)
    texts = [meant(each) for each in said] if isinstance(said, list) else []
    return tuple(each for each in texts if each is not None) if texts and None not in texts else None


def meant(value: Any) -> str | None:
    """A property's text, if it is text and says something."""
    said = value.strip() if isinstance(value, str) else ""
    return said if said and said.casefold() not in PLACEHOLDERS else None
