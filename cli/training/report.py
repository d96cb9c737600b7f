"""`pasture report`: the table and the page of a finished run, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..shared.console import plain, print_json
from ..shared.options import Json


def report(
    run: Annotated[Path, typer.Argument(help="A run folder of `pasture rank`, or its ranking.json.")],
    out: Annotated[Path | None, typer.Option(help="Where the page goes. [default: index.html in the run folder]")] = None,
    json: Json = False,
) -> None:
    """Write the page of a finished run and print its ranking."""
    from rich.console import Console

    from ...core.results import RankingResult
    from ...report.page import write_page
    from ...report.tables import ranking_summary
    from .rank import ranking_json

    path = run / "ranking.json" if run.is_dir() else run
    result = RankingResult.load(path)
    page = write_page(result, out or path.parent / "index.html")
    if json:
        print_json(ranking_json(result))
        return
    Console().print(ranking_summary(result))
    typer.echo(plain(f"page: {page}"))
