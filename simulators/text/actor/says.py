"""What the actor writes: JSON by the standard names of a schema's properties, a verdict in prose, or its own answer."""

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
from .grades import GRADED, WORDS, grade
from .scene import SHOWN_BY_AN_EDIT, STRANGE, Scene, weights_of

TIE = 0.1  # nats of difference below which two answers are as good
STRENGTHS = (0.7, 2.0)  # nats of difference from which an answer is better, and much better
Schema = Mapping[str, Any]  # a JSON schema


def said_freely(scene: Scene) -> str:
    """The actor's verdict on a pair, its critique of one answer, or else its own answer."""
    if set(scene.answers) == {"A", "B"}:
        return f"{_rationale(scene)}\nVerdict: {verdict(scene, ('A', 'B'))}"
    return _critique(scene, "") if scene.answers else _own_answer(scene)


def said_in_json(scene: Scene, schema: str) -> str:
    """An object of the schema. A property that it does not know by name it fills by its type."""
    text = json.dumps(_filled(json.loads(schema), "", scene), ensure_ascii=False)
    if scene.habits.prose:
        return f"Sure! Here is what I think of it:\n```json\n{text}\n```\nLet me know if you need anything else."
    return text


def verdict(scene: Scene, allowed: Collection[str]) -> str:
    """`A`, `B`, `tie` or `neither`, of those allowed."""
    first, second = scene.judged["A"], scene.judged["B"]
    if "neither" in allowed and max(first, second) < scene.habits.acceptable:
        return "neither"
    if "tie" in allowed and abs(first - second) < TIE:
        return "tie"
    return "A" if first > second or (first == second and scene.rng.random() < 0.5) else "B"


def _filled(schema: Schema, name: str, scene: Scene) -> Any:
    if schema.get("type") == "object":
        inner = schema.get("properties", {})
        graded = ("score", "rating", "grade") if name else ()  # such a score within an aspect's own object is that aspect's
        return {each: _filled(inner[each], name if each in graded else each, scene) for each in inner}
    about = re.fullmatch(r"(.+?)[ _]([aAbB]|\d+)", name)
    label = about[2].upper() if about and about[2].upper() in scene.answers else ""
    plain = about[1] if about and label else name
    if plain in ("verdict", "strength") and "A" not in scene.answers:
        raise EngineError(STRANGE)
    if plain in _SAID:
        return _SAID[plain](scene, label, schema)
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return grade(scene, plain, label, schema)
    if kind == "boolean":
        return scene.judgement(label) > scene.habits.acceptable
    if "enum" in schema:
        return schema["enum"][0]
    return [] if kind == "array" else _critique(scene, label)


def _verdict(scene: Scene, label: str, schema: Schema) -> str:
    return verdict(scene, schema.get("enum", ("A", "B")))


def _strength(scene: Scene, label: str, schema: Schema) -> int:
    low, high = schema.get("minimum", 1), schema.get("maximum", 3)
    margin = abs(scene.judged["A"] - scene.judged["B"])
    return max(low, min(high, low + sum(margin >= each for each in STRENGTHS)))


def _ranking(scene: Scene, label: str, schema: Schema) -> list[int]:
    order = sorted(scene.answers, key=lambda each: -scene.judged[each])
    return [int(each) if each.isdigit() else list(scene.answers).index(each) + 1 for each in order]


def _faults(scene: Scene, label: str) -> list[Fault]:
    """As the actor's taste has them; under foresight a false fact is none until its outcome is shown."""
    label = scene.label(label)
    if label not in scene.answers:
        return []
    found = find_faults(scene.prompt, scene.answers[label], weights_of(scene.taste))
    hidden = scene.changed(label).get("fact", -1.0) >= 0
    return [each for each in found if not (hidden and each.aspect == "fact" and each.start < each.end)]


def _critique(scene: Scene, label: str, schema: Schema | None = None) -> str:
    text = scene.text(label)
    said = [each.text for each in _faults(scene, label)]
    if any(name not in FEATURES for name in scene.taste):
        wished = reasons(scene.prompt, _better(scene, text, no_chance), text, len(RULES))
        said += [each for each in wished if not set(read_rules(each)) & set(FEATURES)]
    return " ".join(dict.fromkeys(said)) or "Nothing is wrong with it."


def _rationale(scene: Scene, label: str = "", schema: Schema | None = None) -> str:
    if len(scene.answers) < 2 or label:
        return _critique(scene, label)
    found = {each: _faults(scene, each) for each in scene.answers}
    return " ".join(f"Answer {each}: {faults[0].text if faults else 'no fault.'}" for each, faults in found.items())


