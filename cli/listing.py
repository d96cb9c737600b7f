"""`pasture annotators|methods|worlds list|show`: what there is, and what it takes."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shared.console import plain, print_json

if TYPE_CHECKING:
    from ..core.registry import Registry

annotators = typer.Typer(no_args_is_help=True, help="Whoever can be asked.", rich_markup_mode=None)
methods = typer.Typer(no_args_is_help=True, help="Whatever learns from feedback.", rich_markup_mode=None)
worlds = typer.Typer(no_args_is_help=True, help="The settings with a known truth.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="An array of objects on standard output.")]
Name = Annotated[str, typer.Argument(help="A name from the list, module:name, or a file.")]


@annotators.command("list")
def list_annotators(json: Json = False) -> None:
    """All annotators, plugins included."""
    from ..annotators import ANNOTATORS

    _list(ANNOTATORS, json)


@annotators.command("show")
def show_annotator(name: Name, json: Json = False) -> None:
    """One annotator: what it is and its options."""
    from ..annotators import ANNOTATORS

    _show(ANNOTATORS, name, json)


@methods.command("list")
def list_methods(json: Json = False) -> None:
    """All methods, plugins included."""
    from ..methods import METHODS

    _list(METHODS, json)


@methods.command("show")
def show_method(name: Name, json: Json = False) -> None:
    """One method: what it is, the paper, and its settings with their defaults."""
    from ..methods import METHODS

    _show(METHODS, name, json)


@worlds.command("list")
def list_worlds(json: Json = False) -> None:
    """All worlds, plugins included."""
    from ..simulators import WORLDS

    _list(WORLDS, json)


@worlds.command("show")
def show_world(name: Name, json: Json = False) -> None:
    """One world: what it is and its options."""
    from ..simulators import WORLDS

    _show(WORLDS, name, json)


def _list(registry: Registry, json: bool) -> None:
    entries = registry.entries()
    if json:
        print_json([{"name": name, "summary": each.summary, "paper": each.paper} for name, each in entries.items()])
        return
    width = max(map(len, entries), default=0)
    for name, each in entries.items():
        typer.echo(plain(f"{name:<{width}}  {each.summary}{f'  [{each.paper}]' if each.paper else ''}"))


def _show(registry: Registry, name: str, json: bool) -> None:
    entry = registry.entry(name)
    found = registry.load(name)
    settings = _settings(found)
    about = _about(found)
    if json:
        shown = {
            "name": name,
            "summary": entry.summary,
            "paper": entry.paper,
            "target": entry.target,
            "about": about,
            "settings": settings,
        }
        print_json(shown)
        return
    typer.echo(
        plain(f"{name}: {entry.summary}\n{f'paper: {entry.paper}' if entry.paper else ''}\nfrom: {entry.target}\n\n{about}\n")
    )
    for each in settings:
        typer.echo(plain(f"  {each['name']} = {each['default']}"))


def _about(found: Any) -> str:
    """Its docstring, and that of the class that says its options, where it takes them from another."""
    about = [inspect.getdoc(found) or ""]
    if isinstance(found, type) and "__init__" not in vars(found) and not is_dataclass(found):
        about += [inspect.getdoc(each) or "" for each in found.__mro__[1:-1] if "__init__" in vars(each)][:1]
    return "\n\n".join(each for each in dict.fromkeys(about) if each)


def _settings(found: Any) -> list[dict[str, str]]:
    """Fields of a method's Config or of a dataclass, else the parameters of whatever is called to make it."""
    config = getattr(found, "Config", found)
    if is_dataclass(config):
        return [
            {"name": each.name, "default": "required" if each.default is MISSING else repr(each.default)} for each in fields(config)
        ]
    if not callable(config):
        return []
    parameters = [p for p in inspect.signature(config).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [{"name": p.name, "default": "required" if p.default is p.empty else repr(p.default)} for p in parameters]
