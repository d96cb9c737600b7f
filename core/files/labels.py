"""Labels of pairs, given by people or by a judge that was asked before, as files hold them: what `pasture annotate` writes,
AlpacaEval's annotations (github.com/tatsu-lab/alpaca_eval), TRL's and HH-RLHF's `chosen, rejected`, and `prompt, left, right,
p_left`."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..records import Comparison, Label, Preference, Reason
from ..text import one_line
from .cells import name_of, number_of
from .pair_rows import chosen_was_left, pair_columns, pairs_of_rows
from .preferences import undecided_path
from .tables import Row, read_rows

TIE = "tie"
UNDECIDED = (TIE, *(each.value for each in Reason))  # why a pair stands in the file beside decided preferences


def read_labels(path: Path | str, as_shown: bool = True) -> Iterator[Label]:
    """The labels of a file, row by row, those that `pasture annotate` put beside it too.
    as_shown: `chosen, rejected` stand as `left_was_chosen` says, where a file has it; otherwise as drawn from the pair's content,
    for what is right must not be known by its place. Raises InputError naming file, row and column."""
    path = Path(path)
    rows = read_rows(path)
    column = pair_columns(rows[0], path)[-2]
    if column != "chosen":
        yield from _read(rows, path, _of_preference if column == "output_1" else _of_p_left)
        return
    chosen_left = _read([{**row, "left_was_chosen": True} for row in rows], path, _of_p_chosen)
    for number, (row, label) in enumerate(zip(rows, chosen_left, strict=True), 1):
        is_left = chosen_was_left(row, label.pair, f"{str(path)!r}, row {number}")
        if not as_shown:
            is_left = chosen_was_left({}, label.pair, "")
        yield label if is_left else label._replace(pair=label.pair.swapped(), p_left=1 - label.p_left)
    beside = undecided_path(path)
    if beside.is_file():
        yield from _read(read_rows(beside), beside, _of_reason)


def read_preferences(path: Path | str) -> list[Preference]:
    """The labels of a file as preferences; rows without a verdict are left out."""
    return [Preference(each.pair, each.p_left, each.judge or "file") for each in read_labels(path) if not each.abstained]


def preference_score(preference: Any, where: str) -> float:
    """AlpacaEval's `preference`, from 1 (output 1 is better) to 2 (output 2), as the score of output 2 in [0, 1]; 1.5, and the old
    0, is a tie; NaN for an empty cell. `where` is what errors call the cell."""
    said = number_of(preference, where)
    if not (math.isnan(said) or said == 0 or 1 <= said <= 2):
        raise InputError(f"{where} is {said:g}; it is from 1 (output 1 is better) to 2 (output 2), 0 or 1.5 for a tie")
    return 0.5 if said == 0 else said - 1


def _read(rows: Sequence[Row], path: Path, read: Callable[[Row, Comparison, str], float]) -> Iterator[Label]:
    for number, (row, pair) in enumerate(zip(rows, pairs_of_rows(rows, path), strict=True), 1):
        where = f"{str(path)!r}, row {number}"
        dollars = number_of(row.get("price_per_example"), f"{where}: `price_per_example`")
        if dollars < 0 or dollars == math.inf:
            raise InputError(f"{where}: `price_per_example` is {dollars:g}; it is in dollars, 0 or more")
        yield Label(pair, read(row, pair, where), dollars, name_of(row.get("annotator"), f"{where}: `annotator`"))


def _of_reason(row: Row, pair: Comparison, where: str) -> float:
    if row.get("reason") not in UNDECIDED:
        raise InputError(f"{where}: `reason` is {one_line(row.get('reason'))}; it is one of: {', '.join(UNDECIDED)}")
    return 0.5 if row["reason"] == TIE else math.nan


def _of_p_chosen(row: Row, pair: Comparison, where: str) -> float:
    p = number_of(row["p_chosen"], f"{where}: `p_chosen`") if "p_chosen" in row else 1.0
    if not (math.isnan(p) or 0.5 <= p <= 1):
        raise InputError(f"{where}: `p_chosen` is {p}; it is in [0.5, 1]")
    return p if pair.left.text != pair.right.text else math.nan  # nothing can be said of two answers that are one


def _of_preference(row: Row, pair: Comparison, where: str) -> float:
    if "preference" not in row:
        raise InputError(f"{where} has no column `preference`; a label is 1 (output 1 is better) to 2 (output 2), 1.5 or 0 a tie")
    return 1 - preference_score(row["preference"], f"{where}: `preference`")


def _of_p_left(row: Row, pair: Comparison, where: str) -> float:
    if "p_left" not in row:
        raise InputError(f"{where} has no column `p_left`; a label is the probability that the left answer is better, 0 to 1")
    said = number_of(row["p_left"], f"{where}: `p_left`")
    if not (math.isnan(said) or 0 <= said <= 1):
        raise InputError(f"{where}: `p_left` is {said:g}; it is a probability, 0 to 1")
    return said
