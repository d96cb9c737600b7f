"""An optional second opinion: a language model says whether a persona holds together, read from the probabilities of yes and no.

PERSONA (arXiv:2407.17387) drops the personas that its model rejects. Departure: only the traits of a rejected persona are drawn
again, so that the demographic margins stay; an answer that cannot be read keeps the persona, and is counted."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import EngineError, InputError
from ...core.files.reading import read_toml
from ...core.protocols import Ask
from ...core.records import Message
from ...core.requests import Request, Sampling, label_shares
from .parameters import Parameters
from .persona import Persona
from .population import Population, Sampler
from .words import render

TEMPLATE = read_toml(Path(__file__).with_suffix(".toml"), "Pasture's own question about a persona")


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
    """The population with the traits of rejected personas drawn again, at most `rounds` times each, all asked at once.

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
