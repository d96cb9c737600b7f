"""A leaderboard: one row per model and judge, with raw and length-controlled win rates, from judgments in AlpacaEval's form.

Each row says where its length control comes from (`Weights`). Rows of two judges, or against two baselines, are never mixed."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import compress, takewhile
from typing import Any

import numpy as np

from ...core.files.writing import cell_for_people
from ...core.records import Estimate
from ..files.judgments import Judgments
from ..win_rates.win_rate import win_rate_from_scores
from .difficulty import OwnDifficulty
from .length_control import error_of_mean, length_controlled_win_rate
from .published import Published, refit

ITSELF = "a model against itself"


class Weights(StrEnum):
    """Where length control gets its weights from: published ones; AlpacaEval's fit, with the published difficulty and gamed
    baseline; a fit with the difficulty that the other models of the same judge and baseline show; or the first that there is."""

    AUTO = "auto"
    PUBLISHED = "published"
    FIT = "fit"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """Rates are in [0, 1]; `win_rate.extra` counts wins, ties and losses, and `length_controlled.extra["sem"]` is the error that
    AlpacaEval gives, of the mean prediction over instructions. avg_length in characters, None where unknown. length_control: where
    it came from, one of `Weights` or `ITSELF`, blank for nowhere. notes: what a reader of the row should know."""

    model: str
    judge: str
    baseline: str
    win_rate: Estimate
    length_controlled: Estimate
    avg_length: float | None = None
    length_control: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As published: rates in percent, null where undefined."""
        controlled = self.length_controlled
        return {
            "model": self.model,
            "judge": self.judge,
            "baseline": self.baseline,
            "n": self.win_rate.n,
            "win_rate": percent(self.win_rate.value),
            "standard_error": percent(self.win_rate.standard_error),
            "n_wins": int(self.win_rate.extra.get("wins", 0)),
            "n_wins_base": int(self.win_rate.extra.get("losses", 0)),
            "length_controlled_win_rate": percent(controlled.value),
            "abstentions": self.win_rate.abstentions,
            "win_rate_interval": interval(self.win_rate),
            "length_control": {"source": str(self.length_control) or None, "interval": interval(controlled), "how": controlled.how},
            "notes": list(self.notes),
        }


def percent(rate: float | None) -> float | None:
    """A rate in [0, 1] as a percentage; None stays None."""
    return None if rate is None else 100 * rate


def interval(of: Estimate) -> list[float] | None:
    """[low, high] in percent."""
    return None if of.low is None or of.high is None else [100 * of.low, 100 * of.high]


def leaderboard(
    judgments: Sequence[Judgments],
    published: Published | None = None,
    weights: Weights = Weights.AUTO,
    resamples: int = 200,
    seed: int = 0,
) -> list[LeaderboardRow]:
    """One row for each of `judgments`: by judge, then baseline, the best (length-controlled, then raw) first, undefined last.
    resamples: of the bootstrap over prompts, 0 for no interval of the length-controlled rate."""
    published, rows = published or Published(), list[LeaderboardRow]()
    for _, group in sorted(by_field(judgments).items()):
        own = OwnDifficulty(group)
        some = [_row(each, published, own, weights, resamples, seed) for each in group]
        rows += sorted(some, key=_standing, reverse=True)
    return rows


def by_field(judgments: Sequence[Judgments]) -> dict[tuple[str, str], list[Judgments]]:
    """Those of one judge against one baseline together, by both names."""
    groups: dict[tuple[str, str], list[Judgments]] = defaultdict(list)
    for each in judgments:
        groups[each.judge, each.baseline].append(each)
    return groups


def _standing(row: LeaderboardRow) -> tuple[float, float]:
    raw = -1.0 if row.win_rate.value is None else row.win_rate.value
    controlled = row.length_controlled.value
    return (raw if controlled is None else controlled, raw)


def raw_win_rate(of: Judgments) -> Estimate:
    """The mean score; the standard error of a model against itself is 0, and otherwise None where scores do not vary."""
    judged_N = np.isfinite(of.scores_N)
    found = win_rate_from_scores(of.scores_N[judged_N], list(compress(of.ids, judged_N)), int((~judged_N).sum()))
    if of.is_itself and found.value == 0.5:
        return replace(found, low=None, high=None, standard_error=0.0, how=f"{ITSELF}: known, so there is no interval")
    return found


