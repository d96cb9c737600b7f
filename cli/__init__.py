"""The `pasture` command: thin, and quick to answer, so each command imports what it needs when it runs.

Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted. Results go to standard output, everything else to
standard error; with `--json`, standard output holds one JSON document and nothing more.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from ..core.errors import InputError, PastureError
from ..core.files.reading import cause
from .asking.annotate import annotate
from .asking.audit import audit
from .asking.fit import fit
from .asking.personas import personas
from .listing import annotators, methods, worlds
from .scores.aggregate import aggregate
from .scores.claims import claims
from .scores.compare import compare
from .scores.corrected import corrected
from .scores.leaderboard import leaderboard
from .scores.over_optimisation import over_optimisation
from .scores.pluralism import pluralism
from .scores.power import power
from .scores.rank_models import rank_models
from .shared.console import problem
from .shared.once import refuse_repeated
from .training.evaluate import evaluate
from .training.rank import quickstart, rank
from .training.report import report
from .training.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A sandbox for methods that learn from feedback: simulated annotators, reference methods, an evaluator with intervals.",
)
for command in (quickstart, rank, annotate, train, evaluate, audit, compare, leaderboard, rank_models, report):
    app.command()(command)
for command in (aggregate, corrected, pluralism, power, over_optimisation):
    app.command()(command)
groups = {"annotators": annotators, "methods": methods, "worlds": worlds, "claims": claims, "personas": personas, "fit": fit}
for name, group in groups.items():
    app.add_typer(group, name=name)
refuse_repeated((app, *groups.values()))


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
    except InputError as error:
        problem(str(error))
        sys.exit(2)
    except PastureError as error:
        problem(str(error))
        sys.exit(1)
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


if __name__ == "__main__":
    main()
