"""The `pasture` command: thin, and quick to answer, so a command's module is imported when the command is wanted.

Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted. Results go to standard output, everything else to
standard error; with `--json`, standard output holds one JSON document and nothing more.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from ..core.errors import InputError, PastureError
from ..core.files.reading import cause
from .shared.commands import loaded
from .shared.console import problem

COMMANDS = {
    "quickstart": ("pasture.cli.training.rank:quickstart", "The main job: rank the reference methods in the text world."),
    "rank": ("pasture.cli.training.rank:rank", "Rank methods: same labels, same starting policy, blind evaluation."),
    "annotate": ("pasture.cli.asking.annotate:annotate", "Ask an annotator about pairs, answers or slates."),
    "train": ("pasture.cli.training.train:train", "Train one method from the world's SFT policy and save what it made."),
    "evaluate": (
        "pasture.cli.training.evaluate:evaluate",
        "Win rate with its interval: blind, in random order, clustered by prompt.",
    ),
    "audit": ("pasture.cli.asking.audit:audit", "Audit a judge: agreement, bias, variance, consistency, price, attacks."),
    "compare": ("pasture.cli.scores.compare:compare", "Which of two models won more? Paired by prompt."),
    "leaderboard": (
        "pasture.cli.scores.leaderboard:leaderboard",
        "Win rates raw and length-controlled, checked against published ones.",
    ),
    "rank-models": ("pasture.cli.scores.rank_models:rank_models", "Rank models, from battles or from verdicts."),
    "report": ("pasture.cli.training.rank:report", "Write the page of a finished run and print its ranking."),
    "aggregate": ("pasture.cli.scores.aggregate:aggregate", "One label per item from the votes of many."),
    "corrected": (
        "pasture.cli.scores.compare:corrected",
        "The people's win rate, by a judge that is corrected where people looked too.",
    ),
    "pluralism": ("pasture.cli.scores.pluralism:pluralism", "Each group's win rate and what their mean hides; steerability."),
    "power": ("pasture.cli.scores.power:power", "How many prompts to see 3 points?"),
    "over-optimisation": ("pasture.cli.scores.over_optimisation:over_optimisation", "Gold against KL as a reward is optimised."),
    "annotators": ("pasture.cli.listing:annotators", "Annotators, which can be asked."),
    "methods": ("pasture.cli.listing:methods", "Methods, which learn from feedback."),
    "worlds": ("pasture.cli.listing:worlds", "Worlds, the settings with a known truth."),
    "claims": ("pasture.cli.listing:claims", "Claims of the literature, each tried here."),
    "personas": ("pasture.cli.asking.personas:personas", "Imagined adults, from US census tables and stated assumptions."),
    "fit": ("pasture.cli.asking.fit:fit", "Annotators fitted to labels of your own."),
}
"""Name -> what makes the command or the group, and what it does, in the words of the list of commands."""


class Commands(TyperGroup):
    """The commands of the table, each made when it is wanted and then kept."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = loaded(COMMANDS[cmd_name][0], cmd_name)
        return self.commands.get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A sandbox for methods that learn from feedback: simulated annotators, reference methods, an evaluator with intervals.",
)


@app.callback(invoke_without_command=True)
def _main(context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """The installed command."""
    try:
        try:
            app()
        finally:
            if not sys.stdout.closed:
                sys.stdout.flush()
    except PastureError as error:
        problem(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except ValueError:
        if not sys.stdout.closed:
            raise
        problem("standard output was closed by what ran, so the result is not shown; what was written before is kept")
        sys.exit(1)
    except (OSError, MemoryError) as error:  # a full disk under standard output, say
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (what cannot be written is not tried again)
        problem(f"{cause(error)}: {getattr(error, 'filename', None) or 'standard output'}")
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == 130:  # Typer's answer to Ctrl-C
            problem("interrupted; finished work is kept, and the same command goes on from there")
        raise
