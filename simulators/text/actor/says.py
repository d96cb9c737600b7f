"""What the actor writes: JSON by the standard names of a schema's properties, a verdict in prose, or its own answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ....core.errors import EngineError
from ....core.protocols import Fault
from ..edits import Chance, improve, mend, no_chance
from ..faults import find_faults, parts_of
from ..grammar import Role, parse_instruction
from ..principles import RULES, aspects_named, read_rules, read_stated_rules, reasons, style, value
from ..rules import FEATURES
from .grades import GRADED, grade
from .habits import Habits
from .scene import SHOWN_BY_AN_EDIT, STRANGE, Scene, weights_of

TIE = 0.1
"""Nats of difference below which two answers are as good."""
STRENGTHS = (0.7, 2.0)
"""Nats of difference from which an answer is better, and much better."""
CATEGORIES = {
    "fact": ("fact", "incorrect", "wrong", "error", "truth"),
    "mention": ("incomplete", "missing", "omission"),
    "filler": ("irrelevan", "repet", "coheren", "redundan", "verbos"),
    "repeated": ("repet", "irrelevan", "coheren", "redundan"),
    "broken": ("coheren", "fluen", "grammar", "irrelevan"),
}
"""Words by which a schema's own category is the one for an aspect."""


def said_freely(scene: Scene, habits: Habits) -> str:
    """The actor's verdict on a pair, its critique of one answer, or else its own answer."""
    if set(scene.answers) == {"A", "B"}:
        return f"{_rationale(scene, habits)}\nVerdict: {verdict(scene, habits, ('A', 'B'))}"
    return _critique(scene, habits, "") if scene.answers else _own_answer(scene)


def said_in_json(scene: Scene, habits: Habits, schema: str) -> str:
    """An object of the schema. A property that it does not know by name it fills by its type."""
    wanted: Mapping[str, Any] = json.loads(schema)
    text = json.dumps(_filled(wanted, "", scene, habits), ensure_ascii=False)
    if habits.prose:
        return f"Sure! Here is what I think of it:\n```json\n{text}\n```\nLet me know if you need anything else."
    return text


def verdict(scene: Scene, habits: Habits, allowed: Collection[str]) -> str:
    """`A`, `B`, `tie` or `neither`, of those allowed."""
    first, second = scene.judged["A"], scene.judged["B"]
    if "neither" in allowed and max(first, second) < habits.acceptable:
        return "neither"
    if "tie" in allowed and abs(first - second) < TIE:
        return "tie"
    return "A" if first > second or (first == second and scene.rng.random() < 0.5) else "B"


def _filled(schema: Mapping[str, Any], name: str, scene: Scene, habits: Habits) -> Any:
    if schema.get("type") == "object":
        inner = schema.get("properties", {})
        return {each: _filled(inner[each], _inner_name(each, name), scene, habits) for each in inner}
    about = re.fullmatch(r"(.+?)[ _]([aAbB]|\d+)", name)
    label = about[2].upper() if about and about[2].upper() in scene.answers else ""
    plain = about[1] if about and label else name
    if plain in _SAID:
        return _SAID[plain](scene, habits, label, schema)
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return grade(scene, habits, plain, label, schema)
    if kind == "boolean":
        return scene.judged.get(label or next(iter(scene.answers), ""), 0.0) > habits.acceptable
    if "enum" in schema:
        return schema["enum"][0]
    return [] if kind == "array" else _critique(scene, habits, label)


def _inner_name(name: str, outer: str) -> str:
    """A score within an aspect's own object is that aspect's."""
    return outer if name in ("score", "rating", "grade") and outer else name


