"""Rule-checkable instructions, a small real language model, a gold score."""

from .world import TextWorld as TextWorld
