"""Pairs and answers of a table's rows, in the columns that the field uses; every cell is checked, and errors name it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..records import Comparison, Completion, Message, Prompt
from .dialogues import parted
from .tables import Row

PAIR_COLUMNS = (
    ("prompt", "left", "right"),
    ("instruction", "output_1", "output_2"),
    ("prompt", "chosen", "rejected"),
    ("chosen", "rejected"),
)
ACCEPTED = "; ".join(", ".join(columns) for columns in PAIR_COLUMNS)
ROLES = ("system", "user", "assistant")
MAKERS = {"chosen": ("chosen_model", "rejected_model"), "output_1": ("generator_1", "generator_2")}
"""Columns that say which models made the two answers, where they are not `<column>_model`."""


def pairs_of_rows(rows: Iterable[Row], path: Path | str) -> list[Comparison]:
    """The pairs of rows, in their order (see `formats.read_pairs`); `path` is what errors call them."""
    pairs = list(iter_pairs(rows, path))
    check_ids(path, lambda: (pair.prompt for pair in pairs))
    return pairs


def iter_pairs(rows: Iterable[Row], path: Path | str) -> Iterator[Comparison]:
    """`pairs_of_rows`, one after another, without a look at whether an id names two prompts (`check_ids`)."""
    columns: tuple[str, ...] = ()
    for number, row in enumerate(rows, 1):
        columns = columns or pair_columns(row, path)
        yield _pair(row, columns, f"{str(path)!r}, row {number}")


def pair_columns(first: Row, path: Path | str) -> tuple[str, ...]:
    """The columns that the pairs of a file stand in, one of `PAIR_COLUMNS`, by its first row. Raises InputError where there are
    none."""
    columns = next((each for each in PAIR_COLUMNS if set(each) <= set(first)), None)
    if columns is None:
        raise InputError(f"{str(path)!r} has the columns {', '.join(map(str, first))}; a pair is in one of: {ACCEPTED}")
    return columns


def outputs_of_rows(rows: Sequence[Row], path: Path | str) -> list[Completion]:
    """One model's answers, `instruction, output` and perhaps `generator` and `id`."""
    answers: list[Completion] = []
    for number, row in enumerate(rows, 1):
        where = f"{str(path)!r}, row {number}"
        prompt = _prompt(_value(row, "instruction", where), row, "instruction", where)
        maker = row.get("generator")
        answers.append(Completion(prompt, _answer(row, "output", where), model=maker if isinstance(maker, str) else ""))
    check_ids(path, lambda: (answer.prompt for answer in answers))
    return answers


def _pair(row: Row, columns: Sequence[str], where: str) -> Comparison:
    *ask, first, second = columns
    if ask:
        prompt = _prompt(_value(row, ask[0], where), row, ask[0], where)
        answers = [_answer(row, column, where) for column in (first, second)]
    else:
        prompt, answers = _dialogues(row, first, second, where)
    makers = MAKERS.get(first, (f"{first}_model", f"{second}_model"))
    pair = Comparison(*(Completion(prompt, text, model=row.get(maker) or "") for text, maker in zip(answers, makers, strict=True)))
    return pair if first != "chosen" or chosen_was_left(row, pair) else pair.swapped()


def chosen_was_left(row: Row, pair: Comparison) -> bool:
    """Whether what was chosen is shown left: as `left_was_chosen` says, else drawn from the pair's content."""
    said = row.get("left_was_chosen")
    if said is None:
        return int(pair.key, 16) % 2 == 0
    return said.lower() == "true" if isinstance(said, str) else bool(said)


def _dialogues(row: Row, first: str, second: str, where: str) -> tuple[Prompt, list[str]]:
    texts = [_value(row, column, where) for column in (first, second)]
    for column, text in zip((first, second), texts, strict=True):
        if not isinstance(text, str):
            raise InputError(f"{where}: `{column}` is {str(text)[:60]!r}; without a `prompt` it is a dialogue's text")
        _sound(text, column, where)
    try:
        (*before, last), *answers = parted(*texts)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return Prompt(last.content, _given_id(row, where), tuple(before)), answers


def _prompt(value: Any, row: Row, column: str, where: str) -> Prompt:
    given = _given_id(row, where)
    if isinstance(value, str):
        more = row.get("input") if column == "instruction" else None
        text = f"{value}\n\n{more}" if isinstance(more, str) and more else value
        return Prompt(_sound(text, column, where), given)
    turns = _turns(value, column, where)
    if turns[-1].role != "user":
        raise InputError(f"{where}: the last turn of `{column}` is the {turns[-1].role}'s; a prompt ends with the user's")
    return Prompt(turns[-1].content, given, tuple(turns[:-1]))


def _given_id(row: Row, where: str) -> str:
    name = row.get("id")
    if name is not None and not isinstance(name, str | int):
        raise InputError(f"{where}: `id` is {name!r}; it is text or a whole number")
    return "" if name is None else str(name)


def _answer(row: Row, column: str, where: str) -> str:
    value = _value(row, column, where)
    if isinstance(value, str):
        return _sound(value, column, where)
    turns = _turns(value, column, where)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise InputError(f"{where}: `{column}` has {len(turns)} turns; an answer is text or one turn of the assistant")
    return turns[0].content


def _value(row: Row, column: str, where: str) -> Any:
    if column not in row:
        raise InputError(f"{where} has no column `{column}`; it has: {', '.join(map(str, row))}")
    if row[column] is None:
        raise InputError(f"{where}: `{column}` is null; it is text, if need be empty text, or a list of {{role, content}}")
    return row[column]


def _turns(value: Any, column: str, where: str) -> list[Message]:
    wrong = InputError(f"{where}: `{column}` is {str(value)[:60]!r}; it is text, or a list of {{role, content}} with roles {ROLES}")
    if not isinstance(value, list) or not value:
        raise wrong
    for turn in value:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise wrong
    return [Message(turn["role"], _sound(turn["content"], column, where)) for turn in value]


def _sound(text: str, column: str, where: str) -> str:
    """Text that can be encoded: half a surrogate pair would break what is written at the end of the work."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: `{column}` has half a surrogate pair at character {error.start}; mend the text") from error
    return text


def check_ids(path: Path | str, prompts: Callable[[], Iterable[Prompt]]) -> None:
    """One id, one prompt: noise and standard errors are keyed on it. `prompts` gives them in order, a second time where there is
    something to say; 16 bytes each are held. Raises InputError for an id of several prompts."""
    ids, contents = array("q"), array("q")
    for prompt in prompts():
        ids.append(hash(prompt.id))
        contents.append(hash((prompt.text, prompt.history)))
    if not ids:
        return
    known_N2 = np.stack([np.frombuffer(ids, dtype=np.int64), np.frombuffer(contents, dtype=np.int64)], axis=1)
    names, counts = np.unique(np.unique(known_N2, axis=0)[:, 0], return_counts=True)
    clashes = dict(zip(names[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))
    for prompt in prompts() if clashes else ():
        if count := clashes.get(hash(prompt.id)):
            raise InputError(f"{str(path)!r} gives the id {prompt.id!r} to {count} different prompts; an id names one prompt")
