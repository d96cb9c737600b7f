"""The key of a cell: a digest of all that it loads, and of nothing else.

Of Pasture's own source these are the modules that the cell imports; of the user's, every file behind the method, the annotators
and the world: the Python files with the helper modules that they import, TOMLs with the annotators, templates and data that they
name, checkpoints. What is imported is read from the source and not run, so that a function that has not run yet counts too."""

import ast
import hashlib
import json
import re
import site
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from ...annotators import ANNOTATORS
from ...core.registry import Registry
from ...core.seeds import digest
from ...engines import ENGINES
from ...methods import METHODS
from ...simulators import WORLDS
from .suite import Suite

ROOT = Path(__file__).resolve().parents[2]  # where Pasture lies
PACKAGE = __name__.partition(".")[0]
LIBRARIES = {sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib")}
INSTALLED = tuple(Path(each).resolve() for each in {*LIBRARIES, *site.getsitepackages(), site.getusersitepackages()})
"""Folders of Python's own modules and of installed packages."""
ALWAYS = (f"{PACKAGE}.benchmarks.ranking.cell", f"{PACKAGE}.annotators.make")
LONGEST = 400
"""Characters of a text that may name a file."""
WORDS = re.compile(r"[^\s\"'`:,\[\]{}()]+")


def cell_key(suite: Suite, method: str, engine: str = "") -> str:
    """Ten hexadecimal digits, the same for all seeds: of the suite but for how much of it is run, and of what is loaded.

    engine: its name, which says what model answers and changes with its weights; blank where there is none."""
    methods = {each: suite.settings(each) for each in ("sft", method)}
    told = asdict(replace(suite, ranked=(method,), seeds=1, abstained=0.0, engine_options={}, methods=methods))
    sources = Sources()
    for registry, name in ((METHODS, "sft"), (METHODS, method), (WORLDS, suite.world)):
        sources.add_entry(registry, name)
    for name in texts_in((suite.feedback, suite.evaluator, suite.model)):
        sources.add_reference(name, Path())
    for text in texts_in((suite.world_options, methods)):
        sources.add_reference(text, Path())
    for module in ALWAYS:
        sources.add_module(module)
    if suite.engine:
        sources.add_entry(ENGINES, suite.engine)
    return digest(json.dumps(told, sort_keys=True, default=str), engine, *sources.digests()).hex()[:10]


class Sources:
    """Files that a cell loads, each once."""

    def __init__(self) -> None:
        self.files: dict[Path, str] = {}
        self.facts: set[str] = set()
        self.packages = {PACKAGE}
        """Whose modules are read though they are installed."""
        self.annotators = ANNOTATORS.entries()

    def digests(self) -> Iterator[str]:
        """What was found, in an order of its own; where the files of Pasture and the user's lie does not matter."""
        yield from sorted(self.facts)
        yield from sorted(f"{name} {_digest_of(path, path.stat().st_mtime_ns)}" for path, name in self.files.items())

    def add_entry(self, registry: Registry, name: str) -> None:
        """What stands behind a name of a table, of a plugin, or of the user's own."""
        entry = registry.entry(name)
        self.facts.add(f"{registry.kind} {name}: {entry.target} {dict(entry.traits)}")
        path, _, _ = entry.target.partition(":")
        if path.endswith(".py"):
            self.add_file(Path(path))
        else:
            self.packages.add(path.partition(".")[0])
            self.add_module(path)

    def add_reference(self, text: str, folder: Path) -> None:
        """What a text names, if anything: an annotator, a file or folder seen from `folder` or from here, `module:name`."""
        if not 0 < len(text) <= LONGEST or not text.isprintable():
            return
        if text in self.annotators:
            self.add_entry(ANNOTATORS, text)
            return
        named = text.partition(":")[0] if text.partition(":")[0].endswith(".py") else text
        for path in {folder / named, Path(named)}:
            if path.is_file():
                self.add_file(path)
            elif path.is_dir() and path.resolve() not in (Path.cwd(), *Path.cwd().parents):  # `/` and `..` are words, too
                for each in sorted(each for each in path.rglob("*") if each.is_file()):
                    self._is_new(each.resolve(), each.relative_to(path).as_posix())
        module, colon, _ = text.partition(":")
        if colon and module.replace(".", "").isidentifier():
            self.add_module(module)

    def add_file(self, path: Path) -> None:
        """A file and what it names in turn."""
        if path.suffix == ".py" and path.is_file():
            self.add_python(path)
        elif self._is_new(path.resolve(), path.name) and path.suffix in (".toml", ".yaml", ".yml"):
            for text in _texts_of(path):
                for folder in (path.parent, path.parent.parent) if path.suffix != ".toml" else (path.parent,):
                    self.add_reference(text, folder)

    def add_module(self, name: str) -> None:
        """A module and what it imports: of Pasture, or of the user's side. Installed packages are not read."""
        top = name.partition(".")[0]
        path = None if top not in self.packages and is_library(top) else file_of(name)
        if path is not None and not _is_table(path):
            package, _, last = name.rpartition(".")  # the last part may be a name that the module holds
            is_module = last == (path.parent.name if path.name == "__init__.py" else path.stem)
            self.add_python(path, name if is_module else package)

    def add_python(self, path: Path, name: str = "") -> None:
        """A Python file and what it imports; of the user's, the files that its texts name too."""
        is_own = name.partition(".")[0] == PACKAGE
        if not self._is_new(path if is_own else path.resolve(), name or path.name):
            return
        modules, texts = imports_of(path, name, 0 if is_own else path.stat().st_mtime_ns)
        for each in modules:
            self.add_module(each)
        if is_own and not name.startswith(f"{PACKAGE}.benchmarks."):
            for data in _data_beside(path.parent):
                self._is_new(data, data.relative_to(ROOT).as_posix())
        for text in () if is_own else texts:
            if Path(text).suffix and len(text) <= LONGEST and text.isprintable():
                for place in {path.parent / text, Path(text)}:
                    if place.is_file():
                        self.add_file(place)

    def _is_new(self, path: Path, name: str) -> bool:
        return path not in self.files and self.files.setdefault(path, name) == name


def texts_in(value: Any) -> Iterator[str]:
    """All text inside of a table."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for each in value:
            yield from texts_in(each)


def _texts_of(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
        return list(texts_in(tomllib.loads(text))) if path.suffix == ".toml" else WORDS.findall(text)
    except (OSError, ValueError, RecursionError):
        return []  # who makes the annotator says what is wrong with the file


@cache
def _data_beside(folder: Path) -> tuple[Path, ...]:
    """Data files of Pasture in a module's folder, its table apart, and in its subfolders without code."""
    found = [
        each for each in folder.iterdir() if each.is_file() and each.suffix != ".py" and each != folder / f"{folder.name}.toml"
    ]
    for below in folder.iterdir():
        if below.is_dir() and below.name != "__pycache__" and not (below / "__init__.py").exists():
            found += [each for each in below.rglob("*") if each.is_file() and each.suffix != ".pyc"]
    return tuple(sorted(found))


@cache
def _is_table(path: Path) -> bool:
    """Whether a file of Pasture only names what there is: a cell depends on the entries that it uses, not on the others."""
    if path.name == "table.py" or path == ROOT / "__init__.py":
        return ROOT in path.parents
    return path.name == "__init__.py" and ROOT in path.parents and "Entry(" in path.read_text(encoding="utf-8")


@cache
def _digest_of(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


@cache
def imports_of(path: Path, module: str, changed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(modules that a file imports, of which some may be names in a module; all its constant texts). Imports inside of functions
    count, those for types alone do not. A file that is not Python has none.

    module: its dotted name, by which relative imports are resolved; blank for a file outside of any package. changed: when, so that
    an edit is seen."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return (), ()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    modules, texts = dict[str, None](), dict[str, None]()
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            modules |= dict.fromkeys(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join(filter(None, [*above, node.module or ""]))
            modules |= dict.fromkeys([base, *(f"{base}.{each.name}" for each in node.names)])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts[node.value] = None
    return tuple(modules), tuple(texts)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        yield node
        yield from _nodes(node)


def file_of(name: str) -> Path | None:
    """The file of a dotted name: of the module, or of the one that holds the name; None where there is no such file."""
    return _own_file(name) if name.partition(".")[0] == PACKAGE else _found(name, [*sys.path, str(Path.cwd())])


@cache
def _own_file(name: str) -> Path | None:
    below = name.partition(".")[2]
    return (_found(below, [str(ROOT)]) if below else None) or ROOT / "__init__.py"


@cache
def is_library(top: str) -> bool:
    """Whether a top-level name is Python's own or an installed package's."""
    path = _found(top, [*sys.path, str(Path.cwd())])
    return top in sys.stdlib_module_names or (path is not None and any(place in path.parents for place in INSTALLED))


def _found(name: str, places: list[str]) -> Path | None:
    found = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, places) if part.isidentifier() else None
        if spec is None or (spec.origin is None and not spec.submodule_search_locations):
            return found
        found = Path(spec.origin).resolve() if spec.origin and spec.origin.endswith(".py") else None
        places = list(spec.submodule_search_locations or ())
    return found
