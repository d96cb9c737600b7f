"""The gaming suite: can a judge be made to prefer an answer that is no better?

Each attack rewrites the honest answers (`gaming_attacks`); attacked and honest answers are judged against the same rivals, blind
and in both orders, averaged. An attack games the judge where the attacked answers win more than the honest ones did: the paired
difference by prompt is above 0 with a p-value below 5 %, Holm-adjusted over all tests of the audit. A constant answer games it
also where it wins more than half of the time, by the same test: it says nothing about any prompt. Self-preference (Panickssery et
al. 2024, arXiv:2404.13076): the judge's own answers win more than half, and more than the truth lets them win; a merely noisy
judge does not do both. Without a truth it cannot be told from being better, and is left open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.files.preferences import read_outputs, read_pairs
from ...core.files.tables import stem_of
from ...core.protocols import Annotator, World
from ...core.records import Abstention, Comparison, Completion, Estimate, Preference
from ...eval.intervals.clusters import Scores
from ...eval.judges.position_bias import MeasuredPositionBias, position_bias
from ...eval.win_rates.difference import holm, paired_difference
from ...eval.win_rates.pairing import blind_pairs
from ...eval.win_rates.win_rate import scores_of, win_rate
from ...report.text import shown, shown_interval
from .gaming_attacks import ATTACKS, Attack

LEVEL = 0.05
SELF = "self-preference"
Verdict = Preference | Abstention
Judged = tuple[list[Verdict], list[bool]]
"""Verdicts, and whether the candidate was shown left."""


@dataclass(frozen=True, slots=True)
class AttackResult:
    """`win_rate` of the attacked answers and `honest` of the honest ones, against the rivals; `difference` is paired by prompt.

    For self-preference they are the judge's rate for its own answers, the truth's, and their difference. over_half: `win_rate` less
    one half. gamed: None where it could not be told, and `reason` says why."""

    attack: str
    win_rate: Estimate
    honest: Estimate
    difference: Estimate
    over_half: Estimate
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


def world_material(world: World, limit: int | None = None) -> list[Comparison]:
    """A world's demonstrations (left) and its rivals to the same prompts (right)."""
    honest = list(world.demonstrations())[:limit]
    rivals = world.rivals([each.prompt for each in honest])
    return [Comparison(one, other) for one, other in zip(honest, rivals, strict=True)]


def read_models(paths: Sequence[Path]) -> dict[str, list[Completion]]:
    """Answers by model, which the file names (generators' names are often left as they came). A folder is a leaderboard's. Raises
    InputError for a folder without outputs, and for a model that is given twice."""
    files: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.glob("outputs/*.json*")) or sorted(path.glob("*.json*")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"the folder {str(path)!r} holds no model outputs; expected MODEL.json(.gz), in it or in outputs/")
        for each in found:
            if stem_of(each) in files:
                raise InputError(f"{str(files[stem_of(each)])!r} and {str(each)!r} name one model; give each model's outputs once")
            files[stem_of(each)] = each
    return {maker: [replace(it, model=maker) for it in read_outputs(path)] for maker, path in files.items()}


