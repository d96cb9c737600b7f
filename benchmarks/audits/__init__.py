"""Judges audited and attacked."""
