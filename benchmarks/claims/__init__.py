"""Findings of the literature, each a command that can fail."""
