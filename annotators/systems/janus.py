"""Judges who hold a combination of values, one from each dimension of a hierarchy, said to a language model in words.

Janus / Multifaceted (Lee et al. 2024, arXiv:2405.17977; departures: docs/annotators/janus.md): style, background knowledge,
informativeness and harmlessness, each with values. The combination stands after the pair (see `persona`), and a pair is judged by
label probabilities; an answer alone is scored by a rubric made of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...core.errors import InputError, UnknownName
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Completion, Item, Preference, Rating
from ..annotator import Traits, request_seed
from ..judges.judge import Judge, check_parts
from ..parsing.objects import read_text
from ..parsing.values import read_scores
from ..prompting.prompted import Prompted, json_schema, template_file

LOWEST, HIGHEST = 1, 5


class Janus:
    """A population of value combinations.

    values: the combination to judge by, dimension -> value; for a dimension that is left out, each item draws one at random, and
    the drawn combination is the preference's `persona`. hierarchy: dimension -> value -> the sentence that says it; None is that of
    templates/janus.toml. thinks: think in words before the verdict. parts: replaced parts of that template. A Comparison gives a
    Preference, a Completion a Rating with one score of 1 to 5 a dimension. Raises InputError for an unknown dimension or value."""

    traits = Traits(engine=True)

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        hierarchy: Mapping[str, Mapping[str, str]] | None = None,
        thinks: bool = False,
        name: str = "janus",
        **parts: Any,
    ) -> None:
        self.name = name
        self.hierarchy: Mapping[str, Mapping[str, str]] = hierarchy or template_file("janus")["hierarchy"]
        for dimension, sayings in self.hierarchy.items():
            if not isinstance(sayings, Mapping) or not sayings or not all(isinstance(each, str) for each in sayings.values()):
                raise InputError(f"the hierarchy's {dimension!r} is {sayings!r}; it is a table of values, each with a sentence")
        for dimension, value in (values or {}).items():
            if dimension not in self.hierarchy:
                raise UnknownName("dimension of values", dimension, self.hierarchy)
            if value not in self.hierarchy[dimension]:
                raise UnknownName(f"value of {dimension!r}", value, self.hierarchy[dimension])
        self.values = dict(values or {})
        check_parts(parts, f"the annotator {name!r}")
        self._judge = Judge(template="janus", extras=("values",), thinks=thinks, name=name, **parts)
        scores = {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST}
        schema = json_schema({"rationale": {"type": "string"}, **dict.fromkeys(self.hierarchy, scores)})
        own: dict[str, Any] = {"name": name, "system": parts.get("system")}
        self._rubric = Prompted("janus_rubric", kind="answer", extras=("values",), schema=schema, **own)

    def said(self, combination: Mapping[str, str]) -> str:
        """A combination in words, one dimension a line."""
        return "\n".join(f"{dimension}: {self.hierarchy[dimension][value]}" for dimension, value in combination.items())

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Rating | Abstention:
        combination: dict[str, str] = {}
        for dimension, known in self.hierarchy.items():
            combination[dimension] = self.values.get(dimension) or list(known)[int(rng.integers(len(known)))]
        if isinstance(item, Completion):
            return await self._scored(item, self.said(combination), ask, request_seed(rng))
        said = await self._judge.verdict(item, ask, rng, values=self.said(combination))
        if isinstance(said, Abstention):
            return said
        return replace(said, persona=", ".join(f"{dimension}={value}" for dimension, value in combination.items()))

    async def _scored(self, answer: Completion, values: str, ask: Ask, seed: int) -> Rating | Abstention:
        request = self._rubric.request(answer, seed, values=values)
        reply = await ask(request)
        scores = read_scores(reply.text, list(self.hierarchy), LOWEST, HIGHEST)
        if scores is None:
            why = f"no score of {LOWEST} to {HIGHEST} for each of {list(self.hierarchy)}"
            return self._rubric.unread(answer, request, reply, why)
        return Rating(answer, scores, self.name, rationale=read_text(reply.text, "rationale") or "")
