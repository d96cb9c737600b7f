"""PERSONA's loop (Castricato et al. 2024, arXiv:2407.17387): critique an answer as a person would, revise it for them, and let them
and others choose; how often one of k revisions is preferred; and what each attribute of a person tells the judge.

Departures: pass@k is the unbiased estimator over n revisions, and every prompt is one person's, drawn at random, so that intervals
by prompt hold. In a world whose users are the personas, their true choice is known and stands beside the judge's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...annotators.make import FunctionAnnotator
from ...annotators.runner import Session
from ...annotators.systems.persona.judge import PersonaEditor, PersonaJudge
from ...core.errors import InputError
from ...core.protocols import World
from ...core.records import Abstention, Comparison, Completion, Estimate, Item, Revision, score_of
from ...core.results import Measure
from ...core.seeds import rng_for
from ...eval.judges.agreement import agreement, cohen_kappa
from ...eval.win_rates.pass_at_k import mean_pass_at_k
from ...eval.win_rates.win_rate import win_rate_from_scores
from ...simulators.material import world_items
from ...simulators.personas.persona import Persona
from ...simulators.personas.population import population
from ...simulators.text.actor.engine import Actor
from ...simulators.text.world import text_personas
from .claim import Check, Claim, check_seeds, over_seeds, share_over_seeds

ATTRIBUTES = ("education", "big_five", "values", "ideology", "religion")
"""What is left out, one at a time, unless others are named."""
GAIN = "as its person, less as another"
LEAST = 5
"""Prompts that a person has at least, to be called the worst served."""


@dataclass(frozen=True, slots=True)
class PersonaBench:
    """What the loop showed, as rows. Revisions win against the first answer, and a tie is half a win."""

    rows: tuple[Measure, ...]
    revisions: int
    abstentions: int

    def row(self, name: str) -> Estimate:
        """The estimate of the row of that name."""
        return next(each.estimate for each in self.rows if each.name == name)


def persona_bench(
    answers: Sequence[Completion],
    session: Session,
    *,
    personas: int | Sequence[Persona] = 13,
    samples: int = 4,
    style: str = "full",
    attributes: Sequence[str] = ATTRIBUTES,
    world: World | None = None,
    temperature: float = 0.7,
) -> PersonaBench:
    """answers: one first answer a prompt. samples: revisions of each. attributes: left out one at a time; none to skip that.
    The seed is the session's. Raises InputError for two answers to one prompt, and for fewer than two personas."""
    first = {each.prompt.id: each.text for each in answers}
    if len(first) < len(answers):
        raise InputError("some prompt has two answers; give one first answer a prompt")
    options: dict[str, Any] = {"personas": personas, "style": style}
    judge, editor = PersonaJudge(**options), PersonaEditor(**options, temperature=temperature)
    if len(judge.personas) < 2:
        raise InputError("there is one persona; the loop also asks another person, so it needs two or more")
    own: dict[str, Persona] = {}
    other: dict[str, Persona] = {}
    for prompt in first:
        places = rng_for(session.seed, "persona bench", prompt).choice(len(judge.personas), size=2, replace=False)
        own[prompt], other[prompt] = (judge.personas[int(place)] for place in places)

    def asked(items: Sequence[Item], people: Mapping[str, Persona], do: Callable[..., Any], run: int | None = None) -> list[Any]:
        """What each prompt's person says. run: which of several times."""
        name, seed = ("persona", session.seed) if run is None else ("persona-editor", session.seed + run)
        as_persons = FunctionAnnotator(lambda item, ask, rng: do(people[item.prompt.id], item, ask, rng), name)
        return list(session.ask_all(items, as_persons, seed).results)

    edits = [said for run in range(samples) for said in asked(answers, own, editor.revised, run)]
    revised = [_shown(said, session.seed) for said in edits if isinstance(said, Revision)]
    judged, by_others = asked(revised, own, judge.verdict), asked(revised, other, judge.verdict)
    again = asked([pair.swapped() for pair in revised], own, judge.verdict)
    prompts_N = np.array([pair.prompt.id for pair in revised])
    sides_N = np.array([1 if pair.right.text == first[pair.prompt.id] else -1 for pair in revised])
    signs_N, others_N, again_N = _signs(judged), _signs(by_others), -_signs(again)
    wins_N = 0.5 + 0.5 * sides_N * signs_N
    rows = [
        _wins("as its person", wins_N, prompts_N, "judged as the person it was written for"),
        _wins("as another person", 0.5 + 0.5 * sides_N * others_N, prompts_N, "the same revisions"),
        *_passes(wins_N, prompts_N, samples),
    ]
    persons = [own[prompt].id for prompt in prompts_N]
    if world is not None and all(each.id in world.users for each in own.values()):
        truth_N = np.sign([world.advantage(pair, person) for pair, person in zip(revised, persons, strict=True)])
        means = "the person's, as the world knows it"
        rows.append(_wins("by true utility", 0.5 + 0.5 * sides_N * truth_N, prompts_N, means))
        rows += _as_the_truth(signs_N, truth_N, prompts_N, np.array(persons))
    rows += [
        Measure("same verdict", "same person, other order", agreement(signs_N, again_N, prompts_N), "share", "test and retest"),
        Measure("same verdict", "another person", agreement(signs_N, others_N, prompts_N), "share", "of the same pair"),
    ]
    firsts = list({pair.prompt.id: pair for pair in reversed(revised)}.values())[::-1]
    told = _signs(asked(firsts, own, judge.verdict))
    for attribute in attributes:
        silent = _signs(asked(firsts, own, PersonaJudge(**options, without=(attribute,)).verdict))
        same = agreement(told, silent, [each.prompt.id for each in firsts])
        means = "verdicts of a judge that is not told of it, as of one that is told all"
        rows.append(Measure("same verdict", f"without {attribute}", same, "share", means))
    missing = len(edits) - len(revised) + sum(isinstance(each, Abstention) for each in (*judged, *by_others, *again))
    return PersonaBench(tuple(rows), len(revised), missing)


