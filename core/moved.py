"""Modules of 0.1 by the names that they had then: an import of an old name gives the new module, with a DeprecationWarning.

The table `moved.toml` beside this file is read when an import would otherwise fail, and never before."""

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
        return ModuleSpec(fullname, self) if package == PACKAGE and name in _table() else None

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module a `__getattr__` that looks its names up where they are now."""
        table = _table()[module.__name__.partition(".")[2]]
        homes = [f"{PACKAGE}.{each}" for each in table if "=" not in each]
        renamed = dict(each.split("=") for each in table if "=" in each)

        def get(name: str) -> object:
            for home in () if name.startswith("__") else homes:
                found = importlib.import_module(home)
                if hasattr(found, renamed.get(name, name)):
                    return getattr(found, renamed.get(name, name))
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__doc__ = "An old name; see docs/decisions/names-that-changed.md."
        vars(module)["__getattr__"] = get
        now = ", ".join(homes)
        warnings.warn(f"{module.__name__} is now {now}; the old name goes with the next version", DeprecationWarning, stacklevel=2)


@cache
def _table() -> dict[str, list[str]]:
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {old: [new] if isinstance(new, str) else new for old, new in table.items()}


def install() -> None:
    """Makes old names importable; a second call changes nothing."""
    if not any(isinstance(each, MovedFinder) for each in sys.meta_path):
        sys.meta_path.append(MovedFinder())
