"""Win rates at equal style: lists, headers and bold text (the counts of Chatbot Arena's style control, Li et al. 2024), in
AlpacaEval's model of length (Dubois et al. 2024, arXiv:2404.04475).

Departures: length is left alone, so that what the two controls say can be told apart; difficulty comes from the other models of the
same judge and baseline, as with `Weights.OWN`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.records import Estimate
from ..files.judgments import Instructions, Judgments
from .leaderboard import ITSELF, OwnDifficulty, by_field
from .length_control import controlled_win_rate
from .mediators import style_differences


def style_controlled(
    judgments: Sequence[Judgments],
    outputs: Mapping[str, Mapping[str, str]] | None = None,
    known: Instructions | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> dict[tuple[str, str, str], Estimate]:
    """By (model, judge, baseline), the win rate in [0, 1] were the model's answers styled as the baseline's. outputs: by model,
    then instruction, for judgments without texts. Undefined where texts are not known, and as `controlled_win_rate` is."""
    found = {}
    for group in by_field(judgments).values():
        own = OwnDifficulty(group)
        for each in group:
            texts = _texts(each, outputs or {}, known)
            found[each.model, each.judge, each.baseline] = _controlled(each, own, texts, resamples, seed)
    return found


def _controlled(
    of: Judgments, own: OwnDifficulty, texts: Sequence[tuple[str | None, str | None]], resamples: int, seed: int
) -> Estimate:
    judged = int(np.isfinite(of.scores_N).sum())
    if of.is_itself:
        return Estimate(0.5, 0.5, 0.5, judged, ITSELF, len(of.ids) - judged, 0.0)
    known_N = np.array([None not in pair for pair in texts])
    lacking = len(texts) - int(known_N.sum())
    if lacking == len(texts):
        return Estimate(None, None, None, judged, "undefined: the texts of the answers are not known", len(of.ids) - judged)
    difficulty, whence = own.of(of)
    ours, theirs = ([text or "" for text in side] for side in zip(*texts, strict=True))
    styles = {name: each_N * known_N for name, each_N in style_differences(ours, theirs).items()}
    scores_N = np.where(known_N, of.scores_N, np.nan)
    fitted = controlled_win_rate(scores_N, of.ids, styles, difficulty=difficulty, resamples=resamples, seed=seed).estimate
    how = f"{fitted.how}; {whence}" if fitted.value is not None else fitted.how
    return replace(fitted, how=how + f"; {lacking} of {len(texts)} verdicts left out, whose texts are not known" * (lacking > 0))


def _texts(
    of: Judgments, outputs: Mapping[str, Mapping[str, str]], known: Instructions | None
) -> list[tuple[str | None, str | None]]:
    """(the model's, the baseline's) output by row, None where it is not known."""
    if of.texts is not None:
        return list(zip(of.texts.outputs, of.texts.baseline_outputs, strict=True))
    asked = [str(known.texts.get(name) if known else name) for name in of.ids]
    ours, theirs = (outputs.get(model, {}) for model in (of.model, of.baseline))
    return [(ours.get(each), theirs.get(each)) for each in asked]
