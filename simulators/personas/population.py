"""Populations of personas: demographics from the raked census table, traits from stated assumptions, consistent with one another.

After PERSONA (Castricato et al. 2024, arXiv:2407.17387). Departures: all is sampled, nothing is written by a language model, so
that the demographic margins are the census's; adults only; its filter for self-consistency, a language model, is rules here. A
persona that breaks one has its traits drawn again; impossible demographics have weight zero in the census table, so that a rule
never moves a margin. Persona k of a seed is the same however many are drawn."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...core.errors import EngineError, InputError
from ...core.files.reading import read_toml
from ...core.protocols import Ask
from ...core.records import Message
from ...core.requests import Request, Sampling, label_shares
from ...core.seeds import rng_for
from .census import AXES, BANDS, adults
from .parameters import TRAITS, Parameters, default_parameters
from .persona import ANSWERS, BIG_FIVE, BigFive, Persona, Values
from .traits import NOISES, trait_model
from .words import render

ATTEMPTS = 1000
TEMPLATE = read_toml(Path(__file__).with_name("filter.toml"), "Pasture's own question about a persona")
FAR = 1.0  # standard deviations to the other side from which a trait contradicts a habit


def broken_rules(persona: Persona, parameters: Parameters) -> tuple[str, ...]:
    """Names of the rules that the persona breaks. Habits that the parameters do not know are bound by none."""
    first, last = persona.values.ordered()[:2], persona.values.ordered()[-2:]
    answers = {name: getattr(persona, name) for name in ANSWERS}
    scores = persona.big_five._asdict() | persona.values._asdict()
    known = parameters.habits_by_text
    habits = [known[text] for text in (*persona.quirks, *persona.mannerisms) if text in known]
    breaks = {
        "unbelieving traditionalist": persona.religion in ("atheist", "agnostic") and "tradition" in first,
        "liberal without universalism": persona.ideology == "very liberal" and "universalism" in last,
        "conservative without tradition": persona.ideology == "very conservative" and "tradition" in last,
        "habit of another": not all(habit.fits(answers) for habit in habits),
        "habit against trait": any(habit.trait and habit.sign * scores[habit.trait] < -FAR for habit in habits),
    }
    return tuple(name for name, is_broken in breaks.items() if is_broken)


@dataclass(frozen=True, slots=True)
class Population:
    """Personas 0 .. n-1 of a seed. `redrawn`: how many draws of traits each consistency rule threw away."""

    personas: tuple[Persona, ...]
    seed: int
    redrawn: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.personas)

    def split(self, unseen: float = 0.1) -> tuple[Population, Population]:
        """(seen, unseen): each persona is unseen with probability `unseen`, by its id alone, so that it stays on its side when
        the population grows. Raises InputError where either side would be empty."""
        if not 0 < unseen < 1:
            raise InputError(f"the unseen share is {unseen}; it is between 0 and 1, such as 0.1")
        held_out = [rng_for(self.seed, "unseen persona", each.id).random() < unseen for each in self.personas]
        if all(held_out) or not any(held_out):
            what = f"with a share of {unseen:g}, {sum(held_out)} of {len(self)} personas are unseen, and one side is empty"
            raise InputError(f"{what}; draw more")
        sides = [tuple(p for p, out in zip(self.personas, held_out, strict=True) if out is side) for side in (False, True)]
        return Population(sides[0], self.seed), Population(sides[1], self.seed)


class Sampler:
    """Draws persona k of a seed. parameters: assumptions; None is the shipped ones."""

    def __init__(self, seed: int = 0, parameters: Parameters | None = None) -> None:
        self.seed, self.parameters = seed, parameters or default_parameters()
        table = adults(self.parameters)
        self._model = trait_model(self.parameters)
        flat = table.shares.ravel()
        self._cells = np.flatnonzero(flat)
        self._ends = np.cumsum(flat[self._cells])
        self._shape, self._levels = table.shares.shape, [table.levels[axis] for axis in AXES]

    def draw(self, place: int, round: int = 0) -> tuple[Persona, tuple[str, ...]]:
        """Persona number `place`, and the rules that earlier draws of its traits broke.

        round: another draw of the traits of the same demographics, for a filter that was not content."""
        demographics = self._demographics(rng_for(self.seed, "persona", place, "demographics"))
        rng = rng_for(self.seed, "persona", place, "traits", round)
        id, broken = f"persona-{self.seed}-{place}", list[str]()
        for _ in range(ATTEMPTS):
            persona = self._with_traits(id, demographics, rng)
            breaks = broken_rules(persona, self.parameters)
            if not breaks:
                return persona, tuple(broken)
            broken += breaks
        what = f"no consistent traits for {id!r} in {ATTEMPTS} draws; most broken: {Counter(broken).most_common(1)[0][0]!r}"
        raise InputError(f"{what}; loosen the parameters that contradict it")

    def _demographics(self, rng: np.random.Generator) -> dict[str, str | int]:
        where, when = rng.random(2)
        place = min(int(np.searchsorted(self._ends, where * self._ends[-1], side="right")), len(self._cells) - 1)
        cell = np.unravel_index(self._cells[place], self._shape)
        found: dict[str, str | int] = {axis: levels[int(at)] for axis, levels, at in zip(AXES, self._levels, cell, strict=True)}
        first, last = BANDS[str(found.pop("age_band"))]
        first = max(first, self.parameters.youngest.get(str(found["education"]), 0))
        return found | {"age": first + int(when * (last - first + 1))}

    def _with_traits(self, id: str, demographics: Mapping[str, str | int], rng: np.random.Generator) -> Persona:
        scores_T = self._model.scores_TG @ rng.standard_normal(NOISES)
        traits_T = scores_T[: len(TRAITS)].round(2)
        faith, *uniforms = rng.random(1 + len(self.parameters.habits_by_text))
        quirks, mannerisms = uniforms[: len(self.parameters.quirks)], uniforms[len(self.parameters.quirks) :]
        beliefs = {
            "ideology": self._model.ideology(scores_T[-2]),
            "religion": self._model.religion(scores_T[-1], str(demographics["race"]), faith),
        }
        answers = {**demographics, **beliefs}
        return Persona(
            id=id,
            big_five=BigFive(*traits_T[: len(BIG_FIVE)].tolist()),
            values=Values(*traits_T[len(BIG_FIVE) :].tolist()),
            quirks=self._model.habits("quirks", answers, traits_T, np.array(quirks)),
            mannerisms=self._model.habits("mannerisms", answers, traits_T, np.array(mannerisms)),
            **answers,  # pyright: ignore[reportArgumentType]
        )


MOST = 100_000  # personas that one population holds: they are kept in memory


def population(n: int, seed: int = 0, parameters: Parameters | None = None) -> Population:
    """Personas 0 .. n-1 of a seed, n >= 1."""
    if not 1 <= n <= MOST:
        raise InputError(f"a population of {n} was asked for; it has 1 to {MOST:,} personas; draw more with other seeds")
    sampler = Sampler(seed, parameters)
    redrawn: Counter[str] = Counter()
    personas = []
    for place in range(n):
        persona, broken = sampler.draw(place)
        personas.append(persona)
        redrawn.update(broken)
    return Population(tuple(personas), seed, dict(redrawn))


def demographics_of(personas: Sequence[Persona], attribute: str) -> dict[str, int]:
    """How many personas give each answer, most frequent first; `age_band` is known too."""
    if attribute == "age_band":
        counts = Counter(band for each in personas for band, (lo, hi) in BANDS.items() if lo <= each.age <= hi)
    else:
        counts = Counter(str(getattr(each, attribute)) for each in personas)
    return dict(counts.most_common())


@dataclass(frozen=True, slots=True)
class Filtered:
    """rejected: draws that were thrown away. abstentions: personas kept because no verdict could be read.
    contradictory: ids of those that were rejected in every round and kept, so that nobody's demographics are lost."""

    population: Population
    rejected: int
    abstentions: int
    contradictory: tuple[str, ...]


