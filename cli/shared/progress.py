"""How far a command is, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .console import errors, plain, problem

LINE_SECONDS = 10.0
"""Between two lines where there is no terminal, at least."""
Tell = Callable[..., None]
"""(what is done, how many are done, how many there are or 0, what it cost): a session's `Watch`."""


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
