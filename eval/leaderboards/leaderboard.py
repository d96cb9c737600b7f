"""A leaderboard: one row a model and judge, with raw and length-controlled win rates, from judgments in AlpacaEval's form.

Where length control comes from is said in each row: published weights, AlpacaEval's fit made again, or a fit whose difficulty
comes from one's own models. A model's rows under two judges, or against two baselines, are never mixed.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.files.reading import read_text, reading
from ...core.files.writing import cell_for_people, name_in_cell
from ...core.records import Estimate
from ..files.alpaca_eval import Judgments
from ..win_rates.win_rate import win_rate_from_scores
from .difficulty import held_out_difficulty
from .length_control import length_controlled_win_rate
from .mediators import length_difference
from .published import Published, from_published_weights, refit

ITSELF = "a model against itself"
COLUMNS = ("win_rate", "standard_error", "n_wins", "n_wins_base", "n_draws", "n_total", "discrete_win_rate", "avg_length",
           "length_controlled_winrate", "lc_standard_error")  # fmt: skip


class Weights(StrEnum):
    """Where length control gets its weights from."""

    AUTO = "auto"
    """Published weights where there are some for the model, else `fit`, else `own`."""
    PUBLISHED = "published"
    FIT = "fit"
    """AlpacaEval's fit, with the published difficulty and gamed baseline."""
    OWN = "own"
    """A fit with the difficulty that the other models of the same judge and baseline show."""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """Rates are in [0, 1]; `win_rate.extra` counts wins, ties and losses. avg_length in characters, None where unknown."""

    model: str
    judge: str
    baseline: str
    win_rate: Estimate
    length_controlled: Estimate
    avg_length: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As published: rates in percent, null where undefined."""
        return {
            "model": self.model,
            "judge": self.judge,
            "baseline": self.baseline,
            "n": self.win_rate.n,
            "win_rate": percent(self.win_rate.value),
            "standard_error": percent(self.win_rate.standard_error),
            "n_wins": int(self.win_rate.extra.get("wins", 0)),
            "n_wins_base": int(self.win_rate.extra.get("losses", 0)),
            "length_controlled_win_rate": percent(self.length_controlled.value),
        }


def percent(rate: float | None) -> float | None:
    return None if rate is None else 100 * rate


def leaderboard(
    judgments: Sequence[Judgments],
    published: Published | None = None,
    weights: Weights = Weights.AUTO,
    resamples: int = 200,
    seed: int = 0,
) -> list[LeaderboardRow]:
    """One row for each of `judgments`: by judge, then baseline, the best (length-controlled, then raw) first, undefined last.

    resamples: of the bootstrap over prompts, 0 for no interval of the length-controlled rate.
    """
    published = published or Published()
    groups: dict[tuple[str, str], list[Judgments]] = defaultdict(list)
    for each in judgments:
        groups[each.judge, each.baseline].append(each)
    rows = []
    for _, group in sorted(groups.items()):
        own = OwnDifficulty(group)
        some = [_row(each, published, own, weights, resamples, seed) for each in group]
        rows += sorted(some, key=_standing, reverse=True)
    return rows


def _standing(row: LeaderboardRow) -> tuple[float, float]:
    raw = -1.0 if row.win_rate.value is None else row.win_rate.value
    controlled = row.length_controlled.value
    return (raw if controlled is None else controlled, raw)


def _row(of: Judgments, published: Published, own: OwnDifficulty, weights: Weights, resamples: int, seed: int) -> LeaderboardRow:
    length = None if of.lengths_N is None else float(of.lengths_N.mean())
    return LeaderboardRow(
        of.model, of.judge, of.baseline, raw_win_rate(of), _controlled(of, published, own, weights, resamples, seed), length
    )


def raw_win_rate(of: Judgments) -> Estimate:
    """The mean score; the standard error of a model against itself is 0, and otherwise None where scores do not vary."""
    judged_N = np.isfinite(of.scores_N)
    ids = [name for name, is_judged in zip(of.ids, judged_N, strict=True) if is_judged]
    found = win_rate_from_scores(of.scores_N[judged_N], ids, int((~judged_N).sum()))
    if of.is_itself and found.value == 0.5:
        return replace(found, low=0.5, high=0.5, standard_error=0.0, how=ITSELF)
    return found


def _controlled(of: Judgments, published: Published, own: OwnDifficulty, weights: Weights, resamples: int, seed: int) -> Estimate:
    judged = int(np.isfinite(of.scores_N).sum())
    missing = len(of.ids) - judged
    if of.is_itself:
        return Estimate(0.5, 0.5, 0.5, judged, ITSELF, missing, 0.0)
    if weights in (Weights.AUTO, Weights.PUBLISHED):
        value = from_published_weights(of, published)
        if value is not None:
            return Estimate(
                value, None, None, judged, "published weights, over all instructions; they come without an interval", missing
            )
        if weights is Weights.PUBLISHED:
            return Estimate(None, None, None, judged, "undefined: no published weights for this model and judge", missing)
    if of.lengths_N is None or of.baseline_lengths_N is None:
        return Estimate(None, None, None, judged, "undefined: the lengths of the answers are not known", missing)
    strange = sum(name not in (published.difficulty or {}) for name in of.ids)
    if weights is Weights.FIT or (weights is Weights.AUTO and not strange):
        if strange:
            why = f"undefined: {strange} of {len(of.ids)} instructions have no published difficulty"
            return Estimate(None, None, None, judged, why, missing)
        fitted = refit(of, published, resamples=resamples, seed=seed).estimate
        gamed = "" if published.anchor else ", without a gamed baseline"
        return replace(fitted, how=f"AlpacaEval's fit, joined by instruction{gamed}: {fitted.how}")
    difficulty, whence = own.of(of)
    fitted = length_controlled_win_rate(
        of.scores_N, of.ids, of.lengths_N, of.baseline_lengths_N, difficulty=difficulty, resamples=resamples, seed=seed
    ).estimate
    return replace(fitted, how=f"{fitted.how}; {whence}")


class OwnDifficulty:
    """Difficulty of each instruction for each model of a group, from the verdicts on the others; fitted when first asked for."""

    def __init__(self, group: Sequence[Judgments]) -> None:
        self.group = [each for each in group if not each.is_itself and each.lengths_N is not None]
        self.by_model: dict[int, Mapping[Any, float]] | None = None

    def of(self, judgments: Judgments) -> tuple[Mapping[Any, float] | None, str]:
        """(difficulty by instruction or None, where it comes from)."""
        if self.by_model is None:
            self.by_model = self._fit()
        found = self.by_model.get(id(judgments))
        return found, f"difficulty from {len(self.group)} models" if found else "no difficulty: one model only"

    def _fit(self) -> dict[int, Mapping[Any, float]]:
        ids = list(dict.fromkeys(name for each in self.group for name in each.ids))
        place = {name: at for at, name in enumerate(ids)}
        scores_MP = np.full((len(self.group), len(ids)), np.nan)
        mediators_MPK = np.zeros((*scores_MP.shape, 1))
        for m, each in enumerate(self.group):
            assert each.lengths_N is not None
            assert each.baseline_lengths_N is not None
            at = [place[name] for name in each.ids]
            scores_MP[m, at] = each.scores_N
            mediators_MPK[m, at, 0] = length_difference(each.lengths_N, each.baseline_lengths_N)
        mediators_MPK[~np.isfinite(scores_MP)] = 0
        found_MP = held_out_difficulty(scores_MP, mediators_MPK)
        if found_MP is None:
            return {}
        return {id(each): dict(zip(ids, hard_P, strict=True)) for each, hard_P in zip(self.group, found_MP.tolist(), strict=True)}


def to_csv(rows: Iterable[LeaderboardRow]) -> str:
    """AlpacaEval's leaderboard CSV, the model in its nameless first column, with the judge and the baseline as two more columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *COLUMNS, "judge", "baseline"])
    for row in rows:
        raw, wins, losses, draws = row.win_rate, *(int(row.win_rate.extra.get(name, 0)) for name in ("wins", "losses", "ties"))
        discrete = 100 * (wins + draws / 2) / raw.n if raw.n else None
        numbers = [percent(raw.value), percent(raw.standard_error), wins, losses, draws, raw.n, discrete, row.avg_length,
                   percent(row.length_controlled.value), percent(row.length_controlled.standard_error)]  # fmt: skip
        cells = [row.model, *("" if each is None else each for each in numbers), row.judge, row.baseline]
        writer.writerow(map(cell_for_people, cells))
    return text.getvalue()


