"""What a method trains: tabular and language-model policies, and value models."""

from ..core.public import public

__getattr__ = public(__name__)
