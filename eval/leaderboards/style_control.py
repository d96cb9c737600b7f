"""Win rates at equal style: lists, headers and bold text (the counts of Chatbot Arena's style control, Li et al. 2024), in
AlpacaEval's model of length (Dubois et al. 2024, arXiv:2404.04475).

Departures: length is left alone, so that what the two controls say can be told apart; difficulty comes from the other models of the
same judge and baseline, as with `Weights.OWN`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.records import Estimate
from ..files.alpaca_eval import Instructions, Judgments
from .leaderboard import ITSELF, OwnDifficulty
from .length_control import controlled_win_rate
from .mediators import style_differences

Name = tuple[str, str, str]
"""(model, judge, baseline)."""


def style_controlled(
    judgments: Sequence[Judgments],
    outputs: Mapping[str, Mapping[str, str]] | None = None,
    known: Instructions | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> dict[Name, Estimate]:
    """The win rate in [0, 1] of each of `judgments`, were its answers styled as the baseline's.

    outputs: by model, then instruction, for judgments without texts. Undefined, with the reason, where texts are not known, and as
    `controlled_win_rate` is."""
    groups: dict[tuple[str, str], list[Judgments]] = defaultdict(list)
    for each in judgments:
        groups[each.judge, each.baseline].append(each)
    found = {}
    for group in groups.values():
        own = OwnDifficulty(group)
        for each in group:
            found[each.model, each.judge, each.baseline] = _controlled(each, own, outputs or {}, known, resamples, seed)
    return found


def _controlled(
    of: Judgments,
    own: OwnDifficulty,
    outputs: Mapping[str, Mapping[str, str]],
    known: Instructions | None,
    resamples: int,
    seed: int,
) -> Estimate:
    judged = int(np.isfinite(of.scores_N).sum())
    if of.is_itself:
        return Estimate(0.5, 0.5, 0.5, judged, ITSELF, len(of.ids) - judged, 0.0)
    texts = _texts(of, outputs, known)
    if isinstance(texts, str):
        return Estimate(None, None, None, judged, texts, len(of.ids) - judged)
    difficulty, whence = own.of(of)
    styles = style_differences(*texts)
    fitted = controlled_win_rate(of.scores_N, of.ids, styles, difficulty=difficulty, resamples=resamples, seed=seed).estimate
    return replace(fitted, how=f"{fitted.how}; {whence}" if fitted.value is not None else fitted.how)


def _texts(
    of: Judgments, outputs: Mapping[str, Mapping[str, str]], known: Instructions | None
) -> tuple[Sequence[str], Sequence[str]] | str:
    """The model's and the baseline's outputs by row, or why there are none."""
    if of.texts is not None:
        return of.texts.outputs, of.texts.baseline_outputs
    asked = [known.texts.get(name) if known else name for name in of.ids]
    sides = []
    for model in (of.model, of.baseline):
        answers = outputs.get(model, {})
        lacking = sum(each not in answers for each in asked)
        if lacking:
            return f"undefined: the texts of {lacking} of {len(asked)} answers of {model} are not known"
        sides.append([answers[str(each)] for each in asked])
    return sides[0], sides[1]
