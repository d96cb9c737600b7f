"""Blots a key out of what a server sends back, so that no error, log, output or store holds it: in part and escaped too."""

import re
from collections.abc import Iterator

SECRET = 8  # characters in a row of a key that are a secret; a shorter key, such as `EMPTY`, is none
SHOWN = 300  # characters of what a server said, in a message
_ESCAPED = re.compile(
    r"\\*(?:\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.))|%([0-9a-fA-F]{2})|&#(\d{1,4});|&#x([0-9a-fA-F]{1,4});", re.DOTALL
)


def shown(said: object, key: str) -> str:
    """The beginning of what a server said, on one line and without the key."""
    return " ".join(redacted(str(said)[: 4 * SHOWN], key).split())[:SHOWN]


def redacted(text: str, key: str) -> str:
    """`text` with `[key]` for each run of `SECRET` characters or more of the key, also where some of them are escaped as JSON,
    addresses and web pages do it."""
    parts = {key[k : k + SECRET] for k in range(len(key) - SECRET + 1)}
    plain = _ESCAPED.sub(_meant, text)
    if not any(part in plain for part in parts):
        return text
    places: list[int] = []  # where in `text` each character of `plain` begins, its end included
    end = 0
    for escape in _ESCAPED.finditer(text):
        places += range(end, escape.start() + 1)
        end = escape.end()
    places += range(end, len(text) + 1)
    kept, end = [], 0
    for start, stop in _runs(plain, parts):
        kept += [text[places[end] : places[start]], "[key]"]
        end = stop
    return "".join([*kept, text[places[end] :]])


def _meant(escape: re.Match[str]) -> str:
    """The character that an escape stands for."""
    code = escape[1] or escape[2] or escape[4] or escape[6]
    return chr(int(code, 16)) if code else escape[3] or chr(int(escape[5]))


def _runs(plain: str, parts: set[str]) -> Iterator[tuple[int, int]]:
    """Where characters of the key stand in a row."""
    start = stop = -1
    for k in range(len(plain) - SECRET + 1):
        if plain[k : k + SECRET] in parts:
            if k > stop:
                if stop > 0:
                    yield start, stop
                start = k
            stop = k + SECRET
    yield start, stop
