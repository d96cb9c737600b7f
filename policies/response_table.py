"""The finite table that tabular policies answer from: all prompts, and the features and reference logits of their answers.

On disk it stands with a policy's or value model's parameters: `<stem>.json` has the prompts, `<stem>.npz` all arrays. Both are read
as from a stranger: bounded by the file's own size, never unpickled, and checked value by value.

_P prompts of the table, _M answers to each, _D features, _B rows of a call."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import torch
from pydantic import ConfigDict, Field, StrictBool, StrictInt, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass
from torch.nn import Parameter

from ..core.errors import InputError
from ..core.files.reading import check_regular, is_file, read_json, reading, shown_path
from ..core.files.writing import write_atomically
from ..core.records import Completion, Message, Prompt
from .responses import response_index, response_text

WRITTEN = "a folder that `save` wrote"
TABLE = ("reference_logits", "features")
"""The table's own arrays, [P, M] and [P, M, D]."""
EXACTLY = ConfigDict(extra="forbid")

Turn = tuple[Literal["system", "user", "assistant"], str]


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTable:
    """All prompts, and the M answers to each: shared by a policy and its copies, never changed."""

    prompts: tuple[Prompt, ...]
    reference_logits_PM: torch.Tensor
    features_PMD: torch.Tensor
    rows: dict[str, int] = field(init=False)
    made: dict[tuple[int, int], Completion] = field(init=False, default_factory=dict)
    """Completions by (row, answer), each made once."""

    def __post_init__(self) -> None:
        shape = (len(self.prompts), self.reference_logits_PM.shape[1])
        if self.reference_logits_PM.shape != shape or self.features_PMD.shape[:2] != shape:
            what = f"{len(self.prompts)} prompts, reference logits {tuple(self.reference_logits_PM.shape)} and features"
            raise InputError(f"{what} {tuple(self.features_PMD.shape)} are not a table; expected P prompts, [P, M] and [P, M, D]")
        object.__setattr__(self, "rows", {prompt.id: row for row, prompt in enumerate(self.prompts)})
        if len(self.rows) != len(self.prompts):
            raise InputError("a prompt stands twice in the response table; give each id once")

    @staticmethod
    def of(prompts: Sequence[Prompt], reference_logits_PM: np.ndarray, features_PMD: np.ndarray) -> ResponseTable:
        """The table of these arrays, in float64 and not copied."""
        arrays = (np.asarray(each, dtype=np.float64) for each in (reference_logits_PM, features_PMD))
        return ResponseTable(tuple(prompts), *(torch.from_numpy(each) for each in arrays))

    def rows_of(self, prompts: Iterable[Prompt]) -> np.ndarray:
        """Row of each prompt, [B]. A prompt that is not in the table is an InputError."""
        try:
            return np.array([self.rows[prompt.id] for prompt in prompts], dtype=np.int64)
        except KeyError as error:
            what = f"the prompt {error.args[0]!r} is not in this policy's table of {len(self.prompts)} prompts"
            raise InputError(f"{what}; a tabular policy answers only the prompts of its own world") from None

    def answers_of(self, completions: Sequence[Completion]) -> np.ndarray:
        """Index of each answer, [B]: its one token, or read from its text where it has none."""
        answers_B = np.array([response_index(each) for each in completions], dtype=np.int64)
        known = self.reference_logits_PM.shape[1]
        if answers_B.size and not (answers_B.min() >= 0 and answers_B.max() < known):
            wrong = next(int(each) for each in answers_B if not 0 <= each < known)
            raise InputError(f"there is no answer {wrong}; this table has {known} answers per prompt, counted from 0")
        return answers_B

    def completion(self, row: int, answer: int) -> Completion:
        found = self.made.get((row, answer))
        if found is None:
            found = self.made[row, answer] = Completion(self.prompts[row], response_text(answer), (answer,))
        return found


@checked_dataclass(config=EXACTLY)
class PromptFacts:
    """A prompt of the table."""

    id: Annotated[str, Field(min_length=1)]
    text: str
    history: list[Turn]


