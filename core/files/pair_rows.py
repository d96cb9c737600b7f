"""Pairs and answers of a table's rows, in the columns that the field uses; every cell is checked, and errors name it.

Two whole dialogues, alike up to the assistant's last turn, are a pair too: lists of turns, or texts as Anthropic's HH-RLHF has them
(Bai et al. 2022, arXiv:2204.05862), whose turns open with `Human:` and `Assistant:` after a blank line. A text cannot tell a turn
from a quotation of one; nor do other readers. Departure: where the two part before their last turn (5 of the 1,156 harmless ones
tested), the answer is all that follows what they share, headings included."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..records import Comparison, Completion, Message, Prompt
from ..text import listed, one_line
from .cells import given, name_of, truth_of, whole_text
from .tables import Row, read_rows

PAIR_COLUMNS = (
    ("prompt", "left", "right"),
    ("instruction", "output_1", "output_2"),
    ("prompt", "chosen", "rejected"),
    ("chosen", "rejected"),
)
ACCEPTED = "; ".join(", ".join(columns) for columns in PAIR_COLUMNS)
ROLES = ("system", "user", "assistant")
SYSTEM = ("system", "system_prompt")  # columns with the text of a system turn, where there is one
MAKERS = {"chosen": ("chosen_model", "rejected_model"), "output_1": ("generator_1", "generator_2")}
"""Columns that say which models made the two answers, where they are not `<column>_model`."""
HEADING = re.compile(r"(?:^|\n\n)(Human|Assistant):")
ROLE_OF = {"Human": "user", "Assistant": "assistant"}
HEADING_OF = {role: heading for heading, role in ROLE_OF.items()}


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
        raise InputError(f"{str(path)!r} has the columns {listed(first)}; a pair is in one of: {ACCEPTED}")
    return columns


def read_outputs(path: Path | str) -> list[Completion]:
    """One model's answers in AlpacaEval's form, `instruction, output` and perhaps `generator` and `id`."""
    answers: list[Completion] = []
    for number, row in enumerate(read_rows(path), 1):
        where = f"{str(path)!r}, row {number}"
        prompt = _prompt(row, "instruction", where)
        maker = name_of(row.get("generator"), f"{where}: `generator`")
        answers.append(Completion(prompt, _answer(row, "output", where), model=maker))
    check_ids(path, lambda: (answer.prompt for answer in answers))
    return answers


def chosen_was_left(row: Row, pair: Comparison, where: str) -> bool:
    """Whether what was chosen is shown left: as `left_was_chosen` says, else drawn from the pair's content."""
    if "left_was_chosen" not in row:
        return int(pair.key, 16) % 2 == 0
    return truth_of(row["left_was_chosen"], f"{where}: `left_was_chosen`")


def _pair(row: Row, columns: Sequence[str], where: str) -> Comparison:
    *ask, first, second = columns
    said = [given(row, column, where) for column in (first, second)]
    if all(isinstance(each, list) and len(each) > 1 for each in said) or not ask:
        prompt, answers = _from_dialogues(row, first, second, where)
        if ask:
            _check_prompt(row, ask[0], prompt, where)
    else:
        prompt = _prompt(row, ask[0], where)
        answers = [_answer(row, column, where) for column in (first, second)]
    columns = MAKERS.get(first, (f"{first}_model", f"{second}_model"))
    makers = [name_of(row.get(column), f"{where}: `{column}`") for column in columns]
    pair = Comparison(*(Completion(prompt, text, model=maker) for text, maker in zip(answers, makers, strict=True)))
    return pair if first != "chosen" or chosen_was_left(row, pair, where) else pair.swapped()


def _from_dialogues(row: Row, first: str, second: str, where: str) -> tuple[Prompt, list[str]]:
    """The prompt that two whole dialogues share, and the two answers to it: texts of turns, or lists of {role, content}."""
    ours, theirs = (row[column] for column in (first, second))
    try:
        if isinstance(ours, str) and isinstance(theirs, str):
            whole_text(ours + theirs, f"{where}: `{first}` or `{second}`")
            (*before, last), *answers = parted(turns_of(ours), turns_of(theirs))
        else:
            (*before, last), *answers = parted(_turns(ours, first, where), _turns(theirs, second, where))
    except InputError as error:
        raise error if where in str(error) else InputError(f"{where}: {error}") from error
    return Prompt(last.content, _given_id(row, where), _with_system(row, before, where)), answers


