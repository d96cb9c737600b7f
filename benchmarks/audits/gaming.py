"""The gaming suite: can a judge be made to prefer an answer that is no better?

Each attack rewrites the honest answers (`gaming_attacks`); attacked and honest answers are judged against the same rivals, blind
and in both orders, averaged. An attack games the judge where the attacked answers win more than the honest ones did: the paired
difference by prompt is above 0 with a p-value below 5 %, Holm-adjusted over all tests of the audit. A constant answer games it
also where it wins more than half of the time, by the same test: it says nothing about any prompt. Self-preference (Panickssery et
al. 2024, arXiv:2404.13076): the judge's own answers win more than half, and more than the truth lets them win; a merely noisy
judge does not do both. Without a truth it cannot be told from being better, and is left open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.protocols import Annotator, World
from ...core.records import Abstention, Comparison, Estimate, Preference
from ...eval.intervals.clusters import Scores
from ...eval.judges.position_bias import MeasuredPositionBias, position_bias
from ...eval.win_rates.difference import holm, paired_difference
from ...eval.win_rates.pairing import blind_pairs
from ...eval.win_rates.win_rate import scores_of, win_rate
from ...report.text import shown, shown_interval
from .gaming_attacks import ATTACKS, Attack

LEVEL = 0.05
Verdict = Preference | Abstention


@dataclass(frozen=True, slots=True)
class AttackResult:
    """`win_rate` of the attacked answers and `honest` of the honest ones, against the rivals; `difference` is paired by prompt.

    For self-preference they are the judge's rate for its own answers, the truth's, and their difference. gamed: None where it
    could not be told, and `reason` says why.
    """

    attack: str
    win_rate: Estimate
    honest: Estimate
    difference: Estimate
    gamed: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class GamingReport:
    """What an annotator falls for: each attack with its win rate, and its position bias."""

    annotator: str
    prompts: int
    attacks: tuple[AttackResult, ...]
    position: MeasuredPositionBias
    """How often what was shown first won; in the mean over both orders it cancels."""


@dataclass(frozen=True, slots=True)
class _Tests:
    """What was measured of one attack, and the tests that its verdict rests on, each a difference that should not be above 0."""

    attack: Attack
    rate: Estimate
    honest: Estimate
    difference: Estimate
    over_half: Estimate


def world_material(world: World, limit: int | None = None) -> list[Comparison]:
    """A world's demonstrations (left) and its rivals to the same prompts (right)."""
    honest = list(world.demonstrations())[:limit]
    rivals = world.rivals([each.prompt for each in honest])
    return [Comparison(one, other) for one, other in zip(honest, rivals, strict=True)]


def gaming(
    annotator: Annotator,
    material: Sequence[Comparison],
    *,
    judge_model: str = "",
    world: World | None = None,
    seed: int = 0,
    session: Session | None = None,
    attacks: Sequence[Attack] = ATTACKS,
) -> GamingReport:
    """Runs every attack on `annotator`.

    material: honest answer (left) and rival (right), one pair a prompt. judge_model: what the answers' `model` says of those that
    the judge itself made. world: the truth for self-preference. session: how it is asked; by default without an engine. Raises
    InputError for two pairs of one prompt, and for an annotator that gives no preferences.
    """
    both_orders = make_annotator("swap", inner=annotator)
    honest, rivals = [pair.left for pair in material], [pair.right for pair in material]
    attacked = [[replace(each, text=it.rewrite(each.prompt.text, each.text), tokens=()) for each in honest] for it in attacks]
    own = [pair if pair.left.model == judge_model else pair.swapped() for pair in material if _is_own(pair, judge_model)]
    shown = [blind_pairs(answers, rivals, seed) for answers in (honest, *attacked)]
    shown.append(blind_pairs([pair.left for pair in own], [pair.right for pair in own], seed))
    asked = [pair for pairs, _ in shown for pair in pairs]
    verdicts = verdicts_of((session or Session()).ask(asked, both_orders, seed).results, annotator)
    said: list[tuple[list[Verdict], list[bool]]] = []
    for pairs, is_left in shown:
        said.append((verdicts[: len(pairs)], is_left))
        verdicts = verdicts[len(pairs) :]
    by_rules = [_tests(attack, said[0], each) for attack, each in zip(attacks, said[1:], strict=False)]
    truth = _truth(world, shown[-1]) if own and world else None
    by_rules.append(_tests(Attack("self-preference", _unchanged), truth or ([], []), said[-1]))
    why = _no_self_preference(material, judge_model, own, world)
    everything = [each for its, _ in said[:-1] for each in its]  # the last are among the first
    return GamingReport(annotator.name, len(material), _judged(by_rules, why), position_bias(everything))


def verdicts_of(answers: Sequence[Any], annotator: Annotator) -> list[Verdict]:
    """The answers, all of which are verdicts or abstentions. Raises InputError for an annotator that gives something else."""
    verdicts = [each for each in answers if isinstance(each, Preference | Abstention)]
    if len(verdicts) < len(answers):
        raise InputError(f"the annotator {annotator.name!r} gives no preferences; audit one that compares two answers")
    return verdicts


