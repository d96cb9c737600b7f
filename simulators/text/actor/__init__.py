"""Plays a language model in the text world, by rule."""
