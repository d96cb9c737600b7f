"""The `pasture` command: thin, and quick to answer, so a command's module is imported when the command is wanted.

Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted. Results go to standard output, everything else to
standard error; with `--json`, standard output holds one JSON document and nothing more."""

import os
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from ..core.errors import InputError, PastureError
from ..core.files.reading import cause
from .shared.commands import loaded
from .shared.console import problem

COMMANDS: dict[str, list[str]] = tomllib.loads(files(__name__).joinpath("commands.toml").read_text(encoding="utf-8"))
"""Name -> what makes the command or the group, and what it does, in the words of the list of commands."""


class Commands(TyperGroup):
    """The commands of the table, each made when it is wanted and then kept."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = loaded(f"{__name__}.{COMMANDS[cmd_name][0]}", cmd_name)
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