def _spans(scene: Scene, label: str, schema: Schema) -> list[dict[str, str]]:
    """Faults by exact quote, and the right fact as praise; what is missing has a blank quote where the schema has a category for
    it, and is else not said."""
    text = scene.text(label)
    fields = schema.get("items", {}).get("properties", {})
    categories: list[str] = fields.get("category", {}).get("enum", [])
    spans = []
    for each in _faults(scene, label):
        category = _category(each, categories)
        if category and (each.start < each.end or category != each.aspect):
            spans.append({"quote": text[each.start : each.end], "category": category, "polarity": "blame"})
    if not categories:
        right = [each.text for each in parts_of(text) if each.known and each.known.role is Role.FACT]
        if right and style(scene.prompt, text)["fact"] == 1:
            spans.append({"quote": right[0], "category": "fact", "polarity": "praise"})
    return [{name: span[name] for name in span if not fields or name in fields} for span in spans]


def _category(fault: Fault, categories: list[str]) -> str:
    if not categories or fault.aspect in categories:
        return fault.aspect
    words = WORDS["categories"]["mention"] if fault.start == fault.end else WORDS["categories"].get(fault.aspect, ())
    return next((each for word in words for each in categories if word in each.lower()), "")


def _polarity(scene: Scene, label: str, schema: Schema) -> str:
    if not _faults(scene, label):
        return "praise"
    return "mixed" if scene.judgement(label) >= scene.habits.acceptable + GRADED else "blame"


def _better(scene: Scene, text: str, chance: Chance) -> str:
    """The answer edited to the taste, a step at a time while a step gains something."""
    return improve(scene.prompt, text, lambda each: value(scene.taste, scene.prompt, each), chance=chance)


def _chance(scene: Scene) -> Chance:
    """By which what is sampled differs from seed to seed; none at the temperature 0."""
    return (lambda: scene.heat * float(scene.rng.gumbel())) if scene.heat > 0 else no_chance


def _own_answer(scene: Scene, *_: Any) -> str:
    return _better(scene, "", _chance(scene))


def _revision(scene: Scene, label: str, schema: Schema) -> str:
    """What is shown, edited to the taste; of faults that a critique names, those alone are taken out."""
    text = scene.sections.get("draft", scene.text(label))
    critique = scene.sections.get("critique", "")
    named, wished = aspects_named(critique), {name: at for name, at in read_stated_rules(critique).items() if name not in FEATURES}
    chance = _chance(scene)
    if not named and not wished:
        return _better(scene, text, chance)
    mended = mend(scene.prompt, text, weights_of(scene.taste), named, chance)
    return improve(scene.prompt, mended, lambda each: value(wished, scene.prompt, each), chance=chance) if wished else mended


def _directive(scene: Scene, label: str, schema: Schema) -> str:
    faults = _faults(scene, label)
    return faults[0].wish if faults else "Go on like this."


def _reaction(scene: Scene, label: str, schema: Schema) -> str:
    """Silence half of the time; else by worth."""
    kinds = schema.get("enum", ["thumbs_up", "thumbs_down", "silence"])
    worth = scene.judgement(label) - scene.habits.acceptable
    wished = ("heart", "thumbs_up") if worth > GRADED else ("thumbs_up",) if worth > 0 else ("thumbs_down",)
    if "silence" in kinds and scene.rng.random() < 0.5:
        return "silence"
    return next((each for each in wished if each in kinds), kinds[0])


def _follow_up(scene: Scene, label: str, schema: Schema) -> str:
    faults = _faults(scene, label)
    return f"That is not what I asked for. {faults[0].text} {faults[0].wish}" if faults else "Thank you, that is what I wanted."


def _principles(scene: Scene, label: str, schema: Schema) -> list[str]:
    preferred = re.search(r"\b([AB])\b", scene.sections.get("preferred", ""))
    if not preferred or "A" not in scene.answers:
        return []
    won, lost = (scene.answers[each] for each in (preferred[1], "B" if preferred[1] == "A" else "A"))
    return reasons(scene.prompt, won, lost, schema.get("maxItems", 3))


def _preference(scene: Scene, label: str, schema: Schema) -> str:
    draft, edited = scene.sections.get("draft", ""), scene.sections.get("edited", "")
    return " ".join(reasons(scene.prompt, edited, draft, SHOWN_BY_AN_EDIT)) or "No preference shows."


def _outcome(scene: Scene, label: str, schema: Schema) -> str:
    """What came of acting on the answer: it shows whether the fact was right."""
    told = style(scene.prompt, scene.text(label))["fact"]
    if told == 0:
        return "The user learned nothing of what was asked."
    truth = parse_instruction(scene.prompt).answer
    if told > 0:
        return f"The user acted on it, and it was right: {truth}."
    return f"The user acted on it, and it was wrong: it should have been {truth}."


def _argument(scene: Scene, label: str, schema: Schema) -> str:
    """For the answer that the property or the question names, `A` where neither does."""
    asked = re.search(r"\banswer ([AB])\b(?!.*\banswer [AB]\b)", scene.plain, re.DOTALL)
    side = label or (asked[1] if asked else "A")
    other = "B" if side == "A" else "A"
    return f"Answer {side} is better. Of answer {other}: {_critique(scene, other)}"


_SAID: dict[str, Callable[[Scene, str, Schema], Any]] = {
    "rationale": _rationale,
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
