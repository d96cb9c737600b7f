"""Results as tables, plots and pages of one file."""

from ..core.public import public

__getattr__ = public(__name__)
