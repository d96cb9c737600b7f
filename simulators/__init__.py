"""What is simulated: worlds with a known truth (`simulators.toml`), users, choice and noise."""

import tomllib
from importlib.resources import files
from typing import Any

from ..core.protocols import World
from ..core.public import public
from ..core.registry import Entry, Registry

_TABLE = tomllib.loads(files(__name__).joinpath("simulators.toml").read_text(encoding="utf-8"))
WORLDS = Registry(
    "world",
    {name: Entry(f"{__name__}.{target}", *words) for name, (target, *words) in _TABLE.items()},
    makes=("prompts", "truth", "base_policy"),
)
"""A target is called as `make(seed=0, **options)` and returns a `core.protocols.World`."""


def make_world(name: str, **options: Any) -> World:
    """The world of this name, made with its own options (`seed` among them). Raises UnknownName for an unknown name, InputError for
    an option that the world does not take."""
    return WORLDS.make(name, **options)


__getattr__ = public(__name__)
