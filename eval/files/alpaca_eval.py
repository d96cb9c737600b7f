"""Judgments as AlpacaEval keeps them: `annotations.json`, and the same as one CSV a model and judge (`MODEL__JUDGE.csv.gz`).

Departures from AlpacaEval (github.com/tatsu-lab/alpaca_eval): what belongs to an instruction is joined by the instruction, never by
the row's position; an instruction judged twice, two baselines in one file and a preference outside of [1, 2] are errors.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import InputError, UnknownName
from ...core.files.cells import index_of, name_of
from ...core.files.labels import preference_score
from ...core.files.reading import reading
from ...core.files.tables import Row, read_rows
from ...core.files.writing import write_atomically
from ...core.text import listed, one_line
from .exports import exported_rows, is_export

NAME = re.compile(r"annotations\.(jsonl?|csv)(\.gz)?")
IN_FOLDER = "annotations.json in any subfolder (RESULTS/MODEL/JUDGE/annotations.json), or MODEL__JUDGE.csv(.gz) files"


class Texts(NamedTuple):
    """What the judge read, by row; empty where the file does not hold it."""

    instructions: tuple[str, ...]
    outputs: tuple[str, ...]
    baseline_outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgments:
    """One judge's verdicts on one model against one baseline, in the file's order.

    ids: names of the instructions (their index in the instruction file where there is one, else their text). scores_N: the
    probability that the model is better, NaN where the judge gave none. lengths in characters, None where unknown.
    top_logprobs: the judge's likeliest first tokens with their natural log-probabilities, by row, None where unknown.
    """

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
    """What is to be said of how they were read."""

    def __post_init__(self) -> None:
        who = f"{self.model!r} judged by {self.judge!r}"
        twice = [each for each, count in Counter(self.ids).items() if count > 1]
        if twice:
            raise InputError(
                f"{who}: {len(twice)} instructions are judged twice, {str(twice[0])[:60]!r} among them; keep one row an instruction"
            )
        bad_N = (self.scores_N < 0) | (self.scores_N > 1) | np.isinf(self.scores_N)
        if bad_N.any():
            place = int(bad_N.argmax())
            raise InputError(
                f"{who}: the preference of {str(self.ids[place])[:60]!r} is {self.scores_N[place] + 1}; it is 1 (baseline) to 2 "
                "(model), 0 or 1.5 for a tie, empty for no verdict"
            )

    @property
    def has_lengths(self) -> bool:
        """Whether the lengths of both sides' answers are known."""
        return self.lengths_N is not None and self.baseline_lengths_N is not None

    @property
    def is_itself(self) -> bool:
        """Whether the model is its own baseline."""
        return self.model == self.baseline


class Instructions(NamedTuple):
    """The instructions of an evaluation set: their index by text, and their text by index."""

    indices: Mapping[str, int]
    texts: Mapping[int, str]


def read_instructions(path: Path) -> Instructions:
    """A table with the columns `index` and `instruction`. Raises InputError naming the row of another."""
    texts: dict[int, str] = {}
    for number, row in enumerate(read_rows(path), 1):
        where = f"{str(path)!r}, row {number}"
        texts[index_of(row.get("index"), f"{where}: `index`")] = _text(row, "instruction", where)
    return Instructions({text: index for index, text in texts.items()}, texts)


def read_folder(folder: Path, judge: str | None = None) -> list[Judgments]:
    """All judgments under `folder`, by judge and model; those of one judge if named.

    Raises InputError where there are none, and where two files hold one model's under the same judge."""
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}; give one that holds {IN_FOLDER}")
    paths = {**_csv_files(folder), **_json_files(folder)}
    if not paths:
        raise InputError(f"{str(folder)!r} holds no judgments; expected {IN_FOLDER}")
    known = find_instructions(folder)
    wanted = {path: names for path, names in paths.items() if judge is None or names[1] in ("", judge)}
    found: dict[tuple[str, str, str], tuple[Path, Judgments]] = {}
    for path, (model, its_judge) in wanted.items():
        each = read_judgments(path, model, its_judge, known)
        name = (each.judge, each.model, each.baseline)
        if name in found:
            raise InputError(f"{str(found[name][0])!r} and {str(path)!r} both judge {each.model!r} by {each.judge!r}; remove one")
        found[name] = (path, each)
    chosen = [each for _, (_, each) in sorted(found.items(), key=lambda pair: pair[0]) if judge in (None, each.judge)]
    if not chosen:
        raise UnknownName("judge", str(judge), {name for _, name in paths.values() if name} | {name for name, _, _ in found})
    return chosen


def find_instructions(folder: Path) -> Instructions | None:
    """The `instructions*.csv` of a folder, if it has one."""
    paths = sorted(folder.glob("instructions*.csv*"))
    return read_instructions(paths[0]) if paths else None


