"""Leaderboards as CSV, in AlpacaEval's columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...core.files.writing import cell_for_people
from .leaderboard import LeaderboardRow, percent


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
    return csv_text([_csv_row(row) for row in rows])


def _csv_row(row: LeaderboardRow) -> dict[str, Any]:
    raw, controlled = row.win_rate, row.length_controlled
    wins, losses, draws = (int(raw.extra.get(name, 0)) for name in ("wins", "losses", "ties"))
    return {
        "": row.model, "win_rate": percent(raw.value), "standard_error": percent(raw.standard_error), "n_wins": wins,
        "n_wins_base": losses, "n_draws": draws, "n_total": raw.n,
        "discrete_win_rate": 100 * (wins + draws / 2) / raw.n if raw.n else None, "avg_length": row.avg_length,
        "length_controlled_winrate": percent(controlled.value), "lc_standard_error": percent(controlled.extra.get("sem")),
        "judge": row.judge, "baseline": row.baseline, "length_control": row.length_control, "lc_low": percent(controlled.low),
        "lc_high": percent(controlled.high), "lc_bootstrap_error": percent(controlled.standard_error),
    }  # fmt: skip