def _shown(said: Revision, seed: int) -> Comparison:
    """The revision against the first answer, in an order drawn from both texts."""
    pair = Comparison(replace(said.completion, text=said.text, tokens=()), said.completion)
    return pair if rng_for(seed, "order", pair.key).random() < 0.5 else pair.swapped()


def _signs(results: Sequence[Any]) -> np.ndarray:
    """1 for left, -1 for right, 0 for a tie, NaN without a verdict."""
    return np.sign(np.array([score_of(each) for each in results]) - 0.5)


def _wins(name: str, wins_N: np.ndarray, prompts_N: np.ndarray, means: str) -> Measure:
    known_N = np.isfinite(wins_N)
    rate = win_rate_from_scores(wins_N[known_N], prompts_N[known_N], int((~known_N).sum()))
    return Measure("revision wins", name, rate, "share", means)


def _passes(wins_N: np.ndarray, prompts_N: np.ndarray, samples: int) -> list[Measure]:
    known_N = np.isfinite(wins_N)
    by_prompt = [wins_N[known_N & (prompts_N == prompt)] for prompt in dict.fromkeys(prompts_N[known_N])]
    tried, passed = [len(each) for each in by_prompt], [int((each == 1).sum()) for each in by_prompt]
    silent, means = int((~known_N).sum()), "one of k revisions is preferred by its person"
    rates = {k: mean_pass_at_k(tried, passed, k, silent) for k in sorted({1, samples})}
    return [Measure("revision wins", f"pass@{k}", rate, "share", means) for k, rate in rates.items()]


def _as_the_truth(signs_N: np.ndarray, truth_N: np.ndarray, prompts_N: np.ndarray, persons_N: np.ndarray) -> list[Measure]:
    """Verdicts beside the persons' true choices. The person worst served is one with at least `LEAST` prompts."""
    kappa = cohen_kappa(signs_N, truth_N, prompts_N)
    rows = [
        Measure("same verdict", "as the truth", agreement(signs_N, truth_N, prompts_N), "share", "the person's true one"),
        Measure("same verdict", "as the truth, kappa", kappa, "kappa", "the same beyond chance"),
    ]
    served = {}
    for person in dict.fromkeys(persons_N):
        at = persons_N == person
        if len(set(prompts_N[at])) >= LEAST:
            served[str(person)] = agreement(signs_N[at], truth_N[at], prompts_N[at])
    if served:
        worst = min(served, key=lambda each: served[each].value or 0.0)
        rows.append(Measure("same verdict", "worst served person", served[worst], "share", "as the truth", worst))
    return rows


def run(seeds: int = 5, prompts: int = 60, personas: int = 13) -> list[Measure]:
    """The loop in the world whose users are the personas, played by its actor; a seed is a world and its prompts."""
    check_seeds(seeds)
    found = []
    for seed in range(seeds):
        people = population(personas, seed).personas
        world = text_personas(seed, personas=personas, preference=prompts)
        answers = [each for each in world_items(world, "answer", prompts, seed) if isinstance(each, Completion)]
        options = {"personas": people, "samples": 1, "attributes": (), "world": world, "temperature": 0.0}
        found.append(persona_bench(answers, Session(Actor(), seed=seed), **options))
    by_S = {name: [each.row(name).value for each in found] for name in ("as its person", "as another person", "by true utility")}
    means = "against the first answer"
    rows = [Measure("revision wins", name, share_over_seeds(values), "share", means) for name, values in by_S.items()]
    gain = [own - other for own, other in zip(by_S["as its person"], by_S["as another person"], strict=True)]
    return [*rows, Measure("revision wins", GAIN, over_seeds(gain), "difference", "paired by seed")]


CLAIM = Claim(run, (Check("revision wins", GAIN), Check("revision wins", "by true utility", 0.5)))