def _csv_files(folder: Path) -> dict[Path, tuple[str, str]]:
    """(model, judge) by path. A manifest names them where file names cannot (a `/` is written `~`)."""
    manifest = folder / "manifest.csv"
    told = {}
    for row in read_rows(manifest) if manifest.is_file() else ():
        file, *names = (name_of(row.get(name), f"{str(manifest)!r}: `{name}`") for name in ("file", "model", "annotator_dir"))
        told[file] = tuple(names)
    found = {}
    for path in sorted([*folder.glob("*__*.csv*"), *folder.glob("annotations/*__*.csv*")]):
        model, _, judge = path.name.partition(".csv")[0].rpartition("__")
        found[path] = told.get(path.name, (model, judge.replace("~", "/")))
    return found


def annotation_files(folder: Path) -> list[Path]:
    """The files named `annotations` below a folder, sorted: AlpacaEval's, and those of `pasture annotate`."""
    return sorted(path for path in folder.rglob("annotations.*") if NAME.fullmatch(path.name))


def _json_files(folder: Path) -> dict[Path, tuple[str, str]]:
    """(model, judge) by path, from the folders MODEL/JUDGE; nearer the top both are empty, and read from the file."""
    found = {}
    for path in annotation_files(folder):
        above = path.parent.relative_to(folder).parts
        found[path] = (above[0], "/".join(above[1:])) if len(above) > 1 else ("", "")
    return found


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
    missing = [each for each in ("generator_1", "preference") if each not in rows[0]]
    if missing or not {"index", "instruction"} & set(rows[0]):
        raise InputError(
            f"{str(path)!r} has the columns {listed(rows[0])}; judgments need index or instruction, generator_1, preference"
        )
    where = str(path)
    baselines = Counter(_name(row, "generator_1", where) for row in rows)
    if len(baselines) > 1:
        raise InputError(
            f"{str(path)!r} compares with {len(baselines)} baselines ({', '.join(sorted(baselines))}); give one a file"
        )
    try:
        return Judgments(
            model or _name(rows[0], "generator_2", where) or path.stem,
            judge or _name(rows[0], "annotator", where),
            next(iter(baselines)),
            _ids(rows, known, where),
            np.array(
                [preference_score(row.get("preference"), f"{where!r}, row {at}: `preference`") for at, row in enumerate(rows, 1)]
            ),
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
    texts = [_text(row, "instruction", where) for row in rows]
    if known is None:
        return tuple(texts)
    strange = [text for text in texts if text not in known.indices]
    if strange:
        raise InputError(f"{where!r}: {len(strange)} instructions are not in the instruction file, {strange[0][:60]!r} among them")
    return tuple(known.indices[text] for text in texts)


def _lengths(rows: Sequence[Row], output: str, length: str, where: str) -> np.ndarray | None:
    if isinstance(rows[0].get(output), str):
        return np.array([float(len(_text(row, output, where))) for row in rows])
    if any(row.get(length) in ("", None) for row in rows):
        return None
    return np.array([float(index_of(row[length], f"{where!r}: `{length}`, a length in characters,")) for row in rows])


def _texts(rows: Sequence[Row], where: str) -> Texts | None:
    columns = ("instruction", "output_2", "output_1")
    if not all(isinstance(rows[0].get(each), str) for each in columns):
        return None
    return Texts(*(tuple(_text(row, each, where) for row in rows) for each in columns))


def _text(row: Row, column: str, where: str) -> str:
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


def write_annotations(path: Path, judgments: Judgments) -> None:
    """AlpacaEval's `annotations.json`. Raises InputError where the texts are not known, because its readers need them."""
    if judgments.texts is None:
        raise InputError(f"{judgments.model!r} has no texts; annotations.json holds each instruction and both outputs")
    rows = [
        {
            "instruction": instruction,
            "output_1": baseline,
            "generator_1": judgments.baseline,
            "output_2": output,
            "generator_2": judgments.model,
            "annotator": judgments.judge,
            "preference": None if math.isnan(score) else score + 1,
        }
        for instruction, output, baseline, score in zip(*judgments.texts, judgments.scores_N.tolist(), strict=True)
    ]
    write_atomically(path, json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False))


def read_outputs_by_model(folder: Path) -> dict[str, dict[str, str]]:
    """Outputs by model, then instruction, of `outputs/MODEL.json(.gz)` and `MODEL/model_outputs.json(.gz)`."""
    paths = {path.name.partition(".json")[0]: path for path in folder.glob("outputs/*.json*")}
    paths |= {path.parent.name: path for path in folder.rglob("model_outputs.json*")}
    found = {}
    for model, path in sorted(paths.items()):
        rows = read_rows(path)
        if not {"instruction", "output"} <= set(rows[0]):
            raise InputError(f"{str(path)!r} has the columns {listed(rows[0])}; model outputs need instruction and output")
        found[model] = {_text(row, "instruction", str(path)): _text(row, "output", str(path)) for row in rows}
    return found
