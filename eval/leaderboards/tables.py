"""Leaderboards as CSV, in AlpacaEval's columns, and back."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.files.reading import read_text, reading
from ...core.files.writing import cell_for_people, name_in_cell
from ...core.records import Estimate
from ...core.text import listed
from .leaderboard import LeaderboardRow, percent

COLUMNS = ("win_rate", "standard_error", "n_wins", "n_wins_base", "n_draws", "n_total", "discrete_win_rate", "avg_length",
           "length_controlled_winrate", "lc_standard_error")  # fmt: skip
"""AlpacaEval's. `lc_standard_error` is that of the mean prediction over instructions, as there."""
OURS = ("judge", "baseline", "length_control", "lc_low", "lc_high", "lc_bootstrap_error")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one set of columns as a CSV for people (`cell_for_people`); null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([cell_for_people("" if cell is None else cell) for cell in row.values()] for row in rows)
    return text.getvalue()


def to_csv(rows: Iterable[LeaderboardRow]) -> str:
    """AlpacaEval's leaderboard CSV, the model in its nameless first column, with more columns behind: `OURS`."""
    return csv_text([_csv_row(row) for row in rows])


def _csv_row(row: LeaderboardRow) -> dict[str, Any]:
    raw, controlled = row.win_rate, row.length_controlled
    wins, losses, draws = (int(raw.extra.get(name, 0)) for name in ("wins", "losses", "ties"))
    discrete = 100 * (wins + draws / 2) / raw.n if raw.n else None
    numbers = (percent(raw.value), percent(raw.standard_error), wins, losses, draws, raw.n, discrete, row.avg_length,
               percent(controlled.value), percent(controlled.extra.get("sem")))  # fmt: skip
    more = (
        row.judge,
        row.baseline,
        row.length_control,
        *map(percent, (controlled.low, controlled.high, controlled.standard_error)),
    )
    return {"": row.model} | dict(zip(COLUMNS, numbers, strict=True)) | dict(zip(OURS, more, strict=True))


def from_csv(text: str, judge: str = "", baseline: str = "") -> list[LeaderboardRow]:
    """Rows of a leaderboard CSV, without intervals. AlpacaEval's own name no judge and no baseline: give them."""
    reader = csv.DictReader(io.StringIO(text))
    columns = list(reader.fieldnames or [])
    if not {"win_rate", "n_total"} <= set(columns):
        raise InputError(f"a leaderboard CSV has the columns win_rate and n_total, and this has: {listed(columns) or 'none'}")
    return [_read_row(each, name_in_cell(each[columns[0]]), judge, baseline) for each in reader]


def _read_row(row: Mapping[str, str], model: str, judge: str, baseline: str) -> LeaderboardRow:
    number = {name: _number(row.get(name), model, name) for name in (*COLUMNS, *OURS[-3:])}
    counts = {"wins": number["n_wins"], "losses": number["n_wins_base"], "ties": number["n_draws"]}
    n, how = int(number["n_total"] or 0), {True: "undefined: the leaderboard has none", False: "read from a leaderboard"}
    rate, controlled, sem = (_rate(number[name]) for name in ("win_rate", "length_controlled_winrate", "lc_standard_error"))
    raw = Estimate(
        rate, None, None, n, how[rate is None], standard_error=_rate(number["standard_error"]),
        extra={name: value for name, value in counts.items() if value is not None},
    )  # fmt: skip
    low, high, error = (_rate(number[name]) for name in OURS[-3:])
    found = Estimate(
        controlled, low, high, n, how[controlled is None], standard_error=error, extra={} if sem is None else {"sem": sem}
    )
    judge, baseline = (name_in_cell(row.get(name) or "") or told for name, told in (("judge", judge), ("baseline", baseline)))
    return LeaderboardRow(model, judge, baseline, raw, found, number["avg_length"], row.get("length_control") or "")


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
