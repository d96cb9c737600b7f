"""Are published numbers reproduced? Each check says what was compared, how many agree, and which do not.

Of AlpacaEval: win rates, standard errors and counts; preferences from raw log-probabilities; length control from the published
weights; what joining difficulty by row position has moved; rank correlation with Chatbot Arena; AlpacaFarm's own two win rates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.files.cells import number_of
from ...core.files.tables import read_rows
from ..files.judgments import Instructions, Judgments, scores_from_logprobs
from ..rankings.rank_correlation import spearman_rows
from .leaderboard import LeaderboardRow, percent, raw_win_rate
from .length_control import FOLDS
from .published import Published, refit

EXACT = 1e-6
FROM_WEIGHTS = 0.02
ARENA, ARENA_RAW, ARENA_CONTROLLED = "Arena Elo\n[Feb 2, 2024]", "AlpacaEval 2.0", "LC AlpacaEval 2.0"


class PublishedCheck(NamedTuple):
    """`said` is one sentence; `exceptions` are those that do not agree, a sentence each."""

    said: str
    exceptions: tuple[str, ...] = ()


class JoinFault(NamedTuple):
    """Length-controlled win rates in percent of one model with missing rows: as published, AlpacaEval's fit made again with its
    join by row position, and with the join by instruction."""

    model: str
    judge: str
    published: float
    by_position: float
    by_instruction: float

    @property
    def said(self) -> str:
        """In one sentence."""
        again = f"{self.by_position:.2f} joined by position, {self.by_instruction:.2f} by instruction"
        fault = f"{self.by_position - self.by_instruction:+.2f} points are the fault's"
        return f"published {self.published:.2f}; the fit made again gives {again} ({fault})"


def checks(
    judgments: Sequence[Judgments], rows: Sequence[LeaderboardRow], published: Published, folder: Path, known: Instructions | None
) -> list[PublishedCheck]:
    """All checks that the folder's tables allow."""
    of_judgments = [_counts(judgments, published), _preferences(judgments, known), _from_weights(judgments, published)]
    found = [*of_judgments, _refitted(rows, judgments, published), _arena(folder), _alpacafarm(folder)]
    return [each for each in found if each is not None]


def join_faults(judgments: Sequence[Judgments], published: Published) -> list[JoinFault]:
    """The models whose rows do not stand at their instructions' places, so that AlpacaEval gave them others' difficulties."""
    found = []
    for each in judgments:
        row = published.row(each) or {}
        moved = list(each.ids) != list(range(len(each.ids)))
        if "length_controlled_winrate" not in row or not moved or not each.has_lengths or published.lacks_difficulty(each):
            continue
        there, here = (refit(each, published, by_position).estimate.value for by_position in (True, False))
        if there is not None and here is not None:
            found.append(JoinFault(each.model, each.judge, row["length_controlled_winrate"], 100 * there, 100 * here))
    return sorted(found, key=lambda each: -abs(each.by_position - each.by_instruction))


def with_faults(rows: Sequence[LeaderboardRow], faults: Sequence[JoinFault]) -> list[LeaderboardRow]:
    """The rows, those with a published rate that a fault has moved with a note of it."""
    said = {(each.model, each.judge, "published"): each.said for each in faults}
    noted = [(row, said.get((row.model, row.judge, row.length_control))) for row in rows]
    return [replace(row, notes=(*row.notes, note)) if note else row for row, note in noted]


def _counts(judgments: Sequence[Judgments], published: Published) -> PublishedCheck | None:
    compared, wrong = 0, []
    for each in judgments:
        row = published.row(each)
        if row is None:
            continue
        raw = raw_win_rate(each)
        ours = {"win_rate": percent(raw.value), "standard_error": percent(raw.standard_error), "n_total": raw.n,
                "n_wins": raw.extra.get("wins", 0), "n_wins_base": raw.extra.get("losses", 0)}  # fmt: skip
        off = [
            f"{name} {'undefined' if value is None else f'{value:g}'}, published {row[name]:g}"
            for name, value in ours.items()
            if name in row and not (value is not None and abs(value - row[name]) <= EXACT)
        ]
        compared += 1
        wrong += [f"{each.model} ({each.judge}): {'; '.join(off)}"] if off else []
    said = f"win rate, standard error and counts: {compared - len(wrong)} of {compared} as published (to {EXACT:g})"
    return PublishedCheck(said, tuple(wrong)) if compared else None


