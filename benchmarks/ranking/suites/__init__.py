"""Suites as TOML: which world, whose feedback, which methods, how much of each."""