def from_csv(text: str, judge: str = "", baseline: str = "") -> list[LeaderboardRow]:
    """Rows of a leaderboard CSV, without intervals. AlpacaEval's own name no judge and no baseline: give them."""
    reader = csv.DictReader(io.StringIO(text))
    columns = list(reader.fieldnames or [])
    if not {"win_rate", "n_total"} <= set(columns):
        raise InputError(f"a leaderboard CSV has the columns win_rate and n_total, and this has: {', '.join(columns) or 'none'}")
    return [_read_row(each, name_in_cell(each[columns[0]]), judge, baseline) for each in reader]


def _read_row(row: Mapping[str, str], model: str, judge: str, baseline: str) -> LeaderboardRow:
    number = {name: _number(row.get(name), model, name) for name in COLUMNS}
    counts = {"wins": number["n_wins"], "losses": number["n_wins_base"], "ties": number["n_draws"]}
    known = {name: value for name, value in counts.items() if value is not None}
    rates = []
    for rate, error, extra in (
        ("win_rate", "standard_error", known),
        ("length_controlled_winrate", "lc_standard_error", {}),
    ):
        how = "undefined: the leaderboard has none" if number[rate] is None else "read from a leaderboard"
        n = int(number["n_total"] or 0)
        rates.append(Estimate(_rate(number[rate]), None, None, n, how, standard_error=_rate(number[error]), extra=extra))
    return LeaderboardRow(
        model,
        name_in_cell(row.get("judge") or "") or judge,
        name_in_cell(row.get("baseline") or "") or baseline,
        *rates,
        avg_length=number["avg_length"],
    )


def read_leaderboard(path: Path, judge: str = "", baseline: str = "") -> list[LeaderboardRow]:
    """`from_csv` of a file."""
    expected = "a leaderboard CSV"
    with reading(path, expected):
        return from_csv(read_text(path, expected), judge, baseline)


def _number(text: str | None, model: str, column: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"the {column} of {model!r} is {text!r}; it is a number, or empty") from error
    return None if math.isnan(value) else value


def _rate(percentage: float | None) -> float | None:
    return None if percentage is None else percentage / 100
