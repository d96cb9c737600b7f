"""Taste in words: the rules that the text world's actor understands, and the rules that say in words what a taste or a choice was.

Two kinds of rule. One is how much a wish of the prompt, or a failing, matters (`A wrong fact is the worst fault.`); the other is
taste, whatever the prompt asks for (`Prefer the shorter answer.`). A sentence may hold several rules, and a rule that is not of the
table, `principles.toml`, is not heeded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...core.files.reading import read_toml
from .faults import parts_of
from .grammar import Role, words_of
from .rules import FEATURES, GOLD, features

SAYING = 1.5
MISSING = 0.3
"""Nats for saying a word that a rule names, and for each word over or under a number that it names."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One feature of an answer that may be liked more or less; what each field is, `principles.toml` explains."""

    feature: str
    size: float
    more: str
    less: str
    keywords: str
    opposite: str = "(?!)"


_TABLE = read_toml(Path(__file__).with_suffix(".toml"), "Pasture's own table of rules")
RULES = tuple(Rule(**each) for each in _TABLE["rules"])
BY_FEATURE = {each.feature: each for each in RULES}
_PATTERNS = [tuple(re.compile(rf"\b(?:{words})\b") for words in (each.keywords, each.opposite)) for each in RULES]
_GROUPS = [(re.compile(each["keywords"]), each["features"]) for each in _TABLE["groups"]]
_NOT = re.compile(r"\b(?:no|not|never|avoid|without|dislikes?|hates?|against|fewer|less|don't|faults?|bad|worst|annoy\w*)\b")
_LITTLE = re.compile(r"\b(?:little|unimportant|not important|welcome|fine|forgiven?|(?:do|does) not matter|not hold it against)\b")
_CLAUSES = re.compile(r"[.!?;:\n]+|, (?:and|but|that|or) ")
_SAYS = re.compile(r"\b(?:mention|say)s? (?:the word )?[\"'“]?(\w+)", re.IGNORECASE)
_COUNT = re.compile(r"\bat (most|least) (\d+) words\b")
_GENERAL = {"what", "it", "nothing", "the", "a", "something", "that", "so", "anything", "everything"}
Taste = Mapping[str, float]
"""Feature -> nats a unit. Beside those of RULES: `say:tea`, `over:10` and `under:10` words."""


@lru_cache(maxsize=16384)
def read_rules(text: str) -> Taste:
    """What the rules in a text add to a taste. Said twice is said once; the later of two opposite ones wins."""
    found: dict[str, float] = {}
    for clause in _CLAUSES.split(text.lower()):
        found |= dict(_read(clause.strip()))
    return found


@lru_cache(maxsize=4096)
def read_stated_rules(text: str) -> Taste:
    """The same of those sentences alone that are the table's own, word for word."""
    stated = {said for rule in RULES for said in (rule.more, rule.less)}
    return read_rules(" ".join(each for each in re.findall(r"[^.\n]+\.", text) if each.strip() in stated))


def _read(sentence: str) -> Iterator[tuple[str, float]]:
    negated = bool(_NOT.search(sentence))
    count, says = _COUNT.search(sentence), _SAYS.search(sentence)
    if count:
        yield f"{'over' if count[1] == 'most' else 'under'}:{count[2]}", MISSING if negated and "never" in sentence else -MISSING
        return
    if says and says[1].lower() not in _GENERAL:
        yield f"say:{says[1].lower()}", -SAYING if negated else SAYING
        return
    little, specific = bool(_LITTLE.search(sentence)), False
    for rule, patterns in zip(RULES, _PATTERNS, strict=True):
        more, less = (bool(pattern.search(sentence)) for pattern in patterns)
        if rule.feature in FEATURES and rule.feature != "words":
            if more:  # a wish of the prompt matters more or less, or a failing does
                specific = True
                yield rule.feature, -rule.size if little else rule.size
        elif more != less:
            specific = True
            yield rule.feature, rule.size if more != negated else -rule.size
    for words, meant in () if specific else _GROUPS:
        if words.search(sentence):
            yield from ((name, BY_FEATURE[name].size * (-1 if little else 1)) for name in meant)


@lru_cache(maxsize=65536)
def style(prompt: str, answer: str) -> dict[str, float]:
    """The features of RULES in an answer, `rules.features` among them; do not change it."""
    roles = {each.known.role for each in parts_of(answer) if each.known}
    lines = [line for line in answer.strip().split("\n") if line.strip()]
    return dict(zip(FEATURES, features(prompt, answer), strict=True)) | {
        "formal": float(Role.FORMAL in roles) - float(Role.CASUAL in roles),
        "list": float(len(lines) >= 2 and all(line.startswith("- ") for line in lines)),
    }


def value(taste: Taste, prompt: str, answer: str, changed: Mapping[str, float] | None = None) -> float:
    """What an answer is worth to a taste, in nats. changed: features that look otherwise than they are."""
    shown = {**style(prompt, answer), **(changed or {})}
    return sum(weight * (shown[name] if name in shown else _named(name, answer)) for name, weight in taste.items())


def _named(name: str, answer: str) -> float:
    kind, _, what = name.partition(":")
    said = words_of(answer)
    if kind == "say":
        return float(what in said)
    return float(max(len(said) - int(what), 0) if kind == "over" else max(int(what) - len(said), 0))


def reasons(prompt: str, won: str, lost: str, most: int = 3) -> list[str]:
    """Rules that explain why one answer won against another: those of the table in which they differ, largest differences (in
    nats of the rules' sizes) first."""
    first, second = style(prompt, won), style(prompt, lost)
    gained = {rule: (first[rule.feature] - second[rule.feature]) * rule.size for rule in RULES}
    found = sorted((rule for rule in RULES if gained[rule]), key=lambda rule: -abs(gained[rule]))
    return [rule.more if gained[rule] > 0 else rule.less for rule in found[:most]]


def taste_sentences(aspects: Sequence[str], departure: Sequence[float], most: int = 3) -> list[str]:
    """A departure from the mean taste, [A], in words: its largest parts, in units of the mean user's weights, largest first.
    Aspects that no rule knows (the exact world's) are named in a plain sentence, and measured in nats."""
    rules = {
        name: BY_FEATURE.get(name) or Rule(name, 1.0, f"Prefer answers with more {name}.", f"Prefer answers with less {name}.", "")
        for name in aspects
    }
    parts = sorted(
        zip(aspects, departure, strict=True), key=lambda each: -abs(each[1] / (GOLD.get(each[0]) or rules[each[0]].size))
    )
    return [rules[name].more if part * rules[name].size > 0 else rules[name].less for name, part in parts[:most] if part]


def aspects_named(text: str) -> set[str]:
    """Features of the text world that a critique speaks of, by the rules' keywords and by how `faults` says it."""
    found = {name for name in read_rules(text) if name in FEATURES}
    return found | {aspect for aspect, pattern in _TABLE["said"].items() if re.search(pattern, text)}
