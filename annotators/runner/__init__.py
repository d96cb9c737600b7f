"""Asks everybody at once, and pays for nothing twice: the batch runner. It knows no annotator.

All items of a window are driven together. Their requests are collected, answered from the store where it holds them, put in
prefix order, and sent to the engine in large batches; each reply is in the store before the annotator sees it, so a kill
loses only what was in flight. Results come back in the order of the items. Nothing depends on window, order or sharding.

`Session` is what asks; `annotate`, `annotate_stream` and `price` are a session of one call."""

from .run import AnnotatorFailed, Progress
from .session import DrySession, Session, Watch, annotate, annotate_stream, ledger_of, price
from .stream import Annotations, Stream

__all__ = [
    "Annotations", "AnnotatorFailed", "DrySession", "Progress", "Session", "Stream", "Watch",
    "annotate", "annotate_stream", "ledger_of", "price",
]  # fmt: skip
