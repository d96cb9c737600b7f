"""How an answer of a finite table is named, so that worlds can read it without torch: one token, and the text `response 7`."""

from ..core.errors import InputError
from ..core.records import Completion

PREFIX = "response "


def response_text(index: int) -> str:
    """What answer `index` of any prompt is called."""
    return f"{PREFIX}{index}"


def response_index(completion: Completion) -> int:
    """Which answer of its prompt's table this is: its one token, or read from its text where it has no tokens."""
    if completion.tokens:
        return completion.tokens[0]
    index = completion.text.removeprefix(PREFIX)
    if not (completion.text.startswith(PREFIX) and index.isascii() and index.isdecimal()):
        what = f"{completion.text!r} is not an answer of a table"
        raise InputError(f"{what}; expected {response_text(0)!r} and so on, or the answer's token")
    return int(index)
