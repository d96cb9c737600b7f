"""Battles in the files of Chatbot Arena: `model_a, model_b, winner`, or one column a winner (the Kaggle releases), as JSON, JSON
lines, CSV or Parquet.

`winner` is `model_a`, `model_b`, `tie` or `tie (bothbad)` (a tie too, as the arena counts it). The prompt is `question_id`, `id` or
`prompt`, the first that is there; without one, each battle is a prompt of its own. Departure: `p_a`, where it is there, is the
probability that a is better, so that soft verdicts survive a round trip.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import InputError
from ...core.files.tables import Row, read_rows
from ...core.files.writing import write_atomically
from ..rankings.battles import Battles, battles

SCORES = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5, "bothbad": 0.5}
ONE_EACH = {"winner_model_a": 1.0, "winner_model_b": 0.0, "winner_tie": 0.5}
PROMPTS = ("question_id", "id", "prompt")
NONE = (None, "")


def read_battles(path: Path | str) -> Battles:
    """The battles of a file; a row without a winner is an abstention. Raises InputError naming the file and the row."""
    return battles_of_rows(read_rows(path), path)


def battles_of_rows(rows: Sequence[Row], path: Path | str) -> Battles:
    """The same from rows, which errors call those of `path`."""
    lacks = [name for name in ("model_a", "model_b") if name not in rows[0]]
    if lacks or not {"winner", "p_a", *ONE_EACH} & set(rows[0]):
        raise InputError(
            f"{str(path)!r} has the columns {', '.join(rows[0])}; battles need model_a, "
            f"model_b and winner (or {', '.join(ONE_EACH)}, or p_a)"
        )
    prompt = next((name for name in PROMPTS if name in rows[0]), None)
    said = [(row, at, score) for at, row in enumerate(rows) if (score := _score(row, f"{str(path)!r}, row {at + 1}")) is not None]
    left, right = ([str(row[side]) for row, _, _ in said] for side in ("model_a", "model_b"))
    prompts = [at if prompt is None else str(row[prompt]) for row, at, _ in said]
    return battles(left, right, [score for _, _, score in said], prompts, abstentions=len(rows) - len(said))


def _score(row: Row, where: str) -> float | None:
    if row.get("p_a") not in NONE:
        return float(row["p_a"])
    if "winner" in row:
        if row["winner"] in NONE:
            return None
        if row["winner"] not in SCORES:
            raise InputError(
                f"{where}: the winner is {row['winner']!r}; it is one of: {', '.join(SCORES)}, or empty for no verdict"
            )
        return SCORES[row["winner"]]
    won = [score for name, score in ONE_EACH.items() if row.get(name) not in (*NONE, "0", 0, 0.0, "0.0", False)]
    if len(won) > 1:
        raise InputError(f"{where} has {len(won)} winners; set one of {', '.join(ONE_EACH)}")
    return won[0] if won else None


def write_battles(path: Path, of: Battles) -> None:
    """Writes JSON lines: question_id, model_a, model_b, winner, and p_a. Abstentions are rows of no battle, and are not written."""
    names = {1.0: "model_a", 0.0: "model_b", 0.5: "tie"}
    rows = zip(of.prompts_N.tolist(), of.left_N.tolist(), of.right_N.tolist(), of.p_left_N.tolist(), strict=True)
    lines = [
        json.dumps(
            {
                "question_id": prompt,
                "model_a": of.models[left],
                "model_b": of.models[right],
                "winner": names[float(p > 0.5) if p != 0.5 else 0.5],
                "p_a": p,
            },
            ensure_ascii=False,
        )
        for prompt, left, right, p in rows
    ]
    write_atomically(path, "".join(f"{line}\n" for line in lines))
