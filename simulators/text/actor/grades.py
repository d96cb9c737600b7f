"""Grades that the actor gives one answer, by what the grade's name says that it measures."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....core.errors import EngineError
from ....core.files.reading import read_toml
from ..principles import BY_FEATURE, style
from ..rules import FEATURES
from .scene import STRANGE, Scene

GRADED = 1.5  # nats above zero that take a grade from the middle four fifths of the way to the top
WORDS = read_toml(Path(__file__).with_name("words.toml"), "the actor's own words")


def grade(scene: Scene, name: str, label: str, schema: Mapping[str, Any]) -> int | float:
    """A grade on the schema's scale (1 to 5 where it gives none): the middle is worth nothing, by an S-shaped curve of the nats in
    what its name says; of a length, of the words above the middle of ten. Raises EngineError where there is no answer to grade."""
    label, lowered = scene.label(label), name.lower()
    if label not in scene.answers:
        raise EngineError(STRANGE)
    shown = {**style(scene.prompt, scene.answers[label]), **scene.changed(label)}
    kind = next((each for each, parts in WORDS["measured"].items() if any(part in lowered for part in parts)), "")
    if lowered in FEATURES and lowered != "words":
        nats = 2 * BY_FEATURE[lowered].size * (shown[lowered] + (0.5 if BY_FEATURE[lowered].size < 0 else 0.0))
    elif kind == "words":
        nats = 0.3 * (shown["words"] - 10.0)
    elif kind:
        nats = (0.0 if kind == "fact" else 1.0) + sum(scene.taste.get(each, 0.0) * shown[each] for each in WORDS["features"][kind])
    else:
        nats = scene.worth[label]
    nats += scene.judged[label] - scene.worth[label]  # noise
    options = schema.get("enum")
    low, high = (min(options), max(options)) if options else (schema.get("minimum", 1), schema.get("maximum", 5))
    found = low + (high - low) / (1 + math.exp(-math.log(9.0) * nats / GRADED))
    return found if schema.get("type") == "number" else round(found)