def _preferences(judgments: Sequence[Judgments], known: Instructions | None) -> PublishedCheck | None:
    errors = []
    for each in judgments:
        if any(each.top_logprobs) and (known or each.texts):
            names = each.texts.instructions if each.texts else ()
            recomputed_N = scores_from_logprobs(each, known.texts if known else dict(zip(each.ids, names, strict=True)))
            both_N = np.isfinite(recomputed_N) & np.isfinite(each.scores_N)
            errors.append(np.abs(recomputed_N - each.scores_N)[both_N])
    error_N = np.concatenate(errors) if errors else np.empty(0)
    if not len(error_N):
        return None
    wrong = int((error_N > 1e-9).sum())
    said = f"{len(error_N):,} made again, {wrong} off by over 1e-9 (worst {error_N.max():.0e})"
    return PublishedCheck(f"preferences from raw log-probabilities: {said}")


def _from_weights(judgments: Sequence[Judgments], published: Published) -> PublishedCheck | None:
    compared, wrong = 0, []
    for each in judgments:
        theirs = (published.row(each) or {}).get("length_controlled_winrate")
        if theirs is None or published.lacks_weights(each):
            continue
        compared += 1
        ours = 100 * float(published.predictions(each).mean())
        if abs(ours - theirs) > FROM_WEIGHTS:
            wrong.append(f"{each.model}: the weights give {ours:.3f}, published {theirs:.3f}")
    said = f"length-controlled win rate from published weights: {compared - len(wrong)} of {compared} within {FROM_WEIGHTS} points"
    return PublishedCheck(said, tuple(wrong)) if compared else None


def _refitted(rows: Sequence[LeaderboardRow], judgments: Sequence[Judgments], published: Published) -> PublishedCheck | None:
    """Of the rows that were fitted here with the published difficulty."""
    by_name = {(each.model, each.judge): published.row(each) or {} for each in judgments}
    off = {}
    for row in rows:
        theirs = by_name[row.model, row.judge].get("length_controlled_winrate")
        if theirs is not None and row.length_control == "fit" and row.length_controlled.value is not None:
            off[f"{row.model} ({row.judge})"] = 100 * row.length_controlled.value - theirs
    near, close = (sum(abs(each) <= limit for each in off.values()) for limit in (0.005, 0.15))
    said = f"length-controlled win rate fitted again: {near} of {len(off)} within 0.005 points, {close} within 0.15"
    far = tuple(f"{name}: off by {each:+.2f}" for name, each in off.items() if abs(each) > 0.15)
    return PublishedCheck(said, far) if off else None


def _arena(folder: Path) -> PublishedCheck | None:
    elo_M, raw_M, controlled_M = _filled(folder / "arena_benchmarks.csv", ARENA, ARENA_RAW, ARENA_CONTROLLED)
    if len(elo_M) < FOLDS:
        return None
    rho, raw_rho = (float(spearman_rows(elo_M[None], each[None])[0]) for each in (controlled_M, raw_M))
    return PublishedCheck(f"Spearman with Chatbot Arena over {len(elo_M)} models: {rho:.4f} length-controlled, {raw_rho:.4f} raw")


def _alpacafarm(folder: Path) -> PublishedCheck | None:
    path = folder / "alpacafarm_table2.csv"
    if not path.is_file():
        return None
    simulated_M, human_M = _filled(path, "sim_winrate", "human_winrate")
    rho, r = float(spearman_rows(simulated_M[None], human_M[None])[0]), float(np.corrcoef(simulated_M, human_M)[0, 1])
    said = f"simulated against human win rates of {len(human_M)} methods: Spearman {rho:.4f}, R2 {r * r:.4f}"
    return PublishedCheck(f"AlpacaFarm, {said}")


def _filled(path: Path, *names: str) -> list[np.ndarray]:
    """Columns of numbers, of the rows that have all of them; empty without a file."""
    rows = [row for row in read_rows(path) if all(row.get(name) for name in names)] if path.is_file() else []
    return [np.array([number_of(row[name], f"{str(path)!r}: `{name}`") for row in rows]) for name in names]
