"""`pasture annotators|methods|worlds|claims list|show`: what there is, and what it takes; and `pasture claims run`."""

import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..core.errors import InputError
from ..core.registry import Registry, check_types, load_target, parameters_of
from .shared.console import plain, print_json, show_rows
from .shared.options import Json, settings_from

Name = Annotated[str, Argument(help="A name from the list, module:name, or a file.")]


def catalogue(table: str, what: str, shows: str) -> typer.Typer:
    """The commands `list` and `show` of a table. table: `package.module:TABLE`, imported when it is wanted; what: what is in it;
    shows: what is said of one."""
    made = typer.Typer(no_args_is_help=True, help=what, rich_markup_mode=None)

    @made.command("list", help=f"{what.rstrip('.')}: all of them, those of plugins too.")
    def _(json: Json = False) -> None:
        entries = load_target(table).entries()
        if json:
            print_json([{"name": name, "summary": each.summary, "paper": each.paper} for name, each in entries.items()])
            return
        width = max(map(len, entries), default=0)
        for name, each in entries.items():
            typer.echo(plain(f"{name:<{width}}  {each.summary}{f'  [{each.paper}]' if each.paper else ''}"))

    @made.command("show", help=f"One of them: {shows}.")
    def _(name: Name, json: Json = False) -> None:
        registry: Registry = load_target(table)
        entry, found = registry.entry(name), registry.load(name)
        # The docstring, and that of the class that says its options, where it takes them from another; a claim's is its module's.
        texts = [inspect.getdoc(inspect.getmodule(getattr(found, "checks", None) and found.run) or found) or ""]
        if isinstance(found, type) and "__init__" not in vars(found) and not is_dataclass(found):
            texts += [inspect.getdoc(each) or "" for each in found.__mro__[1:-1] if "__init__" in vars(each)][:1]
        settings, about = _settings(found), "\n\n".join(each for each in dict.fromkeys(texts) if each)
        if json:
            shown = {"name": name, "summary": entry.summary, "paper": entry.paper, "target": entry.target}
            print_json(shown | {"about": about, "settings": settings})
            return
        paper = f"paper: {entry.paper}" if entry.paper else ""
        typer.echo(plain(f"{name}: {entry.summary}\n{paper}\nfrom: {entry.target}\n\n{about}\n"))
        for each in settings:
            typer.echo(plain(f"  {each['name']} = {each['default']}"))

    return made


annotators = catalogue("pasture.annotators:ANNOTATORS", "Annotators, which can be asked.", "what it is and its options")
methods = catalogue(
    "pasture.methods:METHODS", "Methods, which learn from feedback.", "what it is, the paper, and its settings with their defaults"
)
worlds = catalogue("pasture.simulators:WORLDS", "Worlds, the settings with a known truth.", "what it is and its options")
claims = catalogue(
    "pasture.benchmarks.claims:CLAIMS",
    "Claims of the literature, each tried here.",
    "what is claimed, by whom, how it is tried, its options",
)


@claims.command("run")
def run_claim(
    name: Name,
    seeds: Annotated[int | None, Option(min=1, help="Independent tries. [default: the claim's]")] = None,
    set: Annotated[list[str] | None, Option("--set", help="An option of the claim, as key=value; repeat it.")] = None,
    json: Json = False,
) -> None:
    """Try a claim: it holds, it does not hold, or it cannot be told from this many seeds, each by an interval."""
    registry = load_target("pasture.benchmarks.claims:CLAIMS")
    entry, claim = registry.entry(name), registry.load(name)
    options = settings_from(set or ())
    known = [each for each in inspect.signature(claim.run).parameters if each != "seeds"]
    for option in (each for each in options if each not in known):
        raise InputError(f"the claim {name!r} has no option {option!r}; its options: {', '.join(known)}")
    check_types(claim.run, options, f"the claim {name!r}")
    count = claim.seeds if seeds is None else seeds
    rows, outcome = claim.judged(claim.run(count, **options))
    facts = {"claim": entry.summary, "paper": entry.paper, "seeds": count, "outcome": outcome.value}
    show_rows(rows, json, title=name, facts=facts)


def _settings(found: Any) -> list[dict[str, str]]:
    """Fields of a method's Config or of a dataclass, else the parameters of what makes it or, for a claim, runs it."""
    config = getattr(found, "Config", getattr(found, "run", found))
    if is_dataclass(config):
        known = {each.name: "required" if each.default is MISSING else repr(each.default) for each in fields(config)}
        return [{"name": name, "default": default} for name, default in known.items()]
    known = parameters_of(config, "what is to be shown").values() if callable(config) else ()
    parameters = [p for p in known if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [{"name": p.name, "default": "required" if p.default is p.empty else repr(p.default)} for p in parameters]
