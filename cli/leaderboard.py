"""`pasture leaderboard`: judgments in AlpacaEval's form to a leaderboard, checked against what was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import plain, print_json

if TYPE_CHECKING:
    from ..eval.alpaca_eval import Instructions, Judgments
    from ..eval.leaderboard import LeaderboardRow
    from ..eval.published import Published

WRITTEN = ".csv (AlpacaEval's columns), .json or .html"


def leaderboard(
    folder: Annotated[Path, typer.Argument(help="Holds annotations.json files, or MODEL__JUDGE.csv.gz.")],
    judge: Annotated[str | None, typer.Option(help="One judge's rows only.")] = None,
    weights: Annotated[
        str,
        typer.Option(help="Length control by published weights, AlpacaEval's fit, or one's own models: auto|published|fit|own."),
    ] = "auto",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples of fitted length control; 0 for no interval.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    published: Annotated[Path | None, typer.Option(help="Published tables to check against. [default: FOLDER/published]")] = None,
    out: Annotated[list[Path] | None, typer.Option(help=f"Also write it to {WRITTEN}; repeat it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array on standard output, nothing else.")] = False,
) -> None:
    """Win rates raw and length-controlled, and where published numbers come out otherwise."""
    from ..core.errors import InputError
    from ..eval.alpaca_eval import find_instructions, read_folder
    from ..eval.leaderboard import Weights
    from ..eval.leaderboard import leaderboard as ranked
    from ..eval.published import read_published

    if weights not in list(Weights):
        raise InputError(f"--weights {weights!r}; it is one of: {', '.join(Weights)}")
    for path in out or []:
        if path.suffix.lower() not in (".csv", ".json", ".html"):
            raise InputError(f"--out {str(path)!r} has the suffix {path.suffix!r}; it is {WRITTEN}")
    if published is not None and not published.is_dir():
        raise InputError(f"--published {str(published)!r} is no folder; give one that holds AlpacaEval's tables")
    tables = published or folder / "published"
    judgments = read_folder(folder, judge)
    theirs = read_published(tables)
    rows = ranked(judgments, theirs, Weights(weights), resamples, seed)
    known = find_instructions(folder)
    needs_notes = not json or any(path.suffix.lower() == ".html" for path in out or [])
    notes = _notes(judgments, rows, theirs, tables, known) if needs_notes else []
    for path in out or []:
        _write(path, rows, judgments, notes, known, folder)
    if json:
        print_json([row.as_json() for row in rows])
        return
    _show(rows, notes)


def _notes(
    judgments: list[Judgments], rows: list[LeaderboardRow], theirs: Published, tables: Path, known: Instructions | None
) -> list[tuple[str, list[str]]]:
    """(heading, lines) of what is to be said beside the table."""
    from ..eval.reproduction import checks, join_faults

    undefined = [f"{row.model} ({row.judge}): {row.length_controlled.how}" for row in rows if row.length_controlled.value is None]
    undefined += [f"{row.model} ({row.judge}): {row.win_rate.how}" for row in rows if row.win_rate.standard_error is None]
    said = [
        line
        for each in checks(judgments, rows, theirs, tables, known)
        for line in (each.said, *(f"  {it}" for it in each.exceptions))
    ]
    faults = [
        f"{each.model}: published {each.published:.2f}; the fit made again gives {each.by_position:.2f} joined by position, "
        f"{each.by_instruction:.2f} by instruction ({each.by_position - each.by_instruction:+.2f} points are the fault's)"
        for each in join_faults(judgments, theirs)
    ]
    headed = [
        ("Undefined", undefined),
        ("Published numbers", said),
        ("Published length-controlled win rates of models with missing rows, whose difficulty was joined by row position", faults),
    ]
    return [(heading, lines) for heading, lines in headed if lines]


def _show(rows: list[LeaderboardRow], notes: list[tuple[str, list[str]]]) -> None:
    from rich.console import Console

    from ..report.leaderboard import leaderboard_tables

    console = Console()
    for table in leaderboard_tables(rows):
        console.print(table)
    for heading, lines in notes:
        typer.echo(plain(f"\n{heading}:"))
        for line in lines:
            typer.echo(plain(f"  {line}"))


def _write(
    path: Path,
    rows: list[LeaderboardRow],
    judgments: list[Judgments],
    notes: list[tuple[str, list[str]]],
    known: Instructions | None,
    folder: Path,
) -> None:
    import json as encoder

    from ..core.manifest import write_atomically
    from ..eval.alpaca_eval import read_outputs_by_model
    from ..eval.leaderboard import to_csv
    from ..report.leaderboard import page

    match path.suffix.lower():
        case ".csv":
            text = to_csv(rows)
        case ".json":
            text = encoder.dumps([row.as_json() for row in rows], ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        case _:
            text = page(rows, judgments, notes, known, read_outputs_by_model(folder))
    write_atomically(path, text)
