"""Judgments as AlpacaEval keeps them: `annotations.json`, the same as one CSV a model and judge (`MODEL__JUDGE.csv.gz`), and rows
of several models and judges in one table: a file, or a Hugging Face data set (a folder of the `datasets` library, or one of Parquet
files, as the Hub has them), whose rows tell model, judge and baseline (`generator_2`, `annotator`, `generator_1`)."""

import re
from pathlib import Path

from ...core.errors import InputError, UnknownName
from ...core.files.cells import index_of, name_of
from ...core.files.tables import Row, is_saved, parquets_in, read_rows
from ...core.text import listed
from .judgments import Instructions, Judgments, exported_rows, is_export, judgments_of_rows, read_judgments, text_in

NAME = re.compile(r"annotations\.(jsonl?|csv)(\.gz)?")
IN_FOLDER = "annotations.json in any subfolder (RESULTS/MODEL/JUDGE/annotations.json), or MODEL__JUDGE.csv(.gz) files"


def read_folder(folder: Path, judge: str | None = None) -> list[Judgments]:
    """All judgments under `folder`, by judge and model; those of one judge if named. Raises InputError where there are none, and
    where two files hold one model's under the same judge."""
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}; give one that holds {IN_FOLDER}")
    paths = _csv_files(folder)
    for path in annotation_files(folder):  # MODEL/JUDGE; nearer the top both are empty, and read from the file
        above = path.parent.relative_to(folder).parts
        paths[path] = (above[0], "/".join(above[1:])) if len(above) > 1 else ("", "")
    if not paths:
        raise InputError(f"{str(folder)!r} holds no judgments; expected {IN_FOLDER}")
    known, found = find_instructions(folder), dict[tuple[str, str, str], tuple[Path, Judgments]]()
    for path, (model, its_judge) in paths.items():
        if judge is not None and its_judge not in ("", judge):
            continue
        each = read_judgments(path, model, its_judge, known)
        first, _ = found.setdefault((each.judge, each.model, each.baseline), (path, each))
        if first != path:
            raise InputError(f"{str(first)!r} and {str(path)!r} both judge {each.model!r} by {each.judge!r}; remove one")
    chosen = [found[name][1] for name in sorted(found) if judge in (None, name[0])]
    if not chosen:
        raise UnknownName("judge", str(judge), {name for _, name in paths.values() if name} | {name for name, _, _ in found})
    return chosen


def find_instructions(folder: Path) -> Instructions | None:
    """The `instructions*.csv` of a folder, if it has one."""
    paths = sorted(folder.glob("instructions*.csv*"))
    return read_instructions(paths[0]) if paths else None


def read_instructions(path: Path) -> Instructions:
    """A table with the columns `index` and `instruction`. Raises InputError naming the row of another."""
    texts: dict[int, str] = {}
    for number, row in enumerate(read_rows(path), 1):
        where = f"{str(path)!r}, row {number}"
        texts[index_of(row.get("index"), f"{where}: `index`")] = text_in(row, "instruction", where)
    return Instructions({text: index for index, text in texts.items()}, texts)


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


def read_outputs_by_model(folder: Path) -> dict[str, dict[str, str]]:
    """Outputs by model, then instruction, of `outputs/MODEL.json(.gz)` and `MODEL/model_outputs.json(.gz)`."""
    paths = {path.name.partition(".json")[0]: path for path in folder.glob("outputs/*.json*")}
    paths |= {path.parent.name: path for path in folder.rglob("model_outputs.json*")}
    found = {}
    for model, path in sorted(paths.items()):
        rows = read_rows(path)
        if not {"instruction", "output"} <= set(rows[0]):
            raise InputError(f"{str(path)!r} has the columns {listed(rows[0])}; model outputs need instruction and output")
        found[model] = {text_in(row, "instruction", str(path)): text_in(row, "output", str(path)) for row in rows}
    return found


def is_table(path: Path) -> bool:
    """Whether a path is one table: a file, a saved data set, or a folder with Parquet files and no annotations.json or CSV."""
    if not path.is_dir():
        return path.is_file()
    if is_saved(path):
        return True
    return bool(parquets_in(path)) and not annotation_files(path) and not any(path.rglob("*__*.csv*"))


def read_table(path: Path) -> list[Row]:
    """All rows; those of a folder's Parquet files one file after the other, by name."""
    if path.is_dir() and not is_saved(path):
        return [row for each in parquets_in(path) for row in read_rows(each)]
    return read_rows(path)


def judgments_of_table(rows: list[Row], path: Path, judge: str | None = None) -> list[Judgments]:
    """By judge, model and baseline; those of one judge if named. `path` is what errors call the rows. Raises InputError for what
    `read_judgments` refuses, and for rows that do not name their model; UnknownName for a judge that is not there."""
    rows = exported_rows(path) if is_export(rows) else rows
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{str(path)!r}, row {number}"
        names = [name_of(row.get(name), f"{where}: `{name}`") for name in ("annotator", "generator_2", "generator_1")]
        if not names[1]:
            wrong = f"{where} names no model (its columns are {listed(row)}); give battles (model_a, model_b, winner)"
            raise InputError(f"{wrong}, judgments (generator_1, generator_2, preference), or what `pasture annotate` wrote")
        groups.setdefault((names[0], names[1], names[2]), []).append(row)
    judges = {name[0] for name in groups}
    if judge is not None and judge not in judges:
        raise UnknownName("judge", judge, judges)
    return [judgments_of_rows(some, path) for name, some in sorted(groups.items()) if judge in (None, name[0])]
