"""Modules of 0.1 by the names that they had then: an import of an old name gives the new module, with a DeprecationWarning.

The table `moved.toml` beside this file is read when an import would otherwise fail, and never before.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGE = __name__.partition(".")[0]


class MovedFinder(MetaPathFinder, Loader):
    """Stands last among the finders of imports."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != PACKAGE or not name or name not in _table():
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Moved(spec.name, _table()[spec.name.partition(".")[2]])

    def exec_module(self, module: ModuleType) -> None:
        assert isinstance(module, _Moved)
        now = ", ".join(f"{PACKAGE}.{each}" for each in module.homes)
        warnings.warn(f"{module.__name__} is now {now}; the old name goes with the next version", DeprecationWarning, stacklevel=2)


class _Moved(ModuleType):
    """The names of an old module, looked up where they are now. `homes`: its new modules. `renamed`: new names by old ones."""

    def __init__(self, name: str, homes: list[str]) -> None:
        super().__init__(name, "An old name; see docs/decisions/names-that-changed.md.")
        self.homes = [each for each in homes if "=" not in each]
        self.renamed = dict(each.split("=") for each in homes if "=" in each)

    def __getattr__(self, name: str) -> object:
        if not name.startswith("__"):
            for home in self.homes:
                module = importlib.import_module(f"{PACKAGE}.{home}")
                if hasattr(module, self.renamed.get(name, name)):
                    return getattr(module, self.renamed.get(name, name))
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


@cache
def _table() -> dict[str, list[str]]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {old: [new] if isinstance(new, str) else new for old, new in table.items()}


def install() -> None:
    """Makes old names importable; a second call changes nothing."""
    if not any(isinstance(each, MovedFinder) for each in sys.meta_path):
        sys.meta_path.append(MovedFinder())
