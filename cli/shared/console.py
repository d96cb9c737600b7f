"""Where words go: results to standard output, progress and problems to standard error; hostile text made harmless."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ...core.ledger import Quote
    from ...core.results import Measure

LINE_SECONDS = 10.0  # between two lines where there is no terminal, at least
Tell = Callable[..., None]  # (what is done, how many are done, how many there are or 0, what it cost): a session's `Watch`
LONGEST = 2000  # characters of a message: names and values out of files may have any length


def problem(text: str) -> None:
    """One line of trouble on standard error; of a very long one the beginning, and the end, which says the way out."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} ... [{len(text) - LONGEST} characters more] ... {text[-LONGEST // 4 :]}"
    sys.stderr.write(f"pasture: {plain(text)}\n")


def plain(text: str) -> str:
    """`text` without control characters (terminal escapes among them), but for newlines and tabs."""
    return "".join(c if c in "\n\t" or (c.isprintable() and c not in "\u2028\u2029") else "\ufffd" for c in text)


def json_text(value: Any) -> str:
    """One JSON document, with null for NaN and the infinities."""
    from ...core.results import json_safe

    return json.dumps(json_safe(value), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def print_json(value: Any) -> None:
    sys.stdout.write(json_text(value))


def show_rows(
    rows: Sequence[Measure],
    as_json: bool,
    *,
    title: str = "",
    facts: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
    wide: bool = False,
) -> None:
    """The one printer of results: a table, why what is undefined is, and the facts; or one JSON document, with `measures` for the
    rows. more: what the JSON holds beside them. wide: one line per group, for groups that measure the same."""
    facts = {name: value for name, value in (facts or {}).items() if value is not None}
    if as_json:
        print_json({**facts, "measures": [each.as_json() for each in rows], **(more or {})})
        return
    from rich.console import Console

    from ...report.rows import notes, rows_table, wide_table

    console = Console()
    if rows:
        console.print((wide_table if wide else rows_table)(rows, title))
    for line in (*notes(rows), *(f"{name}: {value}" for name, value in facts.items())):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def errors() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def aside(text: str) -> None:
    """A word beside the result, for people, on standard error."""
    errors().print(plain(text), markup=False, highlight=False)


def show_price(quote: Quote, as_json: bool) -> None:
    """What a run would buy, before it starts."""
    if as_json:
        print_json(asdict(quote))
        return
    most = "at most" if quote.is_bound else "at least"
    sys.stdout.write(
        f"{quote.items} items; {most} {quote.requests} requests to send, {quote.cached} in the store; {most} {quote.prompt_tokens} "
        f"prompt tokens (about {quote.about_prompt_tokens}) and {quote.completion_tokens} completion tokens; {most} "
        f"{quote.dollars:.4f} dollars (about {quote.about_dollars:.4f})\n"
    )
    if not quote.is_bound:
        way_out = "declare on the annotator how many requests it sends per item at most, as in `most_requests = 2`"
        problem(f"some items could not be played to their end with made-up answers, so that more may be asked; {way_out}")


@contextmanager
def progress(hidden: bool = False) -> Iterator[Tell]:
    """What is told within is shown, the latest of it. hidden: show nothing."""
    if hidden:
        yield lambda what, done, total, spent=None: None
    elif sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Tell]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors(), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int, spent: Any = None) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bar.remove_task(task)
                tasks.clear()
                tasks[what] = bar.add_task(plain(what), total=None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield tell


def _lines() -> Tell:
    started = last = time.monotonic()

    def tell(what: str, done: int, total: int, spent: Any = None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_SECONDS:
            last = now
            of_all = f" of {total:,}" if total else ""
            problem(f"{what}: {done:,}{of_all} after {now - started:.0f} s")

    return tell
