"""The guides are run as written: a fence that names a file is that file, a bare fence is commands that exit with 0."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parents[2] / "docs" / "guides").glob("*.md"))
FENCES = re.compile(r"^```([^\n]*)\n(.*?)^```$", flags=re.S | re.M)


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_runs_as_written(page: Path, tmp_path: Path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = written = 0
    for info, text in FENCES.findall(page.read_text(encoding="utf-8")):
        if info:
            (tmp_path / info.split()[1]).write_text(text, encoding="utf-8")
            continue
        for line in text.splitlines():
            done = subprocess.run(
                line.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            ran += 1
            if "--out" in line.split() and "--dry-run" not in line.split():
                assert (tmp_path / line.split("--out")[1].split()[0]).is_file(), line
                written += 1
    assert ran >= 4
    assert written >= 4


def test_there_are_the_two_guides():
    assert [page.stem for page in GUIDES] == ["fit-a-pool", "write-your-own-annotator"]
