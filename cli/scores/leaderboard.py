"""`pasture leaderboard`: judgments in AlpacaEval's form to a leaderboard, checked against what was published; battles rated."""

import json as encoder
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer import Argument, Option

from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.records import Estimate
from ...eval.files.alpaca_eval import (
    find_instructions,
    is_table,
    judgments_of_table,
    read_folder,
    read_outputs_by_model,
    read_table,
)
from ...eval.leaderboards.leaderboard import LeaderboardRow, Weights, to_csv
from ...eval.leaderboards.leaderboard import leaderboard as ranked
from ...eval.leaderboards.leaderboard import percent as in_percent
from ...eval.leaderboards.published import PUBLISHED, read_published
from ...eval.leaderboards.reproduction import JoinFault, PublishedCheck, checks, join_faults, with_faults
from ...eval.leaderboards.style_control import style_controlled
from ...report.leaderboard import leaderboard_tables, page
from ...report.text import interval, percent
from ..shared.console import plain, print_json
from ..shared.options import BootstrapSeed
from .rank_models import rate_battles

Key = tuple[str, str, str]  # a row's model, judge and baseline
WRITTEN = ".csv (AlpacaEval's columns), .json or .html"


def leaderboard(
    folder: Annotated[
        Path,
        Argument(
            help="Holds annotations.json files, or MODEL__JUDGE.csv.gz; or a file or data set of such rows, or of battles "
            "(model_a, model_b, winner), which are rated by Bradley-Terry."
        ),
    ],
    judge: Annotated[str | None, Option(help="One judge's rows only.")] = None,
    weights: Annotated[
        str, Option(help="Length control by published weights, AlpacaEval's fit, or one's own models: auto|published|fit|own.")
    ] = "auto",
    style: Annotated[
        bool, Option("--style", help="Also the win rate at equal style: lists, headers and bold, where texts are known.")
    ] = False,
    resamples: Annotated[int, Option(min=0, help="Bootstrap resamples of what is fitted; 0 for no interval.")] = 200,
    seed: BootstrapSeed = 0,
    published: Annotated[Path | None, Option(help="Published tables to check against. [default: FOLDER/published]")] = None,
    out: Annotated[list[Path] | None, Option(help=f"Also write it to {WRITTEN}; repeat it.")] = None,
    json: Annotated[bool, Option("--json", help="A JSON array on standard output, nothing else.")] = False,
) -> None:
    """Win rates raw and length-controlled, and where published numbers come out otherwise."""
    if weights not in list(Weights):
        raise InputError(f"--weights {weights!r}; it is one of: {', '.join(Weights)}")
    for path in out or []:
        if path.suffix.lower() not in (".csv", ".json", ".html"):
            raise InputError(f"--out {str(path)!r} has the suffix {path.suffix!r}; it is {WRITTEN}")
    if published is not None and not published.is_dir():
        raise InputError(f"--published {str(published)!r} is not a folder; give one that holds AlpacaEval's tables")
    if style and any(path.suffix.lower() == ".csv" for path in out or []):
        raise InputError("--style has no column in AlpacaEval's CSV; write it to a .json or .html")
    of_table = read_table(folder) if is_table(folder) else None
    if of_table is not None and {"model_a", "model_b"} & set(of_table[0]):
        asked = {"--judge": judge, "--weights": weights != "auto", "--style": style, "--published": published}
        rate_battles(of_table, folder, [name for name, said in asked.items() if said], resamples, seed, out or [], json)
        return
    tables = published or folder / "published"
    judgments = read_folder(folder, judge) if of_table is None else judgments_of_table(of_table, folder, judge)
    theirs = read_published(tables)
    if published is not None and not theirs.found:
        raise InputError(f"--published {str(published)!r} holds none of AlpacaEval's tables; give a folder with {PUBLISHED}")
    faults = join_faults(judgments, theirs)
    rows = with_faults(ranked(judgments, theirs, Weights(weights), resamples, seed), faults)
    known = find_instructions(folder)
    styled = style_controlled(judgments, read_outputs_by_model(folder), known, resamples, seed) if style else {}
    shown_to_people = not json or any(path.suffix.lower() == ".html" for path in out or [])
    notes = _notes(rows, checks(judgments, rows, theirs, tables, known), styled, faults) if shown_to_people else []
    if tables.is_dir() and not theirs.found:
        notes.append(("Published numbers", [f"{str(tables)!r} holds none of AlpacaEval's tables: {PUBLISHED}"]))
    told = [row.as_json() | ({"style_controlled_win_rate": in_percent(styled[_key(row)].value)} if styled else {}) for row in rows]
    for path in out or []:
        match path.suffix.lower():
            case ".csv":
                text = to_csv(rows)
            case ".json":
                text = encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
            case _:
                text = page(rows, judgments, notes, known, read_outputs_by_model(folder))
        write_atomically(path, text)
    if json:
        print_json(told)
        return
    console = Console()
    for table in leaderboard_tables(rows):
        console.print(table)
    for heading, lines in notes:
        typer.echo(plain("\n  ".join((f"\n{heading}:", *lines))))


def _key(row: LeaderboardRow) -> Key:
    return row.model, row.judge, row.baseline


def _notes(
    rows: list[LeaderboardRow], checked: list[PublishedCheck], styled: dict[Key, Estimate], faults: list[JoinFault]
) -> list[tuple[str, list[str]]]:
    """(heading, lines) of what is to be said beside the table."""
    undefined = [f"{row.model} ({row.judge}): {row.length_controlled.how}" for row in rows if row.length_controlled.value is None]
    undefined += [f"{row.model} ({row.judge}): {row.win_rate.how}" for row in rows if row.win_rate.standard_error is None]
    of_rows: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            of_rows.setdefault(note, []).append(f"{row.model} ({row.judge})")
    headings = {each.said for each in faults}
    notes = {note: names for note, names in of_rows.items() if note not in headings}
    seen = [
        f"{', '.join(names) if len(names) < 3 else f'{len(names)} of {len(rows)} rows'}: {note}" for note, names in notes.items()
    ]
    said = [line for each in checked for line in (each.said, *(f"  {it}" for it in each.exceptions))]
    joined = "Published length-controlled win rates of models with missing rows, whose difficulty was joined by row position"
    at_equal_style = []
    for row, of in ((row, styled[_key(row)]) for row in rows if styled):
        shown = of.how if of.value is None else f"{percent(of.value, 2)} % {interval(of, 100, 1)}".rstrip() + f"; {of.how}"
        at_equal_style.append(f"{row.model} ({row.judge}): {shown}")
    headed = [
        ("Undefined", undefined),
        ("Notes on rows", seen),
        ("Win rates at equal style (lists, headers, bold)", at_equal_style),
        ("Published numbers", said),
        (joined, [f"{each.model}: {each.said}" for each in faults]),
    ]
    return [(heading, lines) for heading, lines in headed if lines]