def _row(of: Judgments, published: Published, own: OwnDifficulty, weights: Weights, resamples: int, seed: int) -> LeaderboardRow:
    length, judged = None if of.lengths_N is None else float(of.lengths_N.mean()), int(np.isfinite(of.scores_N).sum())
    given: dict[str, Any] = {"n": judged, "abstentions": len(of.ids) - judged}

    def row(controlled: Estimate, source: str = "", *notes: str) -> LeaderboardRow:
        return LeaderboardRow(of.model, of.judge, of.baseline, raw_win_rate(of), controlled, length, source, (*of.notes, *notes))

    if of.is_itself:
        return row(Estimate(0.5, None, None, how=f"{ITSELF}: known, so no interval", standard_error=0.0, **given), ITSELF)
    short = "" if of.has_lengths else "the lengths of the answers are not known"
    lacks = {"published": published.lacks_weights(of), "fit": short or published.lacks_difficulty(of), "own": short}
    ways = [way for way in lacks if weights in (Weights.AUTO, way)]
    lacking = "; ".join(dict.fromkeys(lacks[way] for way in takewhile(lacks.get, ways)))
    way = next((Weights(way) for way in ways if not lacks[way]), None)
    if way is None:
        return row(Estimate(None, None, None, how=f"undefined: {lacking}", **given))
    note = [f"length control by `{way}`: {lacking}"] if lacking else []
    return row(_estimate(of, published, own, way, resamples, seed, given), way, *note)


def _estimate(
    of: Judgments, published: Published, own: OwnDifficulty, way: Weights, resamples: int, seed: int, given: Mapping[str, Any]
) -> Estimate:
    if way is Weights.PUBLISHED:
        predicted_P = published.predictions(of)
        how = "published weights, over all instructions; they come without an interval"
        return Estimate(float(predicted_P.mean()), None, None, how=how, extra=error_of_mean(predicted_P), **given)
    if way is Weights.FIT:
        fitted = refit(of, published, resamples=resamples, seed=seed).estimate
        gamed = "" if published.anchor else ", without a gamed baseline"
        return replace(fitted, how=f"AlpacaEval's fit, joined by instruction{gamed}: {fitted.how}")
    difficulty, whence = own.of(of)
    options: dict[str, Any] = {"difficulty": difficulty, "resamples": resamples, "seed": seed}
    fitted = length_controlled_win_rate(of.scores_N, of.ids, *of.lengths, **options).estimate
    return replace(fitted, how=f"{fitted.how}; {whence}")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one set of columns as a CSV for people (`cell_for_people`); null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([cell_for_people("" if cell is None else cell) for cell in row.values()] for row in rows)
    return text.getvalue()


def to_csv(rows: Iterable[LeaderboardRow]) -> str:
    """AlpacaEval's leaderboard CSV, the model in its nameless first column, with more columns behind. `lc_standard_error` is that
    of the mean prediction over instructions, as there."""
    table = []
    for row in rows:
        raw, controlled = row.win_rate, row.length_controlled
        wins, losses, draws = (int(raw.extra.get(name, 0)) for name in ("wins", "losses", "ties"))
        table.append({
            "": row.model, "win_rate": percent(raw.value), "standard_error": percent(raw.standard_error), "n_wins": wins,
            "n_wins_base": losses, "n_draws": draws, "n_total": raw.n,
            "discrete_win_rate": 100 * (wins + draws / 2) / raw.n if raw.n else None, "avg_length": row.avg_length,
            "length_controlled_winrate": percent(controlled.value), "lc_standard_error": percent(controlled.extra.get("sem")),
            "judge": row.judge, "baseline": row.baseline, "length_control": row.length_control, "lc_low": percent(controlled.low),
            "lc_high": percent(controlled.high), "lc_bootstrap_error": percent(controlled.standard_error),
        })  # fmt: skip
    return csv_text(table)
