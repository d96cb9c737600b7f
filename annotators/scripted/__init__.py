"""Annotators by rule: they ask no engine."""
