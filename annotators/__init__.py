"""Annotators: all that can be asked. The table merges those of the folders; `make_annotator` also makes a user's own."""

from ..core.public import public
from .make import make_annotator as make_annotator
from .table import ANNOTATORS as ANNOTATORS

__getattr__ = public(__name__)