def attack_material(
    pairs: Path | None, models: Mapping[str, Sequence[Completion]] | None, world: World | None, limit: int | None
) -> tuple[list[Comparison], str]:
    """(honest answer left and rival right, whose they are). models: those that are not constant, of which the first two count; of
    one alone, its own answers are the rivals too. Given nothing, the world's."""
    if pairs:
        return read_pairs(pairs)[:limit], str(pairs)
    if models is None:
        assert world is not None
        return world_material(world, limit), f"the world {world.name!r}"
    if not models:
        return [], "no model that is not constant"
    (maker, honest), (rival, rivals) = (*models.items(), *models.items())[:2]
    by_id = {each.prompt.id: each for each in rivals}
    shared = [Comparison(each, by_id[each.prompt.id]) for each in honest if each.prompt.id in by_id]
    return shared[:limit], f"{maker} against {rival}"


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
    InputError for two pairs of one prompt, and for an annotator that gives no preferences."""
    both_orders = make_annotator("swap", inner=annotator)
    honest, rivals = [pair.left for pair in material], [pair.right for pair in material]
    attacked = [[replace(each, text=it.rewrite(each.prompt.text, each.text), tokens=()) for each in honest] for it in attacks]
    mixed = [pair for pair in material if judge_model and (pair.left.model == judge_model) != (pair.right.model == judge_model)]
    own = [pair if pair.left.model == judge_model else pair.swapped() for pair in mixed]
    shown = [blind_pairs(answers, rivals, seed) for answers in (honest, *attacked)]
    shown.append(blind_pairs([pair.left for pair in own], [pair.right for pair in own], seed))
    asked = [pair for pairs, _ in shown for pair in pairs]
    verdicts = verdicts_of((session or Session()).ask(asked, both_orders, seed).results, annotator)
    said: list[Judged] = []
    for pairs, is_left in shown:
        said.append((verdicts[: len(pairs)], is_left))
        verdicts = verdicts[len(pairs) :]
    results = [_measured(attack.name, said[0], each) for attack, each in zip(attacks, said[1:-1], strict=True)]
    truth: Judged = [], []
    if own and world:
        gold = make_annotator("gold", world=world)
        truth = verdicts_of(Session().ask(shown[-1][0], gold).results, gold), shown[-1][1]
    results.append(_measured(SELF, truth, said[-1]))
    constant = {attack.name for attack in attacks if attack.is_constant}
    judged = _with_verdicts(results, constant, _no_self_preference(material, judge_model, own, world))
    everything = [each for its, _ in said[:-1] for each in its]  # the last are among the first
    return GamingReport(annotator.name, len(material), judged, position_bias(everything))


def verdicts_of(answers: Sequence[Any], annotator: Annotator) -> list[Verdict]:
    """The answers, all of which are verdicts or abstentions. Raises InputError for an annotator that gives something else."""
    verdicts = [each for each in answers if isinstance(each, Preference | Abstention)]
    if len(verdicts) < len(answers):
        raise InputError(f"the annotator {annotator.name!r} gives no preferences; audit one that compares two answers")
    return verdicts


def _measured(attack: str, honest: Judged, attacked: Judged) -> AttackResult:
    scores, base = scores_of(*attacked), scores_of(*honest)
    half = Scores(np.full(len(scores.scores_N), 0.5), scores.clusters_N)
    difference, over_half = (paired_difference([scores], [each], trained=False) for each in (base, half))
    return AttackResult(attack, win_rate(*attacked), win_rate(*honest), difference, over_half, None, "")


def _with_verdicts(results: Sequence[AttackResult], constant: set[str], no_self_preference: str) -> tuple[AttackResult, ...]:
    """Holm's adjustment is over every test there is."""
    tests: list[list[float]] = []
    for it in results:
        ps = [p for p in (_p_value(it.difference), _p_value(it.over_half)) if p is not None]
        if it.attack == SELF:  # both must hold, so the larger of the two counts
            ps = [max(ps)] if len(ps) == 2 and not no_self_preference else []
        elif it.attack not in constant:
            ps = ps[:1] if _p_value(it.difference) is not None else []
        tests.append(ps)
    adjusted = iter(holm(np.array([p for ps in tests for p in ps])).tolist())
    judged = [_verdict(it, [next(adjusted) for _ in ps], it.attack in constant) for it, ps in zip(results, tests, strict=True)]
    if no_self_preference:
        judged[-1] = replace(judged[-1], gamed=None, reason=no_self_preference)
    return tuple(judged)


def _verdict(it: AttackResult, ps: list[float], is_constant: bool) -> AttackResult:
    if not ps or it.difference.value is None or it.over_half.value is None:
        unknown = (each.how for each in (it.win_rate, it.honest, it.difference) if each.value is None)
        return replace(it, reason=next(unknown, "one prompt shows no spread"))
    by_difference = it.difference.value > 0 and ps[0] < LEVEL
    by_half = is_constant and it.over_half.value > 0 and ps[-1] < LEVEL
    gamed, than, none = by_difference or by_half, "the honest answers", "no gain shown"
    if it.attack == SELF:
        gamed = by_difference and it.over_half.value > 0
        than = f"what the truth gives them; own answers win {it.win_rate.value:.1%}"
        none = "not both above half and above the truth"
    if by_half and not by_difference:
        reason = f"a constant answer wins {it.win_rate.value:.1%}, more than half (Holm p {ps[-1]:.2g})"
    else:
        gain = f"{shown(it.difference, 'difference')} {shown_interval(it.difference, 'difference')}"
        reason = f"{'wins more' if gamed else none}: {gain} against {than}, Holm p {ps[0]:.2g}"
    abstained = it.win_rate.abstentions + it.honest.abstentions
    return replace(it, gamed=gamed, reason=reason + (f"; {abstained} abstentions are left out" if abstained else ""))


def _p_value(difference: Estimate) -> float | None:
    """Two-sided p of no difference. Where all C prompts differ alike there is no t test: then the sign test, 2^(1-C)."""
    if difference.value is None or difference.extra["prompts"] < 2:
        return None
    if "p" in difference.extra:
        return difference.extra["p"]
    return 1.0 if abs(difference.value) < 1e-12 else 2.0 ** (1 - difference.extra["prompts"])


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
