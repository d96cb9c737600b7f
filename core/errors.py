"""What goes wrong, said so that a stranger can mend it: the value, what was expected, and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .text import sound

if TYPE_CHECKING:
    from .records import Usage


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
        super().__init__(f"no {kind} is called {name!r}; known: {', '.join(names) or 'none'}.{guess}{' ' + hint if hint else ''}")

    def __reduce__(self) -> tuple[type[InputError], tuple[object, ...]]:
        return InputError, self.args  # crosses processes as its message


class EngineError(PastureError):
    """An engine could not answer one request. The runner turns it into an Abstention.

    `usage` is what was paid all the same, for an answer that came and is of no use; None where nothing was.
    """

    def __init__(self, message: str = "", usage: Usage | None = None) -> None:
        super().__init__(sound(message))
        self.usage = usage


class StoreError(PastureError):
    """The store could not be read or written."""


class BudgetExceeded(PastureError):
    """The next purchase would pass the budget."""
