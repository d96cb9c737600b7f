"""The key of a cell: a digest of all that can change it, and of nothing else."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import ModuleType

from ...annotators import ANNOTATORS
from ...core.registry import Registry
from ...core.seeds import digest
from ...methods import METHODS
from .suite import Suite

ROOMS = ("core", "policies", "simulators", "annotators", "methods", "engines")


def cell_path(suite: Suite, folder: Path, method: str, seed: int) -> Path:
    """A cell's file. Its name holds a digest of all that can change the cell: the suite but for how much of it is run, Pasture's
    own source, and that of a method or an annotator of the user's."""
    told = asdict(replace(suite, ranked=(), seeds=1, methods={m: suite.methods.get(m, {}) for m in ("sft", method)}))
    sources = [_source(METHODS, method), _source(ANNOTATORS, suite.feedback), _source(ANNOTATORS, suite.evaluator)]
    key = digest(json.dumps(told, sort_keys=True), _own_source(), *sources).hex()[:10]
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in method)
    return folder / "cells" / f"{safe}-seed{seed}-{key}.json"


@cache
def _own_source() -> str:
    """Digest of the rooms that a cell is made in."""
    root = Path(__file__).parents[2]
    files = sorted(path for room in ROOMS for path in (root / room).rglob("*") if path.suffix in (".py", ".toml"))
    return digest(*(path.read_text(encoding="utf-8") for path in (*files, root / "benchmarks" / "ranking" / "cell.py"))).hex()


def _source(registry: Registry, name: str) -> str:
    """The source of what a user brought, the name of what is built in."""
    if name in registry.table:
        return name
    if name.endswith(".toml"):
        return Path(name).read_text(encoding="utf-8")
    found = registry.load(name)
    module = found if isinstance(found, ModuleType) else inspect.getmodule(found)
    path = getattr(module, "__file__", None)
    return Path(path).read_text(encoding="utf-8") if path else repr(found)
