"""The newcomer's page is run as written: its files are made, its commands exit with 0, and leave what they promise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "first-hour.md"
ELSEWHERE = ("make quickstart", "source ")
"""Commands that other tests run, or that set up the shell."""


def blocks(kind: str) -> list[str]:
    """The fenced blocks of one kind; blank is commands."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.S | re.M)
    return [text for named, text in found if named == kind]


def commands() -> list[str]:
    lines = [line for block in blocks("") for line in block.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(ELSEWHERE)]


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    return subprocess.run(line.split(), cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)


def test_the_page_has_what_it_is_about():
    assert len(commands()) >= 8
    assert len(blocks("python")) == 2
    assert len(blocks("jsonl")) == 1


@pytest.mark.slow
def test_the_commands_of_the_first_hour_run_as_written(tmp_path: Path):
    for name, text in zip(("my_annotator.py", "my_method.py"), blocks("python"), strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pairs.jsonl").write_text(blocks("jsonl")[0], encoding="utf-8")
    for line in commands():
        done = run(line, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    import pandas as pd

    chosen = dict(pd.read_parquet(tmp_path / "prefs.parquet")[["prompt", "chosen"]].astype(str).itertuples(index=False))
    assert chosen["Name a colour."] == "Red."
    assert chosen["What is two plus two?"] == "Four."
    (tie,) = (tmp_path / "prefs.undecided.jsonl").read_text().splitlines()
    assert "Say hello." in tie
    ranked = json.loads((tmp_path / "runs" / "mine" / "ranking.json").read_text())
    assert any("my_method" in each["method"] for each in ranked["methods"])
    assert (tmp_path / "judged.parquet").is_file()
