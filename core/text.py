"""Text from outside made sound: fit to be encoded, and shown in one line of a message."""

from collections.abc import Iterable
from typing import Any

SHOWN = 60  # characters of a value that a message shows
LISTED = 300  # characters of a list of names
DOTS = "..."


def sound(text: str) -> str:
    """`text` that can be written as UTF-8: half of a surrogate pair becomes U+FFFD, and two halves become their character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(value: Any, length: int = SHOWN) -> str:
    """The beginning of a value on one line, text in quotes: a message shows it and stays a message."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits, a list in itself
        text = f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    text = " ".join(sound(text[: 4 * length]).split()) if len(text) > length or "\n" in text else sound(text)
    shown = text[:length]
    return f"{shown!r}{DOTS if len(text) > length else ''}" if isinstance(value, str) else shown + DOTS * (len(text) > length)


def listed(names: Iterable[Any]) -> str:
    """Names for a message, such as a file's columns: on one line, and no more of them than a message holds."""
    text = sound(" ".join(", ".join(map(str, names)).split()))
    return text if len(text) <= LISTED else f"{text[:LISTED]} ..."
