"""An option that takes one value is given once: of two, nobody can say which was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperCommand

from ...core.errors import InputError


class OnceCommand(TyperCommand):
    """Refuses an option that was given several times, unless it is one that may be, or a switch."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option, count in Counter(order).items():
            if count > 1 and not (getattr(option, "multiple", True) or getattr(option, "is_flag", True)):
                said = " and ".join(map(repr, _values(option.opts, args)))
                raise InputError(f"{option.opts[0]} was given {count} times ({said}), and it takes one value; give it once")
        return super().parse_args(ctx, args)


def refuse_repeated(apps: Sequence[typer.Typer]) -> None:
    """Every command of these takes an option with one value once."""
    for app in apps:
        for command in app.registered_commands:
            command.cls = OnceCommand


def _values(names: Sequence[str], args: Sequence[str]) -> list[str]:
    """What was given under an option's names, as two words or one with `=`."""
    apart = [value for name, value in pairwise(args) if name in names]
    return apart + [word.partition("=")[2] for word in args if word.partition("=")[0] in names and "=" in word]
