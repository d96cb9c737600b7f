"""A room's public names: all classes and functions of its modules that have no underscore, each imported when it is asked for.

So `from pasture.eval import win_rate` works without a list that forgets, and importing a room imports nothing heavy. Names that a
contract gives to several modules (`Config` and `train` of methods) are those of their modules alone."""

import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

DEFINED = re.compile(r"^(?:class|def|async def) ([A-Za-z]\w*)", re.MULTILINE)


@cache
def names_of(room: str) -> dict[str, str]:
    """Public name -> the module that defines it, for the room `pasture.NAME`; without names that several of its modules define, and
    without those of its modules and folders."""
    package = sys.modules[room]
    root = Path(package.__path__[0])
    found: list[tuple[str, str]] = []
    for path in sorted(root.rglob("*.py")):
        module = ".".join((room, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        found += [(name, module) for name in DEFINED.findall(path.read_text(encoding="utf-8"))]
    times = Counter(name for name, _ in found)
    inside = {path.stem for path in root.iterdir()}
    return {name: module for name, module in sorted(found) if times[name] == 1 and name not in inside}


def public(room: str) -> Callable[[str], Any]:
    """The `__getattr__` of a room: `__all__` is what `names_of` finds, and any other unknown name is an AttributeError."""

    def get(name: str) -> Any:
        if name == "__all__":
            return list(names_of(room))
        module = None if name.startswith("_") else names_of(room).get(name)
        if module is None or module == room:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)

    return get
