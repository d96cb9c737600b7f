"""Published data that some tests are held against. It is not of this repository: CONTRIBUTING says what it is and where it is from.

PASTURE_TEST_DATA=FOLDER make test
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PASTURE_TEST_DATA") or "no-published-data")
ALPACA_EVAL, HH_RLHF, CENSUS = FOLDER / "alpaca_eval", FOLDER / "hh_rlhf", FOLDER / "census"


def reason(path: Path) -> str:
    """Why a test that needs `path` skips, and what to do."""
    return f"published data: no {path}; set PASTURE_TEST_DATA to a folder with it (see CONTRIBUTING, Published data)"


def needs(path: Path) -> pytest.MarkDecorator:
    """Skips the test where `path` does not exist."""
    return pytest.mark.skipif(not path.exists(), reason=reason(path))


def require(path: Path) -> Path:
    """`path`; skips the test or fixture that asks for it where it does not exist."""
    if not path.exists():
        pytest.skip(reason(path))
    return path
