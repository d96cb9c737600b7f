"""Whose labels to believe."""
