"""Reads one model's verdicts from a file of judgments: AlpacaEval's annotations, or what `pasture annotate` wrote.

AlpacaEval: `preference` from 1 (the baseline, output 1, wins) to 2 (the model, output 2, wins), 1.5 or 0 a tie, empty no
verdict. Pasture's: `p_chosen` of `chosen` over `rejected`, `left_was_chosen`; the left answer is the model, and ties and
abstentions stand in `<stem>.undecided.jsonl` beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.files.labels import number_of, score_of
from ...core.files.preferences import undecided_path
from ...core.files.tables import Row, read_rows
from ..intervals.clusters import Scores

PROMPT_COLUMNS = ("instruction", "prompt", "index", "id")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """scores: 1 where the model won, by prompt. model, baseline: blank where the file does not say. prompt_column: what names a
    prompt."""

    scores: Scores
    model: str
    baseline: str
    prompt_column: str


def read_verdicts(path: Path | str) -> Verdicts:
    """Raises InputError, naming file, row and column, for other columns, a preference out of range, and several models or
    baselines."""
    rows = read_rows(path)
    columns = rows[0].keys()
    prompt_column = next((each for each in PROMPT_COLUMNS if each in columns), None)
    if prompt_column and "preference" in columns:
        return _alpaca_eval(path, rows, prompt_column)
    if prompt_column and {"p_chosen", "left_was_chosen"} <= set(columns):
        beside = undecided_path(path)
        return _pasture(path, rows, read_rows(beside) if beside.is_file() else [], prompt_column)
    raise InputError(
        f"{str(path)!r} has the columns {', '.join(map(str, columns))}; verdicts are in `preference` (AlpacaEval) or in "
        f"`p_chosen, left_was_chosen` (`pasture annotate`), with one of {', '.join(PROMPT_COLUMNS)}"
    )


def _alpaca_eval(path: Path | str, rows: Sequence[Row], prompt_column: str) -> Verdicts:
    scores, prompts = [], []
    for number, row in enumerate(rows, 1):
        score = score_of(row.get("preference"), f"{str(path)!r}, row {number}: `preference`")
        if not math.isnan(score):
            scores.append(score)
            prompts.append(_key(row[prompt_column]))
    model, baseline = (_one(path, rows, column) for column in ("generator_2", "generator_1"))
    return Verdicts(Scores(np.array(scores), prompts, len(rows) - len(scores)), model, baseline, prompt_column)


def _pasture(path: Path | str, decided: Sequence[Row], undecided: Sequence[Row], prompt_column: str) -> Verdicts:
    scores, prompts, sides = [], [], []
    for number, row in enumerate(decided, 1):
        p = number_of(row["p_chosen"], f"{str(path)!r}, row {number}: `p_chosen`")
        if not 0.5 <= p <= 1:
            raise InputError(f"{str(path)!r}, row {number}: `p_chosen` is {p}; it is in [0.5, 1]")
        left_won = str(row["left_was_chosen"]).lower() == "true"
        scores.append(p if left_won else 1 - p)
        prompts.append(_key(row[prompt_column]))
        makers = (row.get("chosen_model"), row.get("rejected_model"))
        sides.append(dict(zip(("left_model", "right_model"), makers if left_won else makers[::-1], strict=True)))
    ties = [row for row in undecided if row.get("reason") == "tie"]
    scores += [0.5] * len(ties)
    prompts += [_key(row[prompt_column]) for row in ties]
    model, baseline = (_one(path, [*sides, *undecided], column) for column in ("left_model", "right_model"))
    return Verdicts(Scores(np.array(scores), prompts, len(undecided) - len(ties)), model, baseline, prompt_column)


def _one(path: Path | str, rows: Sequence[Row], column: str) -> str:
    found = sorted({str(row[column]) for row in rows if row.get(column)})
    if len(found) > 1:
        raise InputError(
            f"{str(path)!r} has several names in {column!r} ({', '.join(found[:5])}); give one model and one baseline a file"
        )
    return found[0] if found else ""


def _key(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
