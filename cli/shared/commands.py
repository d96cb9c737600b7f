"""How functions become commands: a group of options in place of a parameter, and an option that takes one value given once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from importlib import import_module
from inspect import Parameter, signature
from itertools import pairwise
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

from ...core.errors import InputError


class OnceCommand(TyperCommand):
    """Refuses an option that was given several times, unless it is one that may be, or a switch: of two values,
    nobody can say which was meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option, count in Counter(order).items():
            if count > 1 and not (getattr(option, "multiple", True) or getattr(option, "is_flag", True)):
                given = [value for name, value in pairwise(args) if name in option.opts]
                given += [word.partition("=")[2] for word in args if word.partition("=")[0] in option.opts and "=" in word]
                said = " and ".join(map(repr, given))
                raise InputError(f"{option.opts[0]} was given {count} times ({said}), and it takes one value; give it once")
        return super().parse_args(ctx, args)


def loaded(target: str, name: str) -> Any:
    """The command, or the group of them, that `module:function` names, as Typer runs it."""
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    group = found if isinstance(found, typer.Typer) else typer.Typer(add_completion=False, rich_markup_mode=None)
    if group is not found:
        group.command(name)(found)
    for command in group.registered_commands:
        command.cls = OnceCommand
    made = get_command(group)
    made.name = name
    return made


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """The function as Typer reads it: in place of a parameter that is a dataclass of options, its fields, behind all others."""
    hints = get_type_hints(function, include_extras=True)
    kinds: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    own = [each for each in signature(function).parameters.values() if each.name not in kinds]
    found = [(each.name, each.default, hints[each.name]) for each in own]
    for kind in kinds.values():
        types = get_type_hints(kind, include_extras=True)
        defaults = {each.name: Parameter.empty if each.default is MISSING else each.default for each in fields(kind)}
        found += [(name, default, types[name]) for name, default in defaults.items()]
    shown = [Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind) for name, default, kind in found]
    read = signature(function).replace(parameters=shown)

    @wraps(function)
    def command(**given: Any) -> None:
        values = read.bind(**given)
        values.apply_defaults()
        left = dict(values.arguments)
        made = {name: kind(**{each.name: left.pop(each.name) for each in fields(kind)}) for name, kind in kinds.items()}
        function(**left, **made)

    command.__signature__ = read  # pyright: ignore[reportAttributeAccessIssue]
    command.__annotations__ = {each.name: each.annotation for each in shown}
    return command
