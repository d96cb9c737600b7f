"""Pasture: a sandbox for methods that learn from feedback."""

from .core.moved import install

__version__ = "0.1.0"

install()
del install
