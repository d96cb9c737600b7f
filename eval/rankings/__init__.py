"""Strengths from battles, and how alike two rankings are."""