@checked_dataclass(config=EXACTLY)
class TableFacts:
    """What `value_model.json` holds."""

    prompts: Annotated[list[PromptFacts], Field(min_length=1)]


@checked_dataclass(config=EXACTLY, kw_only=True)
class PolicyFacts(TableFacts):
    """What `policy.json` holds."""

    code: StrictInt | None
    log_linear: StrictBool


Facts = TypeVar("Facts", bound=TableFacts)


def save_tabular(
    folder: Path, stem: str, table: ResponseTable, parameters: Mapping[str, Parameter], **facts: int | bool | None
) -> None:
    """Writes both files, each whole or not at all. Raises InputError for parameters that are not finite."""
    arrays = {name: each.detach().numpy() for name, each in parameters.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"the parameter {name!r} is not finite, so nothing is saved in {shown_path(folder)}; train again")
    turns = [[[turn.role, turn.content] for turn in each.history] for each in table.prompts]
    prompts = [{"id": each.id, "text": each.text, "history": said} for each, said in zip(table.prompts, turns, strict=True)]
    buffer = io.BytesIO()
    arrays |= dict(zip(TABLE, (table.reference_logits_PM.numpy(), table.features_PMD.numpy()), strict=True))
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(folder / f"{stem}.npz", buffer.getvalue())
    write_atomically(folder / f"{stem}.json", json.dumps({**facts, "prompts": prompts}, ensure_ascii=False))


def load_tabular(
    folder: Path, stem: str, kind: type[Facts], parameters: Sequence[str]
) -> tuple[ResponseTable, Facts, list[np.ndarray]]:
    """(table, facts of `kind`, the arrays called `parameters`). Raises InputError for files that are missing or broken."""
    facts_path, arrays_path = folder / f"{stem}.json", folder / f"{stem}.npz"
    for path in (facts_path, arrays_path):
        if not is_file(path):
            raise InputError(f"no tabular {stem} at {shown_path(folder)}: {path.name} is missing; give {WRITTEN}")
    with reading(facts_path, WRITTEN):
        facts = TypeAdapter(kind).validate_python(read_json(facts_path, WRITTEN))
    with reading(arrays_path, WRITTEN):
        check_regular(arrays_path)
        with ZipFile(arrays_path) as archive:
            reference, features, *arrays = [_array(archive, name) for name in (*TABLE, *parameters)]
    turns = [tuple(Message(*turn) for turn in each.history) for each in facts.prompts]
    prompts = [Prompt(each.text, each.id, history) for each, history in zip(facts.prompts, turns, strict=True)]
    if reference.ndim != 2 or features.ndim != 3 or not reference.size:
        raise InputError(f"the arrays in {shown_path(arrays_path)} are not a table: expected [P, M] and [P, M, D]; give {WRITTEN}")
    return ResponseTable.of(prompts, reference, features), facts, arrays


def fitting(folder: Path, array: np.ndarray, like: Parameter) -> Parameter:
    """The array as a parameter. Raises InputError unless it has the shape of `like`."""
    if array.shape != tuple(like.shape):
        what = f"parameters in {shown_path(folder)} have the shape {list(array.shape)}, and this table wants {list(like.shape)}"
        raise InputError(f"{what}; give {WRITTEN}")
    return Parameter(torch.from_numpy(array))


def _array(archive: ZipFile, name: str) -> np.ndarray:
    """One array in float64. Within `reading`: raises ValueError for what `save_tabular` never writes."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"the array {name!r} is compressed, which bounds no memory")
    data = io.BytesIO(archive.read(entry))  # as many bytes as the file itself holds, its checksum compared
    if np.lib.format.read_magic(data) != (1, 0):
        raise ValueError(f"the array {name!r} is of another version of the format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(data)
    if dtype != np.float64 or math.prod(shape) * dtype.itemsize != len(data.getvalue()) - data.tell():
        wrong = f"the array {name!r} is said to be {shape} of {dtype}"
        raise ValueError(f"{wrong}; it must be float64, and as many numbers as it holds")
    data.seek(0)
    array = np.lib.format.read_array(data, allow_pickle=False)
    if not np.isfinite(array).all():
        raise ValueError(f"the array {name!r} holds numbers that are not finite")
    return array
