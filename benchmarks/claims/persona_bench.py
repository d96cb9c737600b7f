"""PERSONA's loop (Castricato et al. 2024, arXiv:2407.17387): critique an answer as a person would, revise it for them, and let them
and others choose; how often one of k revisions is preferred; and what each attribute of a person tells the judge.

Departures: pass@k is the unbiased estimator over n revisions, and every prompt is one person's, drawn at random, so that intervals
by prompt hold. In a world whose users are the personas, their true choice is known and stands beside the judge's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...annotators.make import FunctionAnnotator
from ...annotators.runner import Session
from ...annotators.systems.persona.judge import PersonaEditor, PersonaJudge
from ...core.errors import InputError
from ...core.protocols import Annotator, World
from ...core.records import Abstention, Comparison, Completion, Estimate, Revision, score_of
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


def _for(people: Mapping[str, Persona], name: str, do: Callable[..., Any]) -> Annotator:
    """An annotator that takes each prompt to be one person's: prompt id -> person."""
    return FunctionAnnotator(lambda item, ask, rng: do(people[item.prompt.id], item, ask, rng), name)


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
    The seed is the session's. Raises InputError for two answers to one prompt, and for fewer than two personas.
    """
    if len({each.prompt.id for each in answers}) < len(answers):
        raise InputError("some prompt has two answers; give one first answer a prompt")
    options: dict[str, Any] = {"personas": personas, "style": style}
    judge, editor = PersonaJudge(**options), PersonaEditor(**options, temperature=temperature)
    if len(judge.personas) < 2:
        raise InputError("there is one persona; the loop also asks another person, so it needs two or more")
    seed = session.seed
    own, other = _assigned(answers, judge.personas, seed)
    revised: list[Comparison] = []
    lost = 0
    for run in range(samples):
        for said in session.ask_all(answers, _for(own, "persona-editor", editor.revised), seed + run).results:
            if isinstance(said, Revision):
                revised.append(_shown(said, seed))
            else:
                lost += 1
    own_judge, other_judge = _for(own, "persona", judge.verdict), _for(other, "persona", judge.verdict)
    judged = session.ask_all(revised, own_judge).results
    by_others = session.ask_all(revised, other_judge).results
    again = session.ask_all([pair.swapped() for pair in revised], own_judge).results
    firsts = _first_of_each(revised)
    told = session.ask_all(firsts, own_judge).results
    without = []
    for attribute in attributes:
        silent = PersonaJudge(**options, without=(attribute,))
        said = session.ask_all(firsts, _for(own, "persona", silent.verdict)).results
        same = agreement(_signs(told), _signs(said), [each.prompt.id for each in firsts])
        means = "verdicts of a judge that is not told of it, as of one that is told all"
        without.append(Measure("same verdict", f"without {attribute}", same, "share", means))
    missing = lost + sum(isinstance(each, Abstention) for each in (*judged, *by_others, *again))
    prompts = [pair.prompt.id for pair in revised]
    first = {each.prompt.id: each.text for each in answers}
    scores = [_of_revision(each, pair, first) for each, pair in zip(judged, revised, strict=True)]
    others = [_of_revision(each, pair, first) for each, pair in zip(by_others, revised, strict=True)]
    rows = [
        Measure("revision wins", "as its person", _win_rate(scores, revised), "share", "judged as the person it was written for"),
        Measure("revision wins", "as another person", _win_rate(others, revised), "share", "the same revisions"),
        *_passes(scores, revised, samples),
        *_with_truth(judged, revised, first, own, world),
    ]
    for name, other_SN, means in (
        ("same person, other order", -_signs(again), "test and retest"),
        ("another person", _signs(by_others), "of the same pair"),
    ):
        rows.append(Measure("same verdict", name, agreement(_signs(judged), other_SN, prompts), "share", means))
    return PersonaBench((*rows, *without), len(revised), missing)


def _assigned(
    answers: Sequence[Completion], personas: Sequence[Persona], seed: int
) -> tuple[dict[str, Persona], dict[str, Persona]]:
    """Prompt id -> the person whose prompt it is, and another one."""
    own, other = {}, {}
    for answer in answers:
        first, second = rng_for(seed, "persona bench", answer.prompt.id).choice(len(personas), size=2, replace=False)
        own[answer.prompt.id], other[answer.prompt.id] = personas[int(first)], personas[int(second)]
    return own, other


def _shown(said: Revision, seed: int) -> Comparison:
    """The revision against the first answer, in an order drawn from both texts."""
    pair = Comparison(replace(said.completion, text=said.text, tokens=()), said.completion)
    return pair if rng_for(seed, "order", pair.key).random() < 0.5 else pair.swapped()


def _first_of_each(pairs: Sequence[Comparison]) -> list[Comparison]:
    return list({pair.prompt.id: pair for pair in reversed(pairs)}.values())[::-1]


def _signs(results: Sequence[Any]) -> np.ndarray:
    """1 for left, -1 for right, 0 for a tie, NaN without a verdict."""
    return np.sign(np.array([score_of(each) for each in results]) - 0.5)


def _of_revision(said: Any, pair: Comparison, first: Mapping[str, str]) -> float:
    """1 where the revision was preferred, 0 where the first answer was, half for a tie, NaN without a verdict."""
    return 0.5 + 0.5 * float(np.sign(score_of(said, _revision_is_left(pair, first)) - 0.5))


def _revision_is_left(pair: Comparison, first: Mapping[str, str]) -> bool:
    return pair.right.text == first[pair.prompt.id]


def _win_rate(scores: Sequence[float], pairs: Sequence[Comparison]) -> Estimate:
    scores_N = np.array(scores)
    known_N = np.isfinite(scores_N)
    prompts = np.array([pair.prompt.id for pair in pairs])
    return win_rate_from_scores(scores_N[known_N], prompts[known_N], int((~known_N).sum()))


def _passes(scores: Sequence[float], pairs: Sequence[Comparison], samples: int) -> list[Measure]:
    by_prompt: dict[str, list[float]] = {}
    for score, pair in zip(scores, pairs, strict=True):
        if np.isfinite(score):
            by_prompt.setdefault(pair.prompt.id, []).append(score)
    tried, passed = [len(each) for each in by_prompt.values()], [sum(s == 1 for s in each) for each in by_prompt.values()]
    silent = int(np.isnan(scores).sum())
    means = "one of k revisions is preferred by its person"
    return [
        Measure("revision wins", f"pass@{k}", mean_pass_at_k(tried, passed, k, silent), "share", means)
        for k in sorted({1, samples})
    ]


def _with_truth(
    judged: Sequence[Any], pairs: Sequence[Comparison], first: Mapping[str, str], own: Mapping[str, Persona], world: World | None
) -> list[Measure]:
    """The rows that need the persons' true utilities; none where no world knows them. The person worst served is one with at least
    `LEAST` prompts."""
    if world is None or any(each.id not in world.users for each in own.values()):
        return []
    prompts = [pair.prompt.id for pair in pairs]
    persons = [own[prompt].id for prompt in prompts]
    truth = np.sign([world.advantage(pair, person) for pair, person in zip(pairs, persons, strict=True)])
    wins = (truth * [1 if _revision_is_left(pair, first) else -1 for pair in pairs] + 1) / 2
    signs = _signs(judged)
    rows = [
        Measure(
            "revision wins", "by true utility", _win_rate(wins.tolist(), pairs), "share", "the person's, as the world knows it"
        ),
        Measure("same verdict", "as the truth", agreement(signs, truth, prompts), "share", "the person's true one"),
        Measure("same verdict", "as the truth, kappa", cohen_kappa(signs, truth, prompts), "kappa", "the same beyond chance"),
    ]
    served = {}
    for person in dict.fromkeys(persons):
        at = [place for place, each in enumerate(persons) if each == person]
        if len({prompts[place] for place in at}) >= LEAST:
            served[person] = agreement(signs[at], truth[at], [prompts[place] for place in at])
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
    rows = [
        Measure("revision wins", name, share_over_seeds(values), "share", "against the first answer")
        for name, values in by_S.items()
    ]
    gain = [own - other for own, other in zip(by_S["as its person"], by_S["as another person"], strict=True)]
    return [*rows, Measure("revision wins", GAIN, over_seeds(gain), "difference", "paired by seed")]


CLAIM = Claim(run, (Check("revision wins", GAIN), Check("revision wins", "by true utility", 0.5)))
