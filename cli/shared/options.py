"""Options that several commands have, each in one place: the same name, meaning and help everywhere; and those in `key=value`."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from ...core.errors import InputError
from ...core.files.reading import cause
from ...core.text import one_line

EngineName = Annotated[str | None, Option("--engine", help="Engine for annotators that need one: vllm, openai, actor ...")]
Models = Annotated[list[str] | None, Option("--model", help="Model of the engine; several as NAME=MODEL, repeated.")]
EngineSet = Annotated[list[str] | None, Option("--engine-set", help="An option of the engine, as key=value; repeat it.")]
StorePath = Annotated[Path | None, Option("--store", help="Paid-for replies. [default: beside what is written]")]
Seed = Annotated[int, Option("--seed", help="Seed of everything random.")]
Limit = Annotated[int | None, Option("--limit", min=1, help="Only the first items.")]
Dollars = Annotated[float | None, Option("--budget-dollars", min=0, help="Stop before more than this is spent.")]
Requests = Annotated[int | None, Option("--budget-requests", min=0, help="Stop before more requests than this are sent.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what it would buy at most, and stop.")]
Json = Annotated[bool, Option("--json", help="One JSON document on standard output, nothing else.")]
Settings = Annotated[list[str] | None, Option("--set", help="An option of the annotator, as key=value; repeat it.")]
WorldName = Annotated[str | None, Option("--world", help="World for annotators that know one.")]
BootstrapSeed = Annotated[int, Option("--seed", help="Seed of the bootstrap.")]
Resamples = Annotated[int, Option("--resamples", min=0, help="Bootstrap resamples; 0 for no interval.")]
SuiteName = Annotated[str, Option("--suite", help="A suite's name or a TOML file. [default: what fits the world]")]
BARE_POINT = re.compile(r"[+-]?(\d+\.|\.\d+)")  # numbers that people write and that TOML does not know: `.5` and `1.`


def settings_from(settings: Sequence[str]) -> dict[str, Any]:
    """Options from `key=value`, the value written as in TOML; anything else is text."""
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.isidentifier() or key in found:
            raise InputError(f"{setting!r} cannot be used as an option; write option=value, each option once")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = float(value) if BARE_POINT.fullmatch(value) else value
        except (ValueError, RecursionError) as error:
            raise InputError(f"{one_line(setting)} cannot be used as an option: {cause(error)}") from error
    return found
