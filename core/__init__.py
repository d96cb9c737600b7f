"""The shared vocabulary. Imports no other room."""

from .public import public

__getattr__ = public(__name__)
