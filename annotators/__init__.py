"""Annotators: all that can be asked. The table merges those of the folders; `make_annotator` also makes a user's own."""

from .make import make_annotator
from .table import ANNOTATORS
from .traits import Traits

__all__ = ["ANNOTATORS", "Traits", "make_annotator"]
