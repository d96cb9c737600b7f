"""Leaderboards with length and style control."""
