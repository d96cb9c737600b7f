"""Named things: built-ins in a plain table, others' packages by entry point, a user's own by `module:name` or file.

A table holds targets, not objects, so that listing imports nothing heavy. Options are checked against the types in the maker's
signature where these are plain: bool, int, float, str, lists, tables, and unions of them; any other annotation lets all pass."""

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import InputError, UnknownName, explained
from .files.reading import is_file
from .text import one_line

LIST = "a list, with [ and ] around it"
_TABLE = ("a table, such as {name = 1}", lambda value: isinstance(value, Mapping))
_SEQUENCE = (LIST, lambda value: isinstance(value, Sequence) and not isinstance(value, str))
_PLAIN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "int": ("a whole number", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    "float": ("a number, such as 0.5", lambda value: isinstance(value, Real) and not isinstance(value, bool)),
    "str": ("text", lambda value: isinstance(value, str)),
    **dict.fromkeys(("Mapping", "dict"), _TABLE),
    **dict.fromkeys(("Sequence", "list", "tuple"), _SEQUENCE),
    "Collection": (LIST, lambda value: isinstance(value, Collection) and not isinstance(value, str)),
    "None": ("", lambda value: value is None),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: `target` is `package.module[:attribute]`, `traits` are declared facts that tests check."""

    target: str
    summary: str
    paper: str = ""
    traits: Mapping[str, Any] = field(default_factory=dict)


_ADDED: dict[str, dict[str, Entry]] = {}


@cache
def entry_points(group: str) -> metadata.EntryPoints:
    """What installed packages register; looked up once, as that takes 15 ms."""
    return metadata.entry_points(group=group)


def add(kind: str, entries: Mapping[str, Entry]) -> None:
    """More built-ins of a kind, from a room that the kind's own room may not import."""
    _ADDED.setdefault(kind, {}).update(entries)


class Registry:
    """The built-ins of one kind, and whatever plugins add under the entry-point group `pasture.<kind>s`."""

    def __init__(self, kind: str, table: Mapping[str, Entry], makes: Sequence[str] = ()) -> None:
        """makes: methods of what a maker of this kind returns."""
        self.kind, self.makes = kind, tuple(makes)
        self.table = {**table, **_ADDED.get(kind, {})}
        self.group = f"pasture.{kind}s"

    def entries(self) -> dict[str, Entry]:
        """All names, built-ins first. A plugin that takes a built-in's name is an error, not a replacement."""
        found = dict(self.table)
        for point in entry_points(group=self.group):
            if point.name in self.table:
                package = point.dist.name if point.dist else point.value
                what = f"the package {package!r} registers the {self.kind} {point.name!r}, which is built in"
                way_out = f'rename it in its [project.entry-points."{self.group}"], or uninstall it'
                raise InputError(f"{what}; a plugin may not replace a built-in: {way_out}")
            found[point.name] = Entry(point.value, f"from {point.dist.name if point.dist else 'a plugin'}")
        return found

    def entry(self, name: str) -> Entry:
        """The entry of a registered name, or one made for `module:name`, `package.module` or `path/to/file.py[:name]`."""
        known = self.entries()
        if name in known:
            return known[name]
        path, _, _ = name.partition(":")
        if ":" in name or path.endswith(".py"):
            return Entry(name, f"from {name}")
        raise UnknownName(self.kind, name, known, "One of your own is given as module:name or path/to/file.py.")

    def load(self, name: str) -> Any:
        """The object behind a name. Raises InputError where it cannot be loaded."""
        return load_target(self.entry(name).target, self.kind)

    def explained(self, name: str) -> AbstractContextManager[None]:
        """What the user's code behind a name raises within becomes an InputError with its file and line; what is built in raises as
        it is."""
        return nullcontext() if name in self.table else explained(f"the {self.kind} {name!r}")

    def make(self, name: str, /, **options: Any) -> Any:
        """What the maker behind a name returns for these options. Raises InputError for options that it does not have, and where it
        fails or returns something of another kind."""
        maker, who = self.load(name), f"the {self.kind} {name!r}"
        if not callable(maker):
            raise InputError(f"{who} is a {type(maker).__name__}; give a class or a function that makes one, as in module:name")
        check_options(maker, options, who)
        with self.explained(name):
            made = maker(**options)
        if lacking := [each for each in self.makes if not hasattr(type(made), each)]:
            what = f"{who} makes a {type(made).__name__}, which has no `{lacking[0]}`"
            raise InputError(f"{what}; core/protocols.py says what it needs")
        return made


def load_target(target: str, kind: str = "object") -> Any:
    """Imports `package.module[:attribute]` or `path/to/file.py[:attribute]`. Without an attribute it is the module itself."""
    path, _, attribute = target.partition(":")
    with explained(f"the {kind} {target!r}"):
        found: Any = _load_file(Path(path), kind) if path.endswith(".py") else _load_module(path, kind)
        for part in attribute.split(".") if attribute else ():
            if not hasattr(found, part):
                public = ", ".join(n for n in dir(found) if not n.startswith("_")) or "nothing"
                raise InputError(f"{path!r} has no {attribute!r}, named as the {kind}; it has: {public}")
            found = getattr(found, part)
    return found


def _load_module(name: str, kind: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise InputError(f"{one_line(name)} is not the name of a module; name the {kind} as module:name or path/to/file.py:name")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # an installed command does not look where the user stands
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            what = f"no module {name!r} for the {kind}"
            raise InputError(f"{what}; it is looked for in the installed packages and in {Path.cwd()}") from error
        what = f"{name!r} needs the package {error.name!r}, which is not installed"
        raise InputError(f"{what}; try: pip install 'pasture[train]'") from error


def _load_file(path: Path, kind: str) -> ModuleType:
    if not is_file(path):
        raise InputError(f"no file {str(path)!r} for the {kind}; give the path of a Python file")
    path = path.resolve()
    name, changed = f"pasture_file_{path.stem}", path.stat().st_mtime_ns
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(path) and vars(loaded).get("__changed__") == changed:
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)["__changed__"] = changed
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        # From the source, because compiled files are told from older ones by whole seconds.
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def check_options(make: Callable[..., Any], options: Mapping[str, Any], who: str) -> None:
    """`check_types`; and raises InputError for an option that `make` does not have, and for one that it lacks."""
    known = parameters_of(make, who)
    takes_any = any(each.kind is each.VAR_KEYWORD for each in known.values())
    for name in options:
        if name not in known and not takes_any:
            raise InputError(f"{who} has no option {name!r}; its options: {', '.join(known) or 'none'}")
    for name, each in known.items():
        if each.default is each.empty and name not in options and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            raise InputError(f"{who} needs the option {name!r}; give it a value")
    check_types(make, options, who)


def parameters_of(make: Callable[..., Any], who: str) -> Mapping[str, inspect.Parameter]:
    """The parameters of a class or a function. Raises InputError for one that does not say which it has."""
    try:
        return inspect.signature(make).parameters
    except (TypeError, ValueError) as error:
        what = f"{who} is {one_line(make)}, built into Python, whose options are not known"
        raise InputError(f"{what}; write a function or class") from error


def check_types(make: Callable[..., Any], options: Mapping[str, Any], who: str) -> None:
    """Raises InputError for an option of `make` whose value is of none of the types in its signature.
    who: whose options they are, as in "the annotator 'judge'"."""
    for name, parameter in parameters_of(make, who).items():
        if name not in options or parameter.annotation is parameter.empty:
            continue
        value, kinds = options[name], [_PLAIN.get(each) for each in _parts(parameter.annotation)]
        known = [kind for kind in kinds if kind is not None]
        if len(known) == len(kinds) and not any(fits(value) for _, fits in known):
            expected = " or ".join(dict.fromkeys(words for words, _ in known if words))
            raise InputError(f"the option {name!r} of {who} is {one_line(value)}; it is {expected}")


def _parts(annotation: Any) -> list[str]:
    """Names of the types in a union, without what stands in their brackets."""
    said = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    while said != (less := re.sub(r"\[[^\[\]]*\]", "", said)):
        said = less
    return [each.strip().rpartition(".")[2] for each in said.split("|")]