def _verdict(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    _check_pair(scene)
    return verdict(scene, habits, schema.get("enum", ("A", "B")))


def _check_pair(scene: Scene) -> None:
    """Raises EngineError where there is no pair to judge."""
    if "A" not in scene.answers:
        raise EngineError(STRANGE)


def _strength(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> int:
    low, high = schema.get("minimum", 1), schema.get("maximum", 3)
    _check_pair(scene)
    margin = abs(scene.judged["A"] - scene.judged["B"])
    return max(low, min(high, low + sum(margin >= each for each in STRENGTHS)))


def _ranking(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> list[int]:
    order = sorted(scene.answers, key=lambda each: -scene.judged[each])
    return [int(each) if each.isdigit() else list(scene.answers).index(each) + 1 for each in order]


def _faults(scene: Scene, habits: Habits, label: str) -> list[Fault]:
    """As the actor's taste has them; under foresight a false fact is none until its outcome is shown."""
    label = label or next(iter(scene.answers), "")
    if label not in scene.answers:
        return []
    found = find_faults(scene.prompt, scene.answers[label], weights_of(scene.taste))
    hidden = scene.changed(label, habits.foresight).get("fact", -1.0) >= 0
    return [each for each in found if not (hidden and each.aspect == "fact" and each.start < each.end)]


def _critique(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any] | None = None) -> str:
    text = scene.answers.get(label or next(iter(scene.answers), ""), "")
    said = [each.text for each in _faults(scene, habits, label)]
    if any(name not in FEATURES for name in scene.taste):
        wished = reasons(scene.prompt, _better(scene, text, no_chance), text, len(RULES))
        said += [each for each in wished if not set(read_rules(each)) & set(FEATURES)]
    return " ".join(dict.fromkeys(said)) or "Nothing is wrong with it."


def _rationale(scene: Scene, habits: Habits, label: str = "", schema: Mapping[str, Any] | None = None) -> str:
    if len(scene.answers) < 2 or label:
        return _critique(scene, habits, label)
    found = {each: _faults(scene, habits, each) for each in scene.answers}
    return " ".join(f"Answer {each}: {faults[0].text if faults else 'no fault.'}" for each, faults in found.items())


def _spans(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Faults by exact quote, and the right fact as praise; what is missing has a blank quote where the schema has a category for
    it, and is else not said."""
    text = scene.answers.get(label or next(iter(scene.answers), ""), "")
    fields = schema.get("items", {}).get("properties", {})
    categories: list[str] = fields.get("category", {}).get("enum", [])
    found = [(text[each.start : each.end], each, "blame") for each in _faults(scene, habits, label)]
    spans = []
    for quote, each, polarity in found:
        category = _category(each, categories)
        if category and (each.start < each.end or category != each.aspect):
            spans.append({"quote": quote, "category": category, "polarity": polarity})
    if not categories:
        right = [each.text for each in parts_of(text) if each.known and each.known.role is Role.FACT]
        if right and style(scene.prompt, text)["fact"] == 1:
            spans.append({"quote": right[0], "category": "fact", "polarity": "praise"})
    return [{name: span[name] for name in span if not fields or name in fields} for span in spans]


def _category(fault: Fault, categories: list[str]) -> str:
    if not categories or fault.aspect in categories:
        return fault.aspect
    words = CATEGORIES["mention"] if fault.start == fault.end else CATEGORIES.get(fault.aspect, ())
    return next((each for word in words for each in categories if word in each.lower()), "")


def _polarity(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    worth = scene.judged.get(label or next(iter(scene.answers), ""), 0.0)
    if not _faults(scene, habits, label):
        return "praise"
    return "mixed" if worth >= habits.acceptable + GRADED else "blame"


def _better(scene: Scene, text: str, chance: Chance) -> str:
    """The answer edited to the taste, a step at a time while a step gains something."""
    return improve(scene.prompt, text, lambda each: value(scene.taste, scene.prompt, each), chance=chance)


def _chance(scene: Scene) -> Chance:
    """By which what is sampled differs from seed to seed; none at the temperature 0."""
    return (lambda: scene.heat * float(scene.rng.gumbel())) if scene.heat > 0 else no_chance


def _own_answer(scene: Scene, *_: Any) -> str:
    return _better(scene, "", _chance(scene))


def _revision(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    """What is shown, edited to the taste; of faults that a critique names, those alone are mended."""
    text = scene.sections.get("draft", scene.answers.get(label or next(iter(scene.answers), ""), ""))
    critique = scene.sections.get("critique", "")
    named, wished = aspects_named(critique), {name: at for name, at in read_stated_rules(critique).items() if name not in FEATURES}
    chance = _chance(scene)
    if not named and not wished:
        return _better(scene, text, chance)
    mended = mend(scene.prompt, text, weights_of(scene.taste), named, chance)
    return improve(scene.prompt, mended, lambda each: value(wished, scene.prompt, each), chance=chance) if wished else mended


def _directive(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    faults = _faults(scene, habits, label)
    return faults[0].wish if faults else "Go on like this."


def _reaction(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    """Silence half of the time; else by worth."""
    kinds = schema.get("enum", ["thumbs_up", "thumbs_down", "silence"])
    worth = scene.judged.get(label or next(iter(scene.answers), ""), 0.0) - habits.acceptable
    wished = ("heart", "thumbs_up") if worth > GRADED else ("thumbs_up",) if worth > 0 else ("thumbs_down",)
    if "silence" in kinds and scene.rng.random() < 0.5:
        return "silence"
    return next((each for each in wished if each in kinds), kinds[0])


def _follow_up(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    faults = _faults(scene, habits, label)
    return f"That is not what I asked for. {faults[0].text} {faults[0].wish}" if faults else "Thank you, that is what I wanted."


def _principles(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> list[str]:
    """Rules that explain the preference shown."""
    preferred = re.search(r"\b([AB])\b", scene.sections.get("preferred", ""))
    if not preferred or "A" not in scene.answers:
        return []
    won, lost = (scene.answers[each] for each in (preferred[1], "B" if preferred[1] == "A" else "A"))
    return reasons(scene.prompt, won, lost, schema.get("maxItems", 3))


def _preference(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    """The rules that an edit followed."""
    draft, edited = scene.sections.get("draft", ""), scene.sections.get("edited", "")
    return " ".join(reasons(scene.prompt, edited, draft, SHOWN_BY_AN_EDIT)) or "No preference shows."


def _outcome(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    """What came of acting on the answer: it shows whether the fact was right."""
    text = scene.answers.get(label or next(iter(scene.answers), ""), "")
    told = style(scene.prompt, text)["fact"]
    if told == 0:
        return "The user learned nothing of what was asked."
    truth = parse_instruction(scene.prompt).answer
    if told > 0:
        return f"The user acted on it, and it was right: {truth}."
    return f"The user acted on it, and it was wrong: it should have been {truth}."


def _argument(scene: Scene, habits: Habits, label: str, schema: Mapping[str, Any]) -> str:
    """For the answer that the property or the question names, `A` where neither does."""
    asked = re.search(r"\banswer ([AB])\b(?!.*\banswer [AB]\b)", scene.plain, re.DOTALL)
    side = label or (asked[1] if asked else "A")
    other = "B" if side == "A" else "A"
    return f"Answer {side} is better. Of answer {other}: {_critique(scene, habits, other)}"


_Say = Callable[[Scene, Habits, str, Mapping[str, Any]], Any]
_SAID: dict[str, _Say] = {
    "rationale": lambda scene, habits, label, schema: _rationale(scene, habits, label),
    "verdict": _verdict,
    "strength": _strength,
    "ranking": _ranking,
    "critique": _critique,
    "spans": _spans,
    "polarity": _polarity,
    "revision": _revision,
    "directive": _directive,
    "reaction": _reaction,
    "follow_up": _follow_up,
    "principles": _principles,
    "preference": _preference,
    "outcome": _outcome,
    "argument": _argument,
    "answer": _own_answer,
}