def turns_of(dialogue: str) -> list[Message]:
    """The turns of a dialogue, each without blanks around it. Raises InputError for text before the first heading."""
    before, *rest = HEADING.split(dialogue)
    if before.strip() or not rest:
        raise InputError(f"{dialogue[:60]!r} is not a dialogue; it opens with 'Human:' and its turns stand after blank lines")
    return [Message(ROLE_OF[heading], text.strip()) for heading, text in zip(rest[::2], rest[1::2], strict=True)]


def parted(ours: Sequence[Message], theirs: Sequence[Message]) -> tuple[tuple[Message, ...], str, str]:
    """(the turns that two dialogues share, the last of them the user's; the answer in the first; that in the second). Raises
    InputError where they share no such turns, or where one goes on with no turn of the assistant."""
    shared = 0
    while shared < min(len(ours), len(theirs)) - 1 and ours[shared] == theirs[shared]:
        shared += 1
    while shared and not (ours[shared - 1].role == "user" and ours[shared].role == theirs[shared].role == "assistant"):
        shared -= 1
    if not shared:
        opening = ours[0].content[:60] if ours else ""
        raise InputError(f"the dialogues that open with {opening!r} share no prompt that the assistant answers in both")
    return tuple(ours[:shared]), _said(ours[shared:]), _said(theirs[shared:])


def _said(turns: Sequence[Message]) -> str:
    first, *rest = turns
    return "".join([first.content, *(f"\n\n{HEADING_OF.get(turn.role, turn.role)}: {turn.content}" for turn in rest)])


def _check_prompt(row: Row, column: str, prompt: Prompt, where: str) -> None:
    """The prompt that stands beside whole dialogues is theirs."""
    turns = [*prompt.history, Message("user", prompt.text)]
    beside = given(row, column, where)
    known = [turn.content for turn in turns] if isinstance(beside, str) else [turns, turns[-len(beside) :]]
    if (beside if isinstance(beside, str) else _turns(beside, column, where)) not in known:
        raise InputError(f"{where}: `{column}` is {one_line(beside)}, and the dialogues share another; give one of the two")


def _prompt(row: Row, column: str, where: str) -> Prompt:
    value, name = given(row, column, where), _given_id(row, where)
    if isinstance(value, str):
        more = row.get("input") if column == "instruction" else None
        if more is not None and not isinstance(more, str):
            raise InputError(f"{where}: `input` is {one_line(more)}; it is text that follows the instruction")
        text = f"{value}\n\n{more}" if more else value
        return Prompt(whole_text(text, f"{where}: `{column}`"), name, _with_system(row, (), where))
    turns = _turns(value, column, where)
    if turns[-1].role != "user":
        raise InputError(f"{where}: the last turn of `{column}` is the {turns[-1].role}'s; a prompt ends with the user's")
    return Prompt(turns[-1].content, name, _with_system(row, turns[:-1], where))


def _with_system(row: Row, before: Sequence[Message], where: str) -> tuple[Message, ...]:
    """The turns before the prompt, opened by what the columns of `SYSTEM` say."""
    said = [row[column] for column in SYSTEM if row.get(column) not in (None, "")]
    if not said:
        return tuple(before)
    if len(said) > 1 or not isinstance(said[0], str):
        raise InputError(f"{where}: {' and '.join(f'`{each}`' for each in SYSTEM)} hold {one_line(said)}; give one text")
    turn = Message("system", whole_text(said[0], f"{where}: `system`"))
    if before and before[0].role == "system" and before[0] != turn:
        raise InputError(f"{where}: `system` is {one_line(turn.content)}, and the conversation opens with another; give one")
    return (turn, *(before[1:] if before and before[0] == turn else before))


def _given_id(row: Row, where: str) -> str:
    return name_of(row.get("id"), f"{where}: `id`")


def _answer(row: Row, column: str, where: str) -> str:
    value = given(row, column, where)
    if isinstance(value, str):
        return whole_text(value, f"{where}: `{column}`")
    turns = _turns(value, column, where)
    if len(turns) != 1 or turns[0].role != "assistant":
        what = f"{where}: `{column}` has {len(turns)} turns; an answer is text, one turn of the assistant"
        raise InputError(f"{what}, or (in both columns of a pair) a whole conversation")
    return turns[0].content


def _turns(value: Any, column: str, where: str) -> list[Message]:
    wrong = InputError(f"{where}: `{column}` is {one_line(value)}; it is text, or a list of {{role, content}} with roles {ROLES}")
    if not isinstance(value, list) or not value:
        raise wrong
    for turn in value:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise wrong
    return [Message(turn["role"], whole_text(turn["content"], f"{where}: `{column}`")) for turn in value]


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
