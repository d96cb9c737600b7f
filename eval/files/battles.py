"""Battles in the files of Chatbot Arena: `model_a, model_b, winner`, or one column per winner (the Kaggle releases), as JSON, JSON
lines, CSV or Parquet.

`winner` is `model_a`, `model_b`, `tie` or `tie (bothbad)` (a tie too, as the arena counts it), however it is spelt. Rows that share
`question_id`, `id` or the prompt's text (`prompt`, or the first turn of `conversation_a`) are of one prompt, because an `id` may
only number the rows; without any of these each battle is a prompt of its own. `p_a`, ours, is the probability that a is better."""

import json
import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...core.errors import InputError
from ...core.files.cells import name_of, number_of, truth_of
from ...core.files.tables import Row, read_rows
from ...core.text import listed, one_line
from ..rankings.battles import Battles, battles

SCORES = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5, "bothbad": 0.5}
BY_LETTERS = {re.sub("[^a-z]", "", name): score for name, score in SCORES.items()}
ONE_EACH = {"winner_model_a": 1.0, "winner_model_b": 0.0, "winner_tie": 0.5}
IDS = ("question_id", "id")
NONE = (None, "")


def read_battles(path: Path | str) -> Battles:
    """The battles of a file; a row without a winner, or of a model with itself, is an abstention. InputError names file and row."""
    return battles_of_rows(read_rows(path), path)


def battles_of_rows(rows: Sequence[Row], path: Path | str) -> Battles:
    """The same from rows, which errors call those of `path`."""
    lacks = [name for name in ("model_a", "model_b") if name not in rows[0]]
    if lacks or not {"winner", "p_a", *ONE_EACH} & set(rows[0]):
        what = f"{str(path)!r} has the columns {listed(rows[0])}"
        raise InputError(f"{what}; battles need model_a, model_b and winner (or {', '.join(ONE_EACH)}, or p_a)")
    scores = [_score(row, f"{str(path)!r}, row {number}") for number, row in enumerate(rows, 1)]
    said = [at for at, score in enumerate(scores) if score is not None]
    left, right = ([_model(rows[at], side, f"{str(path)!r}, row {at + 1}") for at in said] for side in ("model_a", "model_b"))
    prompts, notes = _prompts(rows)
    verdicts = [score for score in scores if score is not None]
    found = battles(left, right, verdicts, prompts and [prompts[at] for at in said], abstentions=len(rows) - len(said))
    return replace(found, notes=(*found.notes, *notes))


def _prompts(rows: Sequence[Row]) -> tuple[Sequence[Hashable] | None, tuple[str, ...]]:
    """(The prompt of each row, None where nothing names one; what is to be said of that.)"""
    ids = next((name for name in IDS if name in rows[0]), None)
    names = None if ids is None else [str(row.get(ids)) for row in rows]
    texts = [_text(row) for row in rows]
    if None in texts or len(rows) < 2:
        return names, ()
    if names is None:
        return texts, ()
    places = [np.unique(np.array(each, dtype=object).astype(str), return_inverse=True)[1] for each in (names, texts)]
    ends = (places[0], places[1] + len(rows))
    _, group_G = connected_components(coo_array((np.ones(len(rows)), ends), shape=(2 * len(rows),) * 2), directed=False)
    groups, named = group_G[places[0]].tolist(), len(set(names))
    first = dict(sorted(zip(groups, texts, strict=True), reverse=True))  # of each group the least text, whatever the rows' order
    if len(first) == named:
        return names, ()
    note = f"{named} values of `{ids}` name {len(first)} prompts by their text: intervals are clustered by prompt text"
    return [first[group] for group in groups], (note,)


def _text(row: Row) -> str | None:
    """What was asked, where the row holds it."""
    if row.get("prompt") not in NONE:
        return row["prompt"] if isinstance(row["prompt"], str) else json.dumps(row["prompt"])
    turns = row.get("conversation_a")
    first = turns[0] if isinstance(turns, Sequence) and not isinstance(turns, str) and len(turns) else None
    return json.dumps(first["content"]) if isinstance(first, dict) and first.get("content") else None


def _model(row: Row, side: str, where: str) -> str:
    name = name_of(row.get(side), f"{where}: `{side}`")
    if not name:
        raise InputError(f"{where}: `{side}` is empty; it is the name of a model")
    return name


def _score(row: Row, where: str) -> float | None:
    """P(a is better), None without a verdict."""
    said = _winner(row, where)
    p = number_of(row.get("p_a"), f"{where}: `p_a`")
    if math.isnan(p):
        return said
    if not 0 <= p <= 1:
        raise InputError(f"{where}: `p_a` is {p:g}; it is the probability that model_a is better, 0 to 1")
    if said is not None and np.sign(p - 0.5) != np.sign(said - 0.5):
        raise InputError(f"{where}: the winner is {row['winner']!r}, and `p_a` is {p:g}; give one of them, or two that agree")
    return p


def _winner(row: Row, where: str) -> float | None:
    if "winner" in row:
        said = row["winner"]
        if said in NONE:
            return None
        score = BY_LETTERS.get(re.sub("[^a-z]", "", said.lower())) if isinstance(said, str) else None
        if score is None:
            known = ", ".join(SCORES)
            raise InputError(f"{where}: the winner is {one_line(said)}; it is one of: {known}, or empty for no verdict")
        return score
    won = [score for name, score in ONE_EACH.items() if _is_set(row.get(name), f"{where}: `{name}`")]
    if len(won) > 1:
        raise InputError(f"{where} has {len(won)} winners; set one of {', '.join(ONE_EACH)}")
    return won[0] if won else None


def _is_set(value: Any, where: str) -> bool:
    """Whether that side won; an empty cell says that it did not."""
    return value not in NONE and truth_of(value.strip().removesuffix(".0") if isinstance(value, str) else value, where)
