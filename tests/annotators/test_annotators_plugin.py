"""A package of one's own, really installed, brings annotators by its entry points."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "plugins" / "pasture_example"
CLASHING = 'longest = "pasture_example:Polite"'


def installed(source: Path, target: Path) -> dict[str, str]:
    """The environment in which the example of `source` is installed, in `target`."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
        str(source),
    ]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(target)}


def pasture(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pasture.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)


@pytest.mark.slow
def test_an_installed_package_brings_its_annotators(tmp_path: Path):
    shutil.copytree(EXAMPLE, tmp_path / "source")
    environment = installed(tmp_path / "source", tmp_path / "site")
    listed = pasture(environment, tmp_path, "annotators", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {"name": "polite", "summary": "from pasture-example", "paper": ""} in json.loads(listed.stdout)
    rows = [{"prompt": "Ask for tea.", "left": "Tea!", "right": "Tea, please."}, {"prompt": "Tea?", "left": "Yes.", "right": "No."}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "thankful.toml").write_text('kind = "polite"\nword = "yes"\n')
    chosen = {}
    for name in ("polite", "agreeable", "thankful.toml"):
        run = pasture(environment, tmp_path, "annotate", "--pairs", "pairs.jsonl", "--annotator", name, "--out", "out.jsonl")
        assert run.returncode == 0, run.stderr
        chosen[name] = [json.loads(line)["chosen"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert chosen == {"polite": ["Tea, please."], "agreeable": ["Tea, please.", "Yes."], "thankful.toml": ["Yes."]}


@pytest.mark.slow
def test_a_package_may_not_take_a_built_in_name(tmp_path: Path):
    shutil.copytree(EXAMPLE, tmp_path / "source")
    project = tmp_path / "source" / "pyproject.toml"
    project.write_text(project.read_text().replace('polite = "pasture_example:Polite"', CLASHING))
    run = pasture(installed(tmp_path / "source", tmp_path / "site"), tmp_path, "annotators", "list")
    assert run.returncode == 2
    assert "'pasture-example' registers the annotator 'longest', which is built in" in run.stderr
