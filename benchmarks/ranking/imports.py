"""What a Python file imports and names, read from its source without running it."""

from __future__ import annotations

import ast
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
"""Where Pasture lies."""
PACKAGE = __name__.partition(".")[0]
LIBRARIES = {sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib")}
INSTALLED = tuple(Path(each).resolve() for each in {*LIBRARIES, *site.getsitepackages(), site.getusersitepackages()})
"""Folders of Python's own modules and of installed packages."""


class Imports(NamedTuple):
    """modules: dotted names, of which some may be names in a module. texts: all constant texts."""

    modules: tuple[str, ...]
    texts: tuple[str, ...]


@cache
def imports_of(path: Path, module: str, changed: int) -> Imports:
    """The imports of a file, those inside of functions too, but not those for types alone. A file that is not Python has none.

    module: its dotted name, by which relative imports are resolved; blank for a file outside of any package. changed: when, so that
    an edit is seen."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return Imports((), ())
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
    return Imports(tuple(modules), tuple(texts))


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
