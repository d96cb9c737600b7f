"""Cells of a row, checked at the door: texts, names, numbers, truth values; `where` is file, row and column, for errors."""

import math
from typing import Any

from ..errors import InputError
from ..text import one_line, sound
from .tables import Row

TRUTH = {"true": True, "1": True, "false": False, "0": False}


def given(row: Row, column: str, where: str) -> Any:
    """The value in a column that is there and not null."""
    if column not in row:
        raise InputError(f"{where} has no column `{column}`; it has: {', '.join(map(str, row))}")
    if row[column] is None:
        what = f'{where}: `{column}` is null; it is text (empty text is "", in a CSV with its quotes)'
        raise InputError(f"{what}, or a list of {{role, content}}")
    return row[column]


def whole_text(text: str, where: str) -> str:
    """Text that can be encoded: half a surrogate pair would break what is written at the end of the work."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{where} has half a surrogate pair at character {error.start}; correct the text") from error
    return text


def name_of(value: Any, where: str) -> str:
    """What names a model, an annotator or a prompt: text, or a number as text; blank for null and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{where} is {one_line(value)}; it is a name: text or a number")
    return sound(value if isinstance(value, str) else repr(value))


def truth_of(value: Any, where: str) -> bool:
    """true or false, written so or as 1 or 0. Nothing else is a truth value, null neither."""
    said = value.strip().lower() if isinstance(value, str) else str(int(value)) if value in (0, 1) else ""
    if said not in TRUTH:
        raise InputError(f"{where} is {one_line(value)}; it is true or false (or 1 or 0)")
    return TRUTH[said]


def number_of(value: Any, where: str) -> float:
    """The number in a cell; NaN for an empty one. Truth values are not numbers."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise TypeError
        return math.nan if value is None or value == "" else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where} is {one_line(value)}; it is a number, or empty") from error


def index_of(value: Any, where: str) -> int:
    """A whole number, 0 or more."""
    said = number_of(value, where)
    if not (said >= 0 and said.is_integer()):
        raise InputError(f"{where} is {one_line(value)}; it is a whole number, 0 or more")
    return int(said)
