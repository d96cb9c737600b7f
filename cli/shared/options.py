"""Options that several commands have, each in one place: the same name, meaning and help everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EngineName = Annotated[str | None, typer.Option("--engine", help="Engine for annotators that need one: vllm, openai, actor ...")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Model of the engine; several as NAME=MODEL, repeated.")]
EngineSet = Annotated[list[str] | None, typer.Option("--engine-set", help="An option of the engine, as key=value; repeat it.")]
StorePath = Annotated[Path | None, typer.Option("--store", help="Paid-for replies. [default: beside what is written]")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first items.")]
Dollars = Annotated[float | None, typer.Option("--budget-dollars", min=0, help="Stop before more than this is spent.")]
Requests = Annotated[int | None, typer.Option("--budget-requests", min=0, help="Stop before more requests than this are sent.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would buy at most, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="An option of the annotator, as key=value; repeat it.")]
WorldName = Annotated[str | None, typer.Option("--world", help="World for annotators that know one.")]
