"""Pasture: a sandbox for methods that learn from feedback."""

__version__ = "0.1.0"
