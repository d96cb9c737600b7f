"""What goes wrong, said so that a stranger can correct it: the value, what was expected, and the way out."""

from __future__ import annotations

import difflib
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .text import one_line, sound

if TYPE_CHECKING:
    from .requests import Usage


class PastureError(Exception):
    """Every error that Pasture raises on purpose. The command line prints it and exits with 1."""


class InputError(PastureError):
    """The caller gave something unusable. The command line exits with 2."""


class UnknownName(InputError):
    """A name that no registry entry, plugin or file has."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        what = f"no {kind} is called {one_line(name, 200)}; known: {', '.join(names) or 'none'}"
        super().__init__(f"{what}.{guess}{' ' + hint if hint else ''}")

    def __reduce__(self) -> tuple[type[InputError], tuple[object, ...]]:
        return InputError, self.args  # crosses processes as its message


class EngineError(PastureError):
    """An engine could not answer one request. The runner turns it into an Abstention. `usage` is what was paid all the same, for an
    answer that came and is of no use; None where nothing was."""

    def __init__(self, message: str = "", usage: Usage | None = None) -> None:
        super().__init__(sound(message))
        self.usage = usage


class StoreError(PastureError):
    """The store could not be read or written."""


class BudgetExceeded(PastureError):
    """The next purchase would pass the budget."""


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns whatever code of a user's raises within into an InputError that says what failed, why, and in which file and line."""
    try:
        yield
    except (PastureError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit() and the like among them: the code is not ours
        raise InputError(f"{what} fails: {raised_in(error)}") from error


def raised_in(error: BaseException) -> str:
    """What was raised, on one line, and the file and line of the user's code that it came from: the innermost place that is neither
    Pasture's nor a library's."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (the error is of the user's own class)
        text = "its text cannot be shown"
    words = f"{type(error).__name__}: {' '.join(text.split())[:300]}".removesuffix(": ")
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}, in {error.filename}, line {error.lineno}"
    libraries = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(libraries)] or frames[-1:]
    return f"{words}, in {own[-1].filename}, line {own[-1].lineno}" if own else words
