"""Reads one model's verdicts from a file of judgments: AlpacaEval's annotations, or what `pasture annotate` wrote.

AlpacaEval: `preference` from 1 (the baseline, output 1, wins) to 2 (the model, output 2, wins), 1.5 or 0 a tie, empty no verdict.
Pasture's: `p_chosen`, `left_was_chosen`; the left answer is the model; ties and abstentions are in `<stem>.undecided.jsonl`."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import given, name_of
from ...core.files.labels import preference_score, read_labels
from ...core.files.tables import Row, read_rows
from ...core.records import Label
from ...core.text import listed
from ..intervals.clusters import Scores

PROMPT_COLUMNS = ("instruction", "prompt", "index", "id")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """scores: 1 where the model won, by prompt. model, baseline: blank where the file does not say. prompt_column: what names a
    prompt. judges: those that the file names."""

    scores: Scores
    model: str
    baseline: str
    prompt_column: str
    judges: frozenset[str] = frozenset()


def read_verdicts(path: Path | str) -> Verdicts:
    """Raises InputError, naming file, row and column, for other columns, preferences out of range, several models or baselines."""
    rows = read_rows(path)
    columns = rows[0].keys()
    prompt_column = next((each for each in PROMPT_COLUMNS if each in columns), None)
    if prompt_column and "preference" in columns:
        return _alpaca_eval(path, rows, prompt_column)
    if prompt_column and {"p_chosen", "left_was_chosen"} <= set(columns):
        return _pasture(path, list(read_labels(path)))
    what = f"{str(path)!r} has the columns {listed(columns)}; verdicts are in `preference` (AlpacaEval) or in"
    raise InputError(f"{what} `p_chosen, left_was_chosen` (`pasture annotate`), with one of {', '.join(PROMPT_COLUMNS)}")


def _alpaca_eval(path: Path | str, rows: Sequence[Row], prompt_column: str) -> Verdicts:
    scores, prompts, sides = [], [], []
    for number, row in enumerate(rows, 1):
        where = f"{str(path)!r}, row {number}"
        score = preference_score(row.get("preference"), f"{where}: `preference`")
        sides.append([name_of(row.get(column), f"{where}: `{column}`") for column in ("generator_2", "generator_1")])
        prompt = given(row, prompt_column, where)
        if not math.isnan(score):
            scores.append(score)
            prompts.append(prompt if isinstance(prompt, str) else json.dumps(prompt))
    judges = frozenset(name_of(row.get("annotator"), f"{str(path)!r}: `annotator`") for row in rows) - {""}
    return Verdicts(Scores(np.array(scores), prompts, len(rows) - len(scores)), *_two(path, sides), prompt_column, judges)


def _pasture(path: Path | str, labels: Sequence[Label]) -> Verdicts:
    said = [each for each in labels if not each.abstained]
    asked = [(pair.prompt.text, [[turn.role, turn.content] for turn in pair.prompt.history]) for pair, *_ in said]
    prompts = [json.dumps([*before, text]) if before else text for text, before in asked]
    scores = Scores(np.array([each.p_left for each in said]), prompts, len(labels) - len(said))
    names = _two(path, [(each.pair.left.model, each.pair.right.model) for each in labels])
    return Verdicts(scores, *names, "prompt", frozenset(each.judge for each in labels) - {""})


def _two(path: Path | str, sides: Sequence[Sequence[str]]) -> tuple[str, str]:
    """The one model and the one baseline of all rows; blank where no row says."""
    found = []
    for what, names in zip(("models", "baselines"), zip(*sides, strict=True), strict=True):
        known = sorted(set(names) - {""})
        if len(known) > 1:
            raise InputError(f"{str(path)!r} has several {what} ({', '.join(known[:5])}); give one model and one baseline per file")
        found.append(known[0] if known else "")
    return found[0], found[1]
