"""The table of annotators: those of each folder, in the order in which they are listed."""

from __future__ import annotations

from ..core.registry import Registry, within
from . import judges, panels, scripted, systems, tournaments, wrappers

ANNOTATORS = Registry(
    "annotator",
    {name: each for room in (judges, systems, scripted, panels, tournaments, wrappers) for name, each in within(room).items()},
)
