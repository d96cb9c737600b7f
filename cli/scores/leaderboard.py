"""`pasture leaderboard`: judgments in AlpacaEval's form to a leaderboard, checked against what was published; battles rated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..shared.console import plain, print_json

if TYPE_CHECKING:
    from ...core.files.tables import Row
    from ...core.records import Estimate
    from ...eval.files.alpaca_eval import Instructions, Judgments
    from ...eval.leaderboards.leaderboard import LeaderboardRow
    from ...eval.leaderboards.published import Published

WRITTEN = ".csv (AlpacaEval's columns), .json or .html"


def leaderboard(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Holds annotations.json files, or MODEL__JUDGE.csv.gz; or a file or data set of such rows, or of battles "
            "(model_a, model_b, winner), which are rated by Bradley-Terry."
        ),
    ],
    judge: Annotated[str | None, typer.Option(help="One judge's rows only.")] = None,
    weights: Annotated[
        str,
        typer.Option(help="Length control by published weights, AlpacaEval's fit, or one's own models: auto|published|fit|own."),
    ] = "auto",
    style: Annotated[
        bool, typer.Option("--style", help="Also the win rate at equal style: lists, headers and bold, where texts are known.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples of what is fitted; 0 for no interval.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    published: Annotated[Path | None, typer.Option(help="Published tables to check against. [default: FOLDER/published]")] = None,
    out: Annotated[list[Path] | None, typer.Option(help=f"Also write it to {WRITTEN}; repeat it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array on standard output, nothing else.")] = False,
) -> None:
    """Win rates raw and length-controlled, and where published numbers come out otherwise."""
    from ...core.errors import InputError
    from ...eval.files.alpaca_eval import find_instructions, read_folder, read_outputs_by_model
    from ...eval.files.annotation_tables import is_table, judgments_of_table, read_table
    from ...eval.leaderboards.leaderboard import Weights
    from ...eval.leaderboards.leaderboard import leaderboard as ranked
    from ...eval.leaderboards.published import read_published

    if weights not in list(Weights):
        raise InputError(f"--weights {weights!r}; it is one of: {', '.join(Weights)}")
    for path in out or []:
        if path.suffix.lower() not in (".csv", ".json", ".html"):
            raise InputError(f"--out {str(path)!r} has the suffix {path.suffix!r}; it is {WRITTEN}")
    if published is not None and not published.is_dir():
        raise InputError(f"--published {str(published)!r} is no folder; give one that holds AlpacaEval's tables")
    if style and any(path.suffix.lower() == ".csv" for path in out or []):
        raise InputError("--style has no column in AlpacaEval's CSV; write it to a .json or .html")
    of_table = read_table(folder) if is_table(folder) else None
    if of_table is not None and {"model_a", "model_b"} & set(of_table[0]):
        asked = {"--judge": judge, "--weights": weights != "auto", "--style": style, "--published": published}
        _rate_battles(of_table, folder, [name for name, said in asked.items() if said], resamples, seed, out or [], json)
        return
    tables = published or folder / "published"
    judgments = read_folder(folder, judge) if of_table is None else judgments_of_table(of_table, folder, judge)
    theirs = read_published(tables)
    rows = ranked(judgments, theirs, Weights(weights), resamples, seed)
    known = find_instructions(folder)
    styled: dict[tuple[str, str, str], Estimate] = {}
    if style:
        from ...eval.leaderboards.style_control import style_controlled

        styled = style_controlled(judgments, read_outputs_by_model(folder), known, resamples, seed)
    needs_notes = not json or any(path.suffix.lower() == ".html" for path in out or [])
    notes = _notes(judgments, rows, theirs, tables, known, styled) if needs_notes else []
    told = [_told(row, styled) for row in rows]
    for path in out or []:
        _write(path, rows, told, judgments, notes, known, folder)
    if json:
        print_json(told)
        return
    _show(rows, notes)


def _rate_battles(rows: list[Row], path: Path, refused: list[str], resamples: int, seed: int, out: list[Path], json: bool) -> None:
    """Bradley-Terry ratings on the arena's scale, 1000 + 400/ln(10) nats over the mean model."""
    import json as encoder

    from ...core.errors import InputError
    from ...core.files.writing import write_atomically
    from ...eval.files.battles import battles_of_rows
    from ...eval.rankings.bradley_terry import bradley_terry_ratings

    if refused:
        raise InputError(
            f"{str(path)!r} holds battles, and {', '.join(refused)} are for judgments against a baseline; leave them out"
        )
    for each in out:
        if each.suffix.lower() != ".json":
            raise InputError(f"--out {str(each)!r} has the suffix {each.suffix!r}; ratings of battles are written as .json")
    found = bradley_terry_ratings(battles_of_rows(rows, path), seed, resamples)
    told = [_rating(model, each) for model, each in found.items()]
    for each in out:
        write_atomically(each, encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    if json:
        print_json(told)
        return
    for place, each in enumerate(told, 1):
        shown = "undefined" if each["rating"] is None else f"{each['rating']:7.1f}"
        ends = "" if each["low"] is None else f" [{each['low']:.1f}, {each['high']:.1f}]"
        typer.echo(plain(f"{place:3d}  {shown}{ends}  {each['model']}  ({each['n']} battles)"))
    for how in dict.fromkeys(each.how for each in found.values()):
        typer.echo(plain(f"\n{how}"))


def _rating(model: str, of: Estimate) -> dict[str, Any]:
    from ...eval.rankings.bradley_terry import ELO_A_NAT

    rating, low, high = (None if nats is None else float(1000 + ELO_A_NAT * nats) for nats in (of.value, of.low, of.high))
    return {"model": model, "rating": rating, "low": low, "high": high, "n": of.n}


def _told(row: LeaderboardRow, styled: dict[tuple[str, str, str], Estimate]) -> dict[str, Any]:
    from ...eval.leaderboards.leaderboard import percent

    name = (row.model, row.judge, row.baseline)
    return row.as_json() | ({"style_controlled_win_rate": percent(styled[name].value)} if styled else {})


def _notes(
    judgments: list[Judgments],
    rows: list[LeaderboardRow],
    theirs: Published,
    tables: Path,
    known: Instructions | None,
    styled: dict[tuple[str, str, str], Estimate],
) -> list[tuple[str, list[str]]]:
    """(heading, lines) of what is to be said beside the table."""
    from ...eval.leaderboards.reproduction import checks, join_faults

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
        ("Win rates at equal style (lists, headers, bold)", [_at_equal_style(row, styled) for row in rows if styled]),
        ("Published numbers", said),
        ("Published length-controlled win rates of models with missing rows, whose difficulty was joined by row position", faults),
    ]
    return [(heading, lines) for heading, lines in headed if lines]


def _at_equal_style(row: LeaderboardRow, styled: dict[tuple[str, str, str], Estimate]) -> str:
    from ...report.text import interval, percent

    of = styled[row.model, row.judge, row.baseline]
    shown = f"{percent(of.value, 2)} % {interval(of, 100, 1)}".rstrip() + f"; {of.how}" if of.value is not None else of.how
    return f"{row.model} ({row.judge}): {shown}"


def _show(rows: list[LeaderboardRow], notes: list[tuple[str, list[str]]]) -> None:
    from rich.console import Console

    from ...report.leaderboard import leaderboard_tables

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
    told: list[dict[str, Any]],
    judgments: list[Judgments],
    notes: list[tuple[str, list[str]]],
    known: Instructions | None,
    folder: Path,
) -> None:
    import json as encoder

    from ...core.files.writing import write_atomically
    from ...eval.files.alpaca_eval import read_outputs_by_model
    from ...eval.leaderboards.leaderboard import to_csv
    from ...report.leaderboard import page

    match path.suffix.lower():
        case ".csv":
            text = to_csv(rows)
        case ".json":
            text = encoder.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        case _:
            text = page(rows, judgments, notes, known, read_outputs_by_model(folder))
    write_atomically(path, text)
