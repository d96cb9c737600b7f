"""Pasture: a sandbox for methods that learn from feedback."""

from .core.moved import install
from .core.registry import Entry, add

__version__ = "0.1.0"

install()
# An engine that is a part of a simulated world: engines know no world, so the table of engines gets it from here.
add("engine", {"actor": Entry("pasture.simulators.text.actor.engine:Actor", "plays a language model in the text world, by rule")})
del Entry, add, install
