"""The table of annotators: `annotators.toml`, read once."""

import tomllib
from importlib.resources import files

from ..core.registry import Entry, Registry

ROOMS = tomllib.loads(files(__package__ or "").joinpath("annotators.toml").read_text(encoding="utf-8"))
ANNOTATORS = Registry(
    "annotator",
    {name: Entry(f"{__package__}.{target}", *words) for room in ROOMS.values() for name, (target, *words) in room.items()},
)
