"""Records to the columns that the field uses, and back.

Pairs come in as `prompt, left, right`, as `instruction, output_1, output_2` (AlpacaEval; a non-empty `input` follows the
instruction), as `prompt, chosen, rejected` (TRL), as `chosen, rejected` dialogues (HH-RLHF), or as two AlpacaEval
`model_outputs.json` joined by instruction. Preferences go out as `prompt, chosen, rejected` and
load as a TRL preference data set; what is undecided goes to a file beside it, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..records import Abstention, Comparison, Completion, Message, Preference, Prompt
from ..text import sound
from .pair_rows import check_ids, iter_pairs, pairs_of_rows, read_outputs
from .tables import Row, check_writable, iter_rows, read_rows, stem_of, write_rows

if TYPE_CHECKING:
    import pyarrow as pa


def read_pairs(path: Path | str) -> list[Comparison]:
    """The pairs of a file, in its order, duplicates included.

    A prompt is text or a list of {role, content}, its last turn the user's; an answer is text or one assistant turn. An `id`
    column, where there is one, names the prompt. `chosen, rejected` are shown in an order drawn from the pair's content (or
    as `left_was_chosen` says), because an annotator that likes what comes first must not look right.
    Raises InputError naming file, row and column."""
    return pairs_of_rows(read_rows(path), path)


class PairFile:
    """`read_pairs` without the list: its pairs, or the first `limit`, each time one iterates over it. Of .jsonl, .csv (also .gz)
    and .parquet few are in memory at a time. All rows are checked when it is made, so that a bad one at the end is known before
    there is work done. Raises InputError as `read_pairs` does."""

    def __init__(self, path: Path | str, limit: int | None = None) -> None:
        self.path = Path(path)
        self.has_history = False
        """Whether any of the prompts is a conversation."""
        self._count, self._limit = 0, limit
        check_ids(self.path, self._prompts)

    def __len__(self) -> int:
        return self._count if self._limit is None else min(self._count, self._limit)

    def __iter__(self) -> Iterator[Comparison]:
        number = 0
        for number, pair in enumerate(islice(self._pairs(), len(self)), 1):  # noqa: B007 (it is how many there were)
            yield pair
        if number < len(self):
            raise InputError(f"{str(self.path)!r} had {len(self)} pairs and now has {number}; leave it alone while it is read")

    def _pairs(self) -> Iterator[Comparison]:
        return iter_pairs(iter_rows(self.path), self.path)

    def _prompts(self) -> Iterator[Prompt]:
        """All of them; on the way they are counted."""
        self._count = 0
        for pair in self._pairs():
            self._count += 1
            self.has_history |= bool(pair.prompt.history) and (self._limit is None or self._count <= self._limit)
            yield pair.prompt


def read_outputs_pair(left: Path | str, right: Path | str) -> tuple[list[Completion], list[Completion]]:
    """Two models' answers joined by instruction, in the order of `left`. A repeated instruction joins in order of appearance.
    Raises InputError where one file has an instruction that the other has not, or not as often."""
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
    if lone := next(filter(None, waiting.values()), None):
        raise _unmatched(right, left, lone[-1])
    return firsts, seconds


def join_outputs(left: Path | str, right: Path | str) -> list[Comparison]:
    """`read_outputs_pair` as comparisons, the answers of `left` on the left."""
    return [Comparison(first, second) for first, second in zip(*read_outputs_pair(left, right), strict=True)]


def _unmatched(there: Path | str, missing: Path | str, answer: Completion) -> InputError:
    asked = f"{answer.prompt.text[:60]!r}, which {str(there)!r} has"
    return InputError(f"{str(missing)!r} has no answer to {asked}; give outputs on the same instructions")


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


def write_preferences(path: Path | str, results: Iterable[Preference | Abstention], first_row: int = 0) -> Written:
    """Writes decided preferences in the columns of TRL (`prompt, chosen, rejected`) and what else is known of each; ties and
    abstentions go, with the reason, to `<stem>.undecided.jsonl`. Conversational where any prompt has a history. first_row: the
    number of the first result, where these are part of more."""
    path = Path(path)
    said = list(results)
    chats = any(comparison_of(each).prompt.history for each in said)
    check_writable(path, nested=chats)
    decided: list[Row] = []
    undecided: list[Row] = []
    for index, each in enumerate(said, first_row):
        if isinstance(each, Abstention) or each.is_tied:
            undecided.append(_undecided_row(each, index, chats))
        else:
            decided.append(_decided_row(each, index, chats))
    beside = undecided_path(path)
    if undecided:
        write_rows(beside, undecided, preference_schema(chats))
    write_rows(path, decided, preference_schema(chats))
    if not undecided:
        beside.unlink(missing_ok=True)  # of an earlier run
    return Written(path, len(decided), beside if undecided else None, len(undecided))


def comparison_of(said: Preference | Abstention) -> Comparison:
    """The pair that this is about. Raises InputError for an abstention about something else."""
    item = said.comparison if isinstance(said, Preference) else said.item
    if not isinstance(item, Comparison):
        raise InputError(f"an abstention is about a {type(item).__name__}; preferences are exported of comparisons")
    return item


COLUMNS = (
    *("prompt", "chosen", "rejected", "p_chosen", "left_was_chosen", "chosen_model", "rejected_model"),
    *("id", "row", "annotator", "persona", "rationale", "parts"),
)
"""Of exported preferences, in the order of a row's keys in JSON."""


def _decided_row(said: Preference, index: int, chats: bool) -> Row:
    pair, left_was_chosen = said.comparison, said.p_left > 0.5
    chosen, rejected = (pair.left, pair.right) if left_was_chosen else (pair.right, pair.left)
    return {
        "prompt": _shown_prompt(pair.prompt, chats),
        "chosen": _shown_answer(chosen, chats),
        "rejected": _shown_answer(rejected, chats),
        "p_chosen": max(said.p_left, 1.0 - said.p_left),
        "left_was_chosen": left_was_chosen,
        "chosen_model": chosen.model,
        "rejected_model": rejected.model,
        "id": pair.prompt.id,
        "row": index,
        "annotator": said.annotator,
        "persona": sound(said.persona),
        "rationale": sound(said.rationale),
        "parts": [
            {"annotator": part.annotator, "was_swapped": part.comparison.left.text != pair.left.text, "p_first": part.p_left}
            for part in said.parts
        ],
    }


def _undecided_row(said: Preference | Abstention, index: int, chats: bool) -> Row:
    pair = comparison_of(said)
    return {
        "prompt": _shown_prompt(pair.prompt, chats),
        "left": _shown_answer(pair.left, chats),
        "right": _shown_answer(pair.right, chats),
        "reason": "tie" if isinstance(said, Preference) else said.reason.value,
        "detail": sound(said.rationale if isinstance(said, Preference) else said.detail),
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


def preference_schema(chats: bool) -> pa.Schema:
    """The columns of exported preferences; conversational where `chats`."""
    import pyarrow as pa

    text = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])) if chats else pa.string()
    part = pa.struct([("annotator", pa.string()), ("was_swapped", pa.bool_()), ("p_first", pa.float64())])
    whole = {"prompt": text, "chosen": text, "rejected": text, "p_chosen": pa.float64(), "left_was_chosen": pa.bool_()}
    names = ("chosen_model", "rejected_model", "id", "annotator", "persona", "rationale")
    return pa.schema({**whole, "row": pa.int64(), **dict.fromkeys(names, pa.string()), "parts": pa.list_(part)})
