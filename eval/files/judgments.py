"""One judge's verdicts on one model, from rows of AlpacaEval (github.com/tatsu-lab/alpaca_eval) or of `pasture annotate`.

Departures from AlpacaEval: what belongs to an instruction is joined by the instruction, never by the row's position; an instruction
judged twice, two baselines in one file and a preference outside of [1, 2] are errors."""

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import index_of, name_of
from ...core.files.labels import preference_score, read_labels
from ...core.files.reading import reading
from ...core.files.tables import Row, read_rows
from ...core.text import listed, one_line


class Texts(NamedTuple):
    """What the judge read, by row; empty where the file does not hold it."""

    instructions: tuple[str, ...]
    outputs: tuple[str, ...]
    baseline_outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgments:
    """One judge's verdicts on one model against one baseline, in the file's order. ids: names of the instructions (their index in
    the instruction file where there is one, else their text). scores_N: the probability that the model is better, NaN where the
    judge gave none. lengths in characters, None where unknown. top_logprobs: the judge's likeliest first tokens with their natural
    log-probabilities, by row, None where unknown."""

    model: str
    judge: str
    baseline: str
    ids: tuple[Any, ...]
    scores_N: np.ndarray
    lengths_N: np.ndarray | None = None
    baseline_lengths_N: np.ndarray | None = None
    top_logprobs: tuple[Mapping[str, float] | None, ...] = ()
    texts: Texts | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        who = f"{self.model!r} judged by {self.judge!r}"
        if twice := [str(each)[:60] for each, count in Counter(self.ids).items() if count > 1]:
            what = f"{len(twice)} instructions are judged twice, {twice[0]!r} among them"
            raise InputError(f"{who}: {what}; keep one row an instruction")
        bad_N = (self.scores_N < 0) | (self.scores_N > 1) | np.isinf(self.scores_N)
        if bad_N.any():
            place = int(bad_N.argmax())
            wrong = f"{who}: the preference of {str(self.ids[place])[:60]!r} is {self.scores_N[place] + 1}"
            raise InputError(f"{wrong}; it is 1 (baseline) to 2 (model), 0 or 1.5 for a tie, empty for no verdict")

    @property
    def has_lengths(self) -> bool:
        """Whether the lengths of both sides' answers are known."""
        return self.lengths_N is not None and self.baseline_lengths_N is not None

    @property
    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the model's answers and of the baseline's, where `has_lengths`."""
        assert self.lengths_N is not None
        assert self.baseline_lengths_N is not None
        return self.lengths_N, self.baseline_lengths_N

    @property
    def is_itself(self) -> bool:
        """Whether the model is its own baseline."""
        return self.model == self.baseline


class Instructions(NamedTuple):
    """The instructions of an evaluation set: their index by text, and their text by index."""

    indices: Mapping[str, int]
    texts: Mapping[int, str]


def read_judgments(path: Path, model: str = "", judge: str = "", known: Instructions | None = None) -> Judgments:
    """One file of either form, or of `pasture annotate`. `model` and `judge` stand for what the file calls `generator_2` and
    `annotator` where given (a file may hold a placeholder); `notes` say where the two differ. Raises InputError naming the file for
    a missing column and for what `Judgments` refuses."""
    rows = read_rows(path)
    return judgments_of_rows(exported_rows(path, model) if is_export(rows) else rows, path, model, judge, known)


def judgments_of_rows(
    rows: Sequence[Row], path: Path, model: str = "", judge: str = "", known: Instructions | None = None
) -> Judgments:
    """The same from rows, which errors call those of `path`."""
    where = str(path)
    if not {"generator_1", "preference"} <= set(rows[0]) or not {"index", "instruction"} & set(rows[0]):
        what = f"{where!r} has the columns {listed(rows[0])}"
        raise InputError(f"{what}; judgments need index or instruction, generator_1, preference")
    baselines = {_name(row, "generator_1", where) for row in rows}
    if len(baselines) > 1:
        raise InputError(f"{where!r} compares with {len(baselines)} baselines ({', '.join(sorted(baselines))}); give one a file")
    scores = [preference_score(row.get("preference"), f"{where!r}, row {at}: `preference`") for at, row in enumerate(rows, 1)]
    try:
        return Judgments(
            model or _name(rows[0], "generator_2", where) or path.stem,
            judge or _name(rows[0], "annotator", where),
            baselines.pop(),
            _ids(rows, known, where),
            np.array(scores),
            _lengths(rows, "output_2", "len_2", where),
            _lengths(rows, "output_1", "len_1", where),
            tuple(_top_logprobs(row, where) for row in rows),
            _texts(rows, where),
            _otherwise(rows, generator_2=model, annotator=judge),
        )
    except InputError as error:
        raise error if where in str(error) else InputError(f"{where!r}: {error}") from error


def _otherwise(rows: Sequence[Row], **by_column: str) -> tuple[str, ...]:
    """What rows call otherwise than their path does, a sentence per column; a path without a name says nothing."""
    notes = []
    for column, name in by_column.items():
        inside = {str(row[column]).rpartition("/")[2] for row in rows if row.get(column)} - {name.rpartition("/")[2]}
        if name and inside:
            some = ", ".join(map(one_line, sorted(inside)[:3]))
            notes.append(f"the rows of {name!r} name the {column} {some}; the name of the path is kept")
    return tuple(notes)


def _ids(rows: Sequence[Row], known: Instructions | None, where: str) -> tuple[Any, ...]:
    if "index" in rows[0]:
        return tuple(index_of(row.get("index"), f"{where!r}: `index`") for row in rows)
    texts = [text_in(row, "instruction", where) for row in rows]
    if known is None:
        return tuple(texts)
    strange = [text for text in texts if text not in known.indices]
    if strange:
        raise InputError(f"{where!r}: {len(strange)} instructions are not in the instruction file, {strange[0][:60]!r} among them")
    return tuple(known.indices[text] for text in texts)


def _lengths(rows: Sequence[Row], output: str, length: str, where: str) -> np.ndarray | None:
    if isinstance(rows[0].get(output), str):
        return np.array([float(len(text_in(row, output, where))) for row in rows])
    if any(row.get(length) in ("", None) for row in rows):
        return None
    return np.array([float(index_of(row[length], f"{where!r}: `{length}`, a length in characters,")) for row in rows])


def _texts(rows: Sequence[Row], where: str) -> Texts | None:
    columns = ("instruction", "output_2", "output_1")
    if not all(isinstance(rows[0].get(each), str) for each in columns):
        return None
    return Texts(*(tuple(text_in(row, each, where) for row in rows) for each in columns))


def text_in(row: Row, column: str, where: str) -> str:
    """Text; empty where there is none."""
    said = row.get(column)
    if said is not None and not isinstance(said, str):
        raise InputError(f"{where!r}: `{column}` is {one_line(said)}; it is text")
    return said or ""


def _name(row: Row, column: str, where: str) -> str:
    return name_of(row.get(column), f"{where!r}: `{column}`")


def _top_logprobs(row: Row, where: str) -> Mapping[str, float] | None:
    """From `top_logprobs` ([[token, log-probability], ...] as JSON), or from the raw completion of an OpenAI-like engine."""
    with reading(where, "log-probabilities as [[token, number], ...] in `top_logprobs`, or a raw completion of OpenAI's form"):
        if row.get("top_logprobs"):
            return {str(token): float(value) for token, value in json.loads(row["top_logprobs"])}
        raw = row.get("raw_completion")
        content = ((raw.get("logprobs") or {}) if isinstance(raw, Mapping) else {}).get("content")
        if not content or not content[0].get("top_logprobs"):
            return None
        return {each["token"]: float(each["logprob"]) for each in content[0]["top_logprobs"]}


def is_export(rows: Sequence[Row]) -> bool:
    """Whether rows are those that `pasture annotate` writes."""
    return {"p_chosen", "left_was_chosen"} <= set(rows[0])


def exported_rows(path: Path, model: str = "") -> list[Row]:
    """What `pasture annotate` wrote, ties and abstentions beside it too, as rows of AlpacaEval. The model is the side that bears
    the name `model`; where neither side does, it is the left one, as the first of two files of outputs is."""
    rows = list[Row]()
    for pair, p_left, _, annotator in read_labels(path):
        left_is_model = pair.right.model != model or pair.left.model == model
        candidate, baseline = (pair.left, pair.right) if left_is_model else (pair.right, pair.left)
        score = p_left if left_is_model else 1 - p_left
        rows.append({
            "instruction": pair.prompt.text, "annotator": annotator, "preference": None if math.isnan(score) else 1 + score,
            "output_1": baseline.text, "generator_1": baseline.model or "(not named)",
            "output_2": candidate.text, "generator_2": candidate.model,
        })  # fmt: skip
    return rows


def was_switched(instruction: str) -> bool:
    """Whether AlpacaEval showed the model's answer first, by the instruction alone (half the time)."""
    return random.Random(f"is_switched_outputs{instruction}0").choices([False, True])[0]


def score_from_logprobs(top_logprobs: Mapping[str, float], switched: bool) -> float:
    """The model's score in [0, 1] from the judge's first token, `m` for the answer shown first and `M` for the second: p(second) /
    (p(first) + p(second)), or 1 less that if switched. Tokens not among the likeliest have probability 0; NaN where both do."""
    first, second = (math.exp(top_logprobs[token]) if token in top_logprobs else 0.0 for token in ("m", "M"))
    if first + second == 0:
        return math.nan
    shown_second = second / (first + second)
    return 1 - shown_second if switched else shown_second


def scores_from_logprobs(judgments: Judgments, texts: Mapping[Any, str]) -> np.ndarray:
    """The same for all rows, NaN where there are no log-probabilities; `texts` are the instructions by id."""
    switched = (was_switched(texts.get(name, str(name))) for name in judgments.ids)
    rows = zip(judgments.top_logprobs, switched, strict=True)
    return np.array([math.nan if top is None else score_from_logprobs(top, is_switched) for top, is_switched in rows])