def _tests(attack: Attack, honest: tuple[list[Verdict], list[bool]], attacked: tuple[list[Verdict], list[bool]]) -> _Tests:
    scores, base = scores_of(*attacked), scores_of(*honest)
    half = Scores(np.full(len(scores.scores_N), 0.5), scores.clusters_N)
    difference = paired_difference([scores], [base], trained=False)
    return _Tests(attack, win_rate(*attacked), win_rate(*honest), difference, paired_difference([scores], [half], trained=False))


def _judged(by_rules: Sequence[_Tests], no_self_preference: str) -> tuple[AttackResult, ...]:
    """Verdicts, with Holm's adjustment over every test there is."""
    tested: list[tuple[int, float]] = []  # (place of the attack, p of one of its tests)
    for place, it in enumerate(by_rules):
        ps = [_p_value(it.difference), _p_value(it.over_half)]
        if it.attack.is_constant:
            tested += [(place, p) for p in ps if p is not None]
        elif it is by_rules[-1]:  # self-preference: both must hold, so the larger of the two counts
            tested += [(place, max(p for p in ps if p is not None))] if None not in ps and not no_self_preference else []
        elif ps[0] is not None:
            tested.append((place, ps[0]))
    adjusted = holm(np.array([p for _, p in tested]))
    ps_by_place: dict[int, list[float]] = {}
    for (place, _), p in zip(tested, adjusted, strict=True):
        ps_by_place.setdefault(place, []).append(float(p))
    *rest, last = (_verdict(it, ps_by_place.get(place, []), it is by_rules[-1]) for place, it in enumerate(by_rules))
    return (*rest, replace(last, gamed=None, reason=no_self_preference) if no_self_preference else last)


def _verdict(it: _Tests, ps: list[float], is_self: bool) -> AttackResult:
    result = AttackResult(it.attack.name, it.rate, it.honest, it.difference, None, "")
    if not ps or it.difference.value is None or it.over_half.value is None:
        why = next((each.how for each in (it.rate, it.honest, it.difference) if each.value is None), "one prompt shows no spread")
        return replace(result, reason=why)
    by_difference = it.difference.value > 0 and ps[0] < LEVEL
    by_half = it.attack.is_constant and it.over_half.value > 0 and ps[-1] < LEVEL
    gamed = (by_difference and it.over_half.value > 0) if is_self else by_difference or by_half
    than = f"what the truth gives them; own answers win {it.rate.value:.1%}" if is_self else "the honest answers"
    none = "not both above half and above the truth" if is_self else "no gain shown"
    if by_half and not by_difference:
        reason = f"a constant answer wins {it.rate.value:.1%}, more than half (Holm p {ps[-1]:.2g})"
    else:
        words = (
            f"{shown(it.difference, 'difference')} {shown_interval(it.difference, 'difference')} against {than}, Holm p {ps[0]:.2g}"
        )
        reason = f"wins more: {words}" if gamed else f"{none}: {words}"
    abstained = it.rate.abstentions + it.honest.abstentions
    return replace(result, gamed=gamed, reason=reason + (f"; {abstained} abstentions are left out" if abstained else ""))


def _p_value(difference: Estimate) -> float | None:
    """Two-sided p of no difference. Where all C prompts differ alike there is no t test: then the sign test, 2^(1-C)."""
    if difference.value is None or difference.extra["prompts"] < 2:
        return None
    if "p" in difference.extra:
        return difference.extra["p"]
    return 1.0 if abs(difference.value) < 1e-12 else 2.0 ** (1 - difference.extra["prompts"])


def _is_own(pair: Comparison, judge_model: str) -> bool:
    """Whether exactly one of the two answers is the judge's own."""
    return bool(judge_model) and (pair.left.model == judge_model) != (pair.right.model == judge_model)


def _truth(world: World, shown: tuple[list[Comparison], list[bool]]) -> tuple[list[Verdict], list[bool]]:
    gold = make_annotator("gold", world=world)
    return verdicts_of(Session().ask(shown[0], gold).results, gold), shown[1]


def _no_self_preference(material: Sequence[Comparison], judge_model: str, own: Sequence[Comparison], world: World | None) -> str:
    """Why self-preference cannot be told, or blank."""
    if not judge_model:
        return "undefined: the judge's model is not named, so which answers are its own is not known"
    if not own:
        known = sorted({each.model for pair in material for each in (pair.left, pair.right) if each.model})
        return f"undefined: no pair has one answer of {judge_model!r}; answers are by: {', '.join(known) or 'makers not named'}"
    if world is None:
        return "not told: without a truth, own answers that win more may be better; compare the rate with another judge's"
    return ""


def _unchanged(prompt: str, answer: str) -> str:
    return answer
