"""The command line, run in this process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from ..in_process import run_pasture

Pasture = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def pasture() -> Pasture:
    """pasture(*words, cwd) -> what a process would have given: its exit code, standard output and standard error."""
    return run_pasture
