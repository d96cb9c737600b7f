"""Annotators fitted to labels."""