async def is_consistent(persona: Persona, ask: Ask) -> bool | None:
    """Whether the model gives yes a higher probability than no; None where it gives both the same, they are not a
    vote (see `label_shares`), or it gave up."""
    try:
        reply = await ask(request(persona))
    except EngineError:
        return None
    labels = TEMPLATE["labels"]
    yes = label_shares(reply, labels).shares.get(labels[0], 0.5)
    return None if yes == 0.5 else yes > 0.5


def request(persona: Persona) -> Request:
    """What is asked of the model: the template of `filter.toml` with the persona in full."""
    template, text = TEMPLATE, render(persona, "full")
    fence = "=" * max(5, 1 + max((len(run) for run in re.findall("=+", text)), default=0))
    question = template["question"].strip().replace("{fence}", fence).replace("{persona}", text)
    messages = (Message("system", template["system"]), Message("user", question))
    return Request(messages, Sampling(max_tokens=1, labels=tuple(template["labels"])))


async def filtered(population: Population, ask: Ask, rounds: int = 3, parameters: Parameters | None = None) -> Filtered:
    """The population with the traits of the personas that a language model rejects drawn again, at most `rounds` times each, all
    asked at once. PERSONA drops these personas; here the demographic margins stay. An answer that cannot be read keeps the
    persona, and is counted.

    population: as `population(n, seed, parameters)` made it, with these parameters."""
    if rounds < 1:
        raise InputError(f"{rounds} rounds were asked for; a filter asks 1 time or more")
    sampler = Sampler(population.seed, parameters)
    found = dict(enumerate(population.personas))
    places = {place: int(each.id.rsplit("-", 1)[1]) for place, each in found.items()}
    open_places, rejected, abstentions = list(found), 0, 0
    for round in range(1, rounds + 1):
        verdicts = await asyncio.gather(*(is_consistent(found[place], ask) for place in open_places))
        abstentions += sum(each is None for each in verdicts)
        open_places = [place for place, each in zip(open_places, verdicts, strict=True) if each is False]
        rejected += len(open_places)
        if round < rounds:
            found |= {place: sampler.draw(places[place], round)[0] for place in open_places}
    kept = Population(tuple(found.values()), population.seed, population.redrawn)
    return Filtered(kept, rejected, abstentions, tuple(found[place].id for place in open_places))
