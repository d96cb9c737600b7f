"""Blots a key out of what a server sends back, so that no error, log, output or store holds it: in part and escaped too."""

from __future__ import annotations

import re

SECRET = 8
"""Characters in a row of a key that are a secret; a shorter key, such as `EMPTY`, is none."""
_ESCAPED = re.compile(
    r"\\*(?:\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.))|%([0-9a-fA-F]{2})|&#(\d{1,4});|&#x([0-9a-fA-F]{1,4});", re.DOTALL
)


def redacted(text: str, key: str) -> str:
    """`text` with `[key]` for each run of `SECRET` characters or more of the key, also where some of them are escaped as JSON,
    addresses and web pages do it."""
    parts = {key[k : k + SECRET] for k in range(len(key) - SECRET + 1)}
    plain, starts = _unescaped(text)
    if not any(part in plain for part in parts):
        return text
    secret = [False] * len(plain)
    for part in parts:
        for found in re.finditer(f"(?={re.escape(part)})", plain):
            secret[found.start() : found.start() + SECRET] = [True] * SECRET
    kept = [
        ("[key]" if not secret[k - 1] or not k else "") if secret[k] else text[starts[k] : starts[k + 1]] for k in range(len(plain))
    ]
    return "".join(kept)


def _unescaped(text: str) -> tuple[str, range | list[int]]:
    """The text with its escapes undone, and where in `text` each character of that begins, its end included."""
    if not _ESCAPED.search(text):
        return text, range(len(text) + 1)
    plain, starts, end = [], [], 0
    for found in _ESCAPED.finditer(text):
        plain.append(text[end : found.start()])
        starts += range(end, found.start())
        code = found[1] or found[2] or found[4] or found[6]
        plain.append(chr(int(code, 16)) if code else found[3] or chr(int(found[5])))
        starts.append(found.start())
        end = found.end()
    return "".join([*plain, text[end:]]), [*starts, *range(end, len(text) + 1)]
