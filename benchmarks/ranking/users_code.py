"""Errors in code that a user brought: one sentence that names the file and the line, in place of a traceback through our own."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import InputError, PastureError
from ...core.registry import Registry

LIBRARIES = [Path(sysconfig.get_path(each)) for each in ("stdlib", "purelib", "platlib")]
"""Where installed packages lie."""


@contextmanager
def blamed_on(who: str, name: str, registry: Registry) -> Iterator[None]:
    """Makes an InputError of what user's code raises inside: `who` raised what, and where. What is built in raises as it is, and so
    do errors that Pasture raises on purpose. name: under which the registry knows the code."""
    try:
        yield
    except PastureError:
        raise
    except Exception as error:
        if name in registry.table:
            raise
        raise InputError(f"{who} raised {type(error).__name__}: {error}{_where(error)}") from error


def _where(error: Exception) -> str:
    """The line that ran last outside of Pasture and of installed packages, or else the last of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_globals.get("__file__")]
    outside = [each for each in frames if each[0].f_globals.get("__name__", "").partition(".")[0] != __name__.partition(".")[0]]
    own = [each for each in outside if not set(LIBRARIES) & set(Path(each[0].f_code.co_filename).parents)]
    frame, line = (own or outside or frames)[-1]
    return f" ({frame.f_code.co_filename}, line {line})"
