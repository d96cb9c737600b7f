"""Every public name stands in its room and in the API reference, with a docstring."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pasture.eval
import pytest
from pasture.core.public import names_of

ROOT = Path(__file__).parents[2]


def test_the_reference_is_built_and_nothing_public_is_missing(tmp_path: Path):
    done = subprocess.run([sys.executable, ROOT / "docs/build_api.py", tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"write a docstring, or rename one of two:\n{done.stderr}"
    assert "### win_rate" in (tmp_path / "eval.md").read_text()


def test_a_room_gives_its_public_names_and_no_other():
    assert pasture.eval.win_rate.__module__ == "pasture.eval.win_rates.win_rate"
    assert "win_rate" in pasture.eval.__all__
    with pytest.raises(AttributeError, match="has no attribute 'win_rat'"):
        pasture.eval.win_rat  # noqa: B018
    assert len(names_of("pasture.eval")) > 200
