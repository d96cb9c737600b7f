"""Worlds whose every quantity is a closed form."""

from .world import ExactWorld, cyclic, overoptimised

__all__ = ["ExactWorld", "cyclic", "overoptimised"]
