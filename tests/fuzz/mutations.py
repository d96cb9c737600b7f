"""Inputs spoilt at random, in the ways that real ones are: values of other types, cut and broken bytes, strange paths."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from random import Random
from typing import Any

DEEP = "[" * 20_000
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    0.5,
    -7.5,
    10**400,
    2**63,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "x",
    "0",
    "no",
    "nan",
    "1e999",
    "\0",
    "\ud800",
    "\udfff",
    "\u202e",
    "\ufeff",
    "=1+1",
    "../x",
    "[/b]",
    "x" * 300,
    "a\rb",
    "{{ x }}",
    [],
    [1],
    [None],
    [[]],
    {},
    {"a": 1},
    {"role": "user"},
    [{"role": "user", "content": "q"}],
    [{"role": "assistant"}],
    [{"content": 1}],
]
TOKENS = [json.dumps(each) for each in VALUES] + [
    "9" * 5000,
    DEEP,
    '{"a":' * 20_000,
    "[" * 300 + "]" * 300,
    "'",
    '"',
    "nan",
    "-inf",
    "1e400",
    "0x",
    "1979-05-27",
    "true",
    "@",
    "-",
    "!!python/object:os.system",
    "*a",
    "&a [*a]",
    "{",
    "]",
    "=",
    ",",
    ",,",
    "\n",
    "# x",
    "yes",
    "1_000",
    "999999-01-01",
]
TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|-?\d[\w.+-]*|\b[A-Za-z_][\w-]*\b')
NAMES = [
    "",
    ".",
    "..",
    "/",
    "x" * 300,
    "x" * 5000,
    "\0",
    "none",
    "os:system",
    "numpy:array",
    ":",
    "::",
    "a:b:c",
    "os:",
    ":x",
    ".py",
    "x.py",
    "x.py:",
    "no.py:y",
    "..:x",
    "json:loads",
    "builtins:print",
    "builtins:type",
    "os.path:join",
    "sys:exit",
    "x.toml",
    "x.yaml",
    "-",
    "[/b]",
    "\ud800",
    "a b",
    "exact:x",
    "longest:x",
    "pasture:cli",
    "pasture.core.records:Prompt",
    "__main__:x",
    "/dev/null",
    "longest ",
    "LONGEST",
]


def spoilt_rows(rows: list[dict[str, Any]], draw: Random) -> list[Any]:
    """Rows with one thing changed in one or in all of them."""
    rows = [dict(row) for row in rows]
    column = draw.choice(list(rows[0]))
    chosen = draw.choice([rows, rows[:1], rows[-1:]])
    match draw.randrange(6):
        case 0 | 1 | 2:
            value = draw.choice(VALUES)
            for row in chosen:
                row[column] = value
        case 3:
            for row in chosen:
                del row[column]
        case 4:
            for row in chosen:
                row[draw.choice(["id", "input", "system", "left_was_chosen", "p_chosen", "x"])] = draw.choice(VALUES)
        case _:
            return [*rows, draw.choice(VALUES)]
    return rows


def spoilt_text(text: str, draw: Random) -> str:
    """Text with one token, line or stretch changed."""
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    match draw.randrange(8):
        case 0 | 1 | 2 | 3:
            tokens = list(TOKEN.finditer(text))
            found = draw.choice(tokens)
            return text[: found.start()] + draw.choice(TOKENS) + text[found.end() :]
        case 4:
            return "\n".join(lines[:at] + lines[at + 1 :])
        case 5:
            return "\n".join([*lines[: at + 1], *lines[at:]])
        case 6:
            return "\n".join([*lines[:at], draw.choice(TOKENS), *lines[at:]])
        case _:
            return draw.choice(["", "[]", "{}", "null", "1", '""', "\n", "[[]]", "[null]", DEEP, "9" * 5000, " " * 1000])


def spoilt_bytes(data: bytes, draw: Random) -> bytes:
    """Bytes that were cut, flipped, or joined by others."""
    at = draw.randrange(len(data) + 1)
    match draw.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + draw.choice([b"\xff", b"\0", b"\r", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x1b[2J", b'"']) + data[at:]
        case 3:
            return b"\xef\xbb\xbf" * draw.randrange(1, 3) + data
        case _:
            return draw.choice([b"", b"\0" * 100, b"PAR1", gzip.compress(data), b"version https://git-lfs.github.com/spec/v1\n"])


def spoilt_file(path: Path, draw: Random) -> None:
    """The file with its bytes or, where it is text, its words spoilt; or something else in its place."""
    data = path.read_bytes()
    where = draw.randrange(20)
    if where == 0:
        path.unlink()
        draw.choice(
            [path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/null"), lambda: None, lambda: path.symlink_to(path)]
        )()
    elif where < 6:
        path.write_bytes(spoilt_bytes(data, draw))
    else:
        try:
            path.write_bytes(spoilt_text(data.decode(), draw).encode("utf-8", "surrogatepass"))
        except (UnicodeDecodeError, IndexError):
            path.write_bytes(spoilt_bytes(data, draw))


def write(path: Path, rows: list[Any], draw: Random) -> Path:
    """Rows as JSON, JSON lines, CSV or Parquet, whichever the draw says and can hold them."""
    kind = draw.choice([".json", ".jsonl", ".jsonl.gz", ".csv", ".parquet"])
    if kind == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(kind))
            return path.with_suffix(kind)
        except (pa.ArrowException, TypeError, AttributeError, UnicodeEncodeError, OverflowError):
            kind = ".jsonl"
    path = path.with_name(path.stem + kind)
    if kind == ".csv":
        names = list(rows[0]) if isinstance(rows[0], dict) else ["x"]
        cells = [[str(row.get(name, "")) if isinstance(row, dict) else str(row) for name in names] for row in rows]
        text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [names, *cells]) + "\n"
    else:
        text = json.dumps(rows) if kind == ".json" else "".join(json.dumps(row) + "\n" for row in rows)
    data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(data) if kind.endswith(".gz") else data)
    return path
