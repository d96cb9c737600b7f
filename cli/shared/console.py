"""Where words go: results to standard output, progress and problems to standard error; hostile text made harmless."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ...core.ledger import Quote
    from ...core.records import Estimate


def problem(text: str) -> None:
    """One line of trouble on standard error."""
    sys.stderr.write(f"pasture: {plain(text)}\n")


def plain(text: str) -> str:
    """`text` without control characters (terminal escapes among them), but for newlines and tabs."""
    return "".join(c if c in "\n\t" or (c.isprintable() and c not in "\u2028\u2029") else "\ufffd" for c in text)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def estimate_of(estimate: Estimate) -> dict[str, Any]:
    """An estimate as scripts read it: all that it says, under the names that it has."""
    return {each.name: getattr(estimate, each.name) for each in fields(estimate)} | {"extra": dict(estimate.extra)}


def errors() -> Console:
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def progress_bar(hidden: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error; it is not drawn where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = errors()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=hidden or not console.is_terminal, transient=True) as bar:
        yield bar


def show_price(quote: Quote, as_json: bool) -> None:
    """What a run would buy, before it starts."""
    if as_json:
        print_json(asdict(quote))
        return
    sys.stdout.write(
        f"{quote.items} items; {quote.requests} requests to send, {quote.cached} in the store; about {quote.prompt_tokens} prompt "
        f"tokens and at most {quote.completion_tokens} completion tokens; at most about {quote.dollars:.4f} dollars\n"
    )
