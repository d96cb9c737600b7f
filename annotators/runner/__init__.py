"""Asks everybody at once: the batch runner. It knows no annotator; `annotate` for a list, `annotate_stream` for any number."""

from .stream import Annotations, AnnotatorFailed, Progress, Stream, annotate, annotate_stream, price

__all__ = ["Annotations", "AnnotatorFailed", "Progress", "Stream", "annotate", "annotate_stream", "price"]
