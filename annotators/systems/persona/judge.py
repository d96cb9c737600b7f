"""Judges that answer, and editors that write, for a person: a language model is told who that is, in one of four ways, and a
population is asked one by one or all together.

PERSONA (Castricato et al. 2024, arXiv:2407.17387), whose data are made so: critique, revise, and let the persona choose.
Departures: the person stands last in the prompt, after the pair, so that an engine with prefix caching reads a pair once for all
who judge it; and the verdict is read from label probabilities."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ....core.errors import InputError, UnknownName
from ....core.protocols import Ask, Rng
from ....core.records import Abstention, Comparison, Completion, Item, Preference, Revision
from ....simulators.personas.files import read_personas
from ....simulators.personas.persona import Persona
from ....simulators.personas.population import population
from ....simulators.personas.words import render
from ...annotator import Traits, completion_of, pair_of
from ...judges.judge import Judge, check_parts
from ...judges.worded import PromptedCritic, PromptedEditor
from ...panels.panel import ask_all, nobody
from ...prompting.prompted import template_file

STYLES = {"none": "none", "full": "full", "summary": "summary", "cot": "full"}
"""How a person is told of, and the rendering (see `simulators.personas.words`): not at all, one attribute a line, in a few
sentences, and one attribute a line with thoughts before the verdict."""
ASKED = ("one", "all")


class PersonaJudge:
    """A population of judges by one language model.

    personas: how many to sample, a file of them (as `pasture personas export` writes), or the personas themselves. population_seed:
    of the sampling. which: ask only this one, by its id. style: `none`, `full`, `summary` or `cot`. without: attributes to keep
    out. asks: `one` person per pair, drawn at random (its id is the preference's `persona`), or `all`: p_left is then the
    mean over those who answered, and `parts` holds each. persona_first: put the person before the pair, as others do; it costs many
    times the prompt tokens. parts: replaced parts of templates/persona.toml, as a `Judge` takes them."""

    traits = Traits(engine=True)

    def __init__(
        self,
        personas: int | str | Path | Sequence[Persona] = 13,
        population_seed: int = 0,
        which: str = "",
        style: str = "full",
        without: Collection[str] = (),
        asks: str = "one",
        persona_first: bool = False,
        name: str = "persona",
        **parts: Any,
    ) -> None:
        if asks not in ASKED:
            raise InputError(f"asks is {asks!r}; it is one of: {', '.join(ASKED)}")
        self.name, self.style, self.asks = name, style, asks
        self.personas = find_people(personas, population_seed, which)
        self._words = {each.id: described(each, style, without) for each in self.personas}
        self._judge = _judge(style, persona_first, name, parts)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        if self.asks == "one":
            return await self.verdict(self.personas[int(rng.integers(len(self.personas)))], pair, ask, rng)
        draws = map(np.random.default_rng, rng.integers(2**63, size=len(self.personas)).tolist())
        asked = [self.verdict(each, pair, ask, draw) for each, draw in zip(self.personas, draws, strict=True)]
        verdicts, silent = await ask_all(pair, asked, self.name)
        if not verdicts:
            return nobody(pair, silent, self.name)
        p_left = float(np.mean([each.p_left for each in verdicts]))
        return Preference(pair, p_left, self.name, parts=verdicts, silent=silent)

    async def verdict(self, persona: Persona, pair: Comparison, ask: Ask, rng: Rng) -> Preference | Abstention:
        """What one person says of the pair."""
        words = self._words[persona.id]
        said = await self._judge.verdict(pair, ask, rng, **({} if self.style == "none" else {"persona": words}))
        if isinstance(said, Abstention):
            return said
        return Preference(pair, said.p_left, self.name, persona=persona.id, rationale=said.rationale)


def find_people(personas: int | str | Path | Sequence[Persona], seed: int, which: str = "") -> tuple[Persona, ...]:
    """Sampled personas, those of a file, or those given; only the one with the id `which`, unless that is blank."""
    people = population(personas, seed).personas if isinstance(personas, int) else personas
    people = tuple(read_personas(people) if isinstance(people, str | Path) else people)
    chosen = tuple(each for each in people if not which or each.id == which)
    if not chosen:
        some = ", ".join(each.id for each in people[:3]) or "none at all"
        raise InputError(f"no persona has the id {which!r}; there are {len(people)}: {some} ...")
    return chosen


def described(persona: Persona, style: str, without: Collection[str] = ()) -> str:
    """How a prompt tells of a person, in one of STYLES."""
    if style not in STYLES:
        raise UnknownName("persona style", style, STYLES)
    return render(persona, STYLES[style], without)


def _judge(style: str, persona_first: bool, name: str, parts: dict[str, Any]) -> Judge:
    check_parts(parts, f"the annotator {name!r}")
    own = template_file("persona")
    given: dict[str, Any] = {"name": name, "template": "persona", "ask": own["ask"], **parts}
    if style == "none":
        if persona_first:
            raise InputError("persona_first is of a judge that is told of a person, and the style is `none`; leave one of them out")
        general = template_file("judge")
        given |= {part: general[part] for part in ("system", "shared", "ask")} | {"persona": ""}
        return Judge(**given | parts)
    if persona_first:
        person, shared, pair = (parts.get(part, own[part]) for part in ("persona", "shared", "pair"))
        given |= {"shared": "", "pair": f"{person}\n{shared}\n{pair}", "persona": ""}
    return Judge(**given, thinks=style == "cot", extras=("persona",))


class _CriticFor(PromptedCritic):
    extras: ClassVar = ("persona",)


class _EditorFor(PromptedEditor):
    extras: ClassVar = ("critique", "persona")


class PersonaEditor:
    """Options as of `PersonaJudge`: the people it writes for, and how it is told of them. Each answer is for one person, drawn at
    random.

    temperature: of the critique and the revision, so that several seeds give several revisions. Completion -> Revision."""

    traits = Traits(engine=True, item="answer", gives="a revision of an answer")

    def __init__(
        self,
        personas: int | str | Path | Sequence[Persona] = 13,
        population_seed: int = 0,
        which: str = "",
        style: str = "full",
        without: Collection[str] = (),
        temperature: float = 0.0,
        name: str = "persona-editor",
    ) -> None:
        self.name = name
        self.personas = find_people(personas, population_seed, which)
        self._words = {each.id: described(each, style, without) for each in self.personas}
        part = template_file("persona")["persona"]
        self._critic = _CriticFor(name, persona=part, temperature=temperature)
        self._editor = _EditorFor(name=name, persona=part, temperature=temperature)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Revision | Abstention:
        answer = completion_of(item, self.name)
        return await self.revised(self.personas[int(rng.integers(len(self.personas)))], answer, ask, rng)

    async def revised(self, persona: Persona, answer: Completion, ask: Ask, rng: Rng) -> Revision | Abstention:
        """The answer rewritten for one person."""
        critique: Any = await self._critic.asked(answer, ask, rng, persona=self._words[persona.id])
        if isinstance(critique, Abstention):
            return critique
        return await self._editor.revised(critique, ask, rng, persona=self._words[persona.id])
