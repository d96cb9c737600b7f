"""Personas to a file and back: JSON lines, Parquet, or CSV, where scores and lists are cells of JSON.

An export can carry each persona in words, as the column `persona`, in the manner of PERSONA's data (arXiv:2407.17387)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.files.tables import read_rows, write_rows
from .persona import BIG_FIVE, VALUES, Persona
from .words import render

NESTED = ("big_five", "values", "quirks", "mannerisms")
WORDS = ("persona", "summary")
"""Columns of an export that an import leaves alone, as they follow from the others."""


def write_personas(path: Path | str, personas: Sequence[Persona], words: bool = False) -> None:
    """Writes one row per persona, in the format of the path's suffix. words: add `persona` (all, one `key: value` per line) and
    `summary`."""
    import pyarrow as pa

    said = [{"persona": render(each, "full"), "summary": render(each, "summary")} if words else {} for each in personas]
    rows = [each.to_dict() | more for each, more in zip(personas, said, strict=True)]
    nested = {name: pa.struct([(of, pa.float64()) for of in each]) for name, each in (("big_five", BIG_FIVE), ("values", VALUES))}
    kinds = nested | dict.fromkeys(("quirks", "mannerisms"), pa.list_(pa.string())) | {"age": pa.int64()}
    names = (*Persona.__dataclass_fields__, *(WORDS if words else ()))
    write_rows(path, rows, pa.schema([(name, kinds.get(name, pa.string())) for name in names]))


def read_personas(path: Path | str) -> list[Persona]:
    """The personas of a file that `write_personas` made, or one like it. Raises InputError, with the row, for what is not a persona
    and for an id that comes twice."""
    found: dict[str, Persona] = {}
    for number, row in enumerate(read_rows(path), 1):
        try:
            persona = Persona.from_dict(_unpacked(row))
        except InputError as error:
            raise InputError(f"{str(path)!r}, row {number}: {error}") from error
        if persona.id in found:
            raise InputError(f"{str(path)!r}, row {number}: the id {persona.id!r} is there twice; ids name one persona each")
        found[persona.id] = persona
    return list(found.values())


def _unpacked(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with JSON cells parsed and numbers of a CSV made numbers."""
    found = {name: value for name, value in row.items() if name not in WORDS}
    for name in NESTED:
        if isinstance(found.get(name), str):
            try:
                found[name] = json.loads(found[name])
            except json.JSONDecodeError as error:
                raise InputError(f"the {name} {found[name][:80]!r} are not JSON ({error.msg})") from error
    if isinstance(found.get("age"), str) and found["age"].isdecimal():
        found["age"] = int(found["age"])
    return found
