"""Worlds whose every quantity is a closed form."""

from .world import ExactWorld as ExactWorld
from .world import cyclic as cyclic
from .world import overoptimised as overoptimised
