"""Win rates, differences, rankings and judges, each with its interval; numpy and no model."""

from ..core.public import public

__getattr__ = public(__name__)
