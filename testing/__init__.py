"""The contracts as checks to run on an annotator, a method, an engine or a world of one's own, in a test or at the prompt.

    from pasture.testing import check_annotator
    check_annotator(MyJudge)

Each check raises AssertionError, with a sentence that says which promise is broken and by what."""

from ..core.public import public

__getattr__ = public(__name__)
