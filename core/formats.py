"""Records to the columns that the field uses, and back.

Pairs come in as `prompt, left, right`, as `instruction, output_1, output_2` (AlpacaEval), as `prompt, chosen, rejected`
(TRL), or as two AlpacaEval `model_outputs.json` joined by instruction. Preferences go out as `prompt, chosen, rejected` and
load as a TRL preference data set; what is undecided goes to a file beside it, so that nothing is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .records import Abstention, Comparison, Completion, Message, Preference, Prompt
from .tables import Row, check_writable, read_rows, stem_of, write_rows

if TYPE_CHECKING:
    import pyarrow as pa

PAIR_COLUMNS = (("prompt", "left", "right"), ("instruction", "output_1", "output_2"), ("prompt", "chosen", "rejected"))
ACCEPTED = "; ".join(", ".join(columns) for columns in PAIR_COLUMNS)
ROLES = ("system", "user", "assistant")


def read_pairs(path: Path | str) -> list[Comparison]:
    """The pairs of a file, in its order, duplicates included.

    A prompt is text or a list of {role, content}, its last turn the user's; an answer is text or one assistant turn. An `id`
    column, where there is one, names the prompt. `chosen, rejected` are shown in an order drawn from the pair's content (or
    as `left_was_chosen` says), because an annotator that likes what comes first must not look right.
    Raises InputError naming file, row and column.
    """
    rows = read_rows(path)
    columns = next((each for each in PAIR_COLUMNS if set(each) <= set(rows[0])), None)
    if columns is None:
        raise InputError(f"{str(path)!r} has the columns {', '.join(map(str, rows[0]))}; a pair is in one of: {ACCEPTED}")
    pairs = [_pair(row, columns, f"{str(path)!r}, row {number}") for number, row in enumerate(rows, 1)]
    _check_ids(path, [pair.prompt for pair in pairs])
    return pairs


def read_outputs(path: Path | str) -> list[Completion]:
    """One model's answers in AlpacaEval's form, `instruction, output` and perhaps `generator` and `id`."""
    answers: list[Completion] = []
    for number, row in enumerate(read_rows(path), 1):
        where = f"{str(path)!r}, row {number}"
        prompt = _prompt(_value(row, "instruction", where), row, "instruction", where)
        maker = row.get("generator")
        answers.append(Completion(prompt, _answer(row, "output", where), model=maker if isinstance(maker, str) else ""))
    _check_ids(path, [answer.prompt for answer in answers])
    return answers


def read_outputs_pair(left: Path | str, right: Path | str) -> tuple[list[Completion], list[Completion]]:
    """Two models' answers joined by instruction, in the order of `left`. A repeated instruction joins in order of appearance.

    Raises InputError where one file has an instruction that the other has not, or not as often.
    """
    firsts, others = read_outputs(left), read_outputs(right)
    waiting: dict[tuple[str, tuple[Message, ...]], list[Completion]] = {}
    for answer in reversed(others):
        waiting.setdefault((answer.prompt.text, answer.prompt.history), []).append(answer)
    seconds: list[Completion] = []
    for answer in firsts:
        found = waiting.get((answer.prompt.text, answer.prompt.history))
        if not found:
            raise _unmatched(left, right, answer)
        seconds.append(replace(found.pop(), prompt=answer.prompt))
    for found in waiting.values():
        if found:
            raise _unmatched(right, left, found[-1])
    return firsts, seconds


def join_outputs(left: Path | str, right: Path | str) -> list[Comparison]:
    """`read_outputs_pair` as comparisons, the answers of `left` on the left."""
    return [Comparison(first, second) for first, second in zip(*read_outputs_pair(left, right), strict=True)]


def _unmatched(there: Path | str, missing: Path | str, answer: Completion) -> InputError:
    asked = answer.prompt.text
    return InputError(
        f"{str(missing)!r} has no answer to {asked[:60]!r}, which {str(there)!r} has; give outputs on the same instructions"
    )


@dataclass(frozen=True, slots=True)
class Written:
    """Where preferences went: decided ones to `path`, ties and abstentions to `undecided_path` (None where there are none)."""

    path: Path
    decided: int
    undecided_path: Path | None
    undecided: int


def undecided_path(path: Path | str) -> Path:
    """Where the ties and abstentions of an export to `path` go."""
    return Path(path).with_name(f"{stem_of(Path(path))}.undecided.jsonl")


def write_preferences(path: Path | str, results: Iterable[Preference | Abstention]) -> Written:
    """Writes decided preferences in the columns of TRL (`prompt, chosen, rejected`) and what else is known of each; ties and
    abstentions go, with the reason, to `<stem>.undecided.jsonl`. Conversational where any prompt has a history."""
    path = Path(path)
    said = list(results)
    chats = any(_comparison(each).prompt.history for each in said)
    check_writable(path, nested=chats)
    decided = [
        _decided_row(each, index, chats) for index, each in enumerate(said) if isinstance(each, Preference) and not each.is_tied
    ]
    undecided = [
        _undecided_row(each, index, chats) for index, each in enumerate(said) if isinstance(each, Abstention) or each.is_tied
    ]
    beside = undecided_path(path)
    if undecided:
        write_rows(beside, undecided, _schema(chats))
    write_rows(path, decided, _schema(chats))
    if not undecided:
        beside.unlink(missing_ok=True)  # of an earlier run
    return Written(path, len(decided), beside if undecided else None, len(undecided))


def _comparison(said: Preference | Abstention) -> Comparison:
    item = said.comparison if isinstance(said, Preference) else said.item
    if not isinstance(item, Comparison):
        raise InputError(f"an abstention is about a {type(item).__name__}; preferences are exported of comparisons")
    return item


def _decided_row(said: Preference, index: int, chats: bool) -> Row:
    chosen, rejected = said.chosen, said.rejected
    assert chosen is not None
    assert rejected is not None
    return {
        "prompt": _shown_prompt(said.comparison.prompt, chats),
        "chosen": _shown_answer(chosen, chats),
        "rejected": _shown_answer(rejected, chats),
        "p_chosen": max(said.p_left, 1.0 - said.p_left),
        "left_was_chosen": said.p_left > 0.5,
        "chosen_model": chosen.model,
        "rejected_model": rejected.model,
        "id": said.comparison.prompt.id,
        "row": index,
        "annotator": said.annotator,
        "persona": said.persona,
        "rationale": said.rationale,
        "parts": [_part_row(part, said) for part in said.parts],
    }


def _part_row(part: Preference, said: Preference) -> Row:
    was_swapped = part.comparison.left.text != said.comparison.left.text
    return {"annotator": part.annotator, "was_swapped": was_swapped, "p_first": part.p_left}


def _undecided_row(said: Preference | Abstention, index: int, chats: bool) -> Row:
    pair = _comparison(said)
    tie = isinstance(said, Preference)
    return {
        "prompt": _shown_prompt(pair.prompt, chats),
        "left": _shown_answer(pair.left, chats),
        "right": _shown_answer(pair.right, chats),
        "reason": "tie" if tie else said.reason.value,
        "detail": said.rationale if tie else said.detail,
        "left_model": pair.left.model,
        "right_model": pair.right.model,
        "id": pair.prompt.id,
        "row": index,
        "annotator": said.annotator,
    }


def _shown_prompt(prompt: Prompt, chats: bool) -> Any:
    if not chats:
        return prompt.text
    return [{"role": turn.role, "content": turn.content} for turn in (*prompt.history, Message("user", prompt.text))]


def _shown_answer(answer: Completion, chats: bool) -> Any:
    return [{"role": "assistant", "content": answer.text}] if chats else answer.text


def _schema(chats: bool) -> pa.Schema:
    import pyarrow as pa

    text = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])) if chats else pa.string()
    part = pa.struct([("annotator", pa.string()), ("was_swapped", pa.bool_()), ("p_first", pa.float64())])
    whole = {"prompt": text, "chosen": text, "rejected": text, "p_chosen": pa.float64(), "left_was_chosen": pa.bool_()}
    names = ("chosen_model", "rejected_model", "id", "annotator", "persona", "rationale")
    return pa.schema({**whole, "row": pa.int64(), **dict.fromkeys(names, pa.string()), "parts": pa.list_(part)})


def _pair(row: Row, columns: Sequence[str], where: str) -> Comparison:
    ask, first, second = columns
    prompt = _prompt(_value(row, ask, where), row, ask, where)
    makers = ("chosen_model", "rejected_model") if first == "chosen" else (f"{first}_model", f"{second}_model")
    left, right = (
        Completion(prompt, _answer(row, column, where), model=row.get(maker) or "")
        for column, maker in zip((first, second), makers, strict=True)
    )
    pair = Comparison(left, right)
    if first != "chosen":
        return pair
    was_left = row.get("left_was_chosen")
    if was_left is None:
        was_left = int(pair.key, 16) % 2 == 0
    elif isinstance(was_left, str):
        was_left = was_left.lower() == "true"
    return pair if was_left else pair.swapped()


def _prompt(value: Any, row: Row, column: str, where: str) -> Prompt:
    name = row.get("id")
    if name is not None and not isinstance(name, str | int):
        raise InputError(f"{where}: `id` is {name!r}; it is text or a whole number")
    given = "" if name is None else str(name)
    if isinstance(value, str):
        return Prompt(_sound(value, column, where), given)
    turns = _turns(value, column, where)
    if turns[-1].role != "user":
        raise InputError(f"{where}: the last turn of `{column}` is the {turns[-1].role}'s; a prompt ends with the user's")
    return Prompt(turns[-1].content, given, tuple(turns[:-1]))


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


def _check_ids(path: Path | str, prompts: Sequence[Prompt]) -> None:
    """One id, one prompt: noise and standard errors are keyed on it."""
    pairs = Counter((prompt.id, prompt.text, prompt.history) for prompt in prompts)
    ids = Counter(name for name, _, _ in pairs)
    for name, count in ids.items():
        if count > 1:
            raise InputError(f"{str(path)!r} gives the id {name!r} to {count} different prompts; an id names one prompt")
