"""`pasture fit`: what it would buy, what it found, and what it was not told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def labels(pasture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    done = pasture("annotate", "--world", "text", "--annotator", "longest", "--out", "labels.jsonl", "--limit", "60", cwd=folder)
    assert done.returncode == 0
    return folder / "labels.jsonl"


def test_a_constitution_is_priced_stopped_by_its_budget_and_then_written(pasture, labels: Path, tmp_path: Path):
    words = ("fit", "constitution", "--labels", str(labels), "--engine", "actor", "--out", "c.toml", "--proposing", "20", "--json")
    quote = json.loads(pasture(*words, "--dry-run", cwd=tmp_path).stdout)
    assert (quote["requests"], quote["items"]) == (20 + 20 * 3 * 59, 60)
    assert list(tmp_path.iterdir()) == []
    stopped = pasture(*words, "--budget-requests", "30", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "the budget of 30 requests is used up" in stopped.stderr
    assert not (tmp_path / "c.toml").exists()
    told = json.loads(pasture(*words, cwd=tmp_path).stdout)
    assert tomllib.loads((tmp_path / "c.toml").read_text())["constitution"][0] == "Prefer the longer answer."
    assert told["constitution"][0]["accuracy"] > 0.8
    assert (told["pairs"], told["proposals"], told["votes"] % 59) == (59, 20, 0)
    bought = json.loads(pasture(*words, "--dry-run", cwd=tmp_path).stdout)
    assert (bought["requests"], bought["cached"]) == (told["silent"], 20 + told["votes"] - told["silent"])
    assert told["silent"] == 0


def test_a_pool_is_priced_for_all_its_members_and_nothing_is_made(pasture, labels: Path, tmp_path: Path):
    words = ("fit", "pool", "--labels", str(labels), "--member", "judge", "--member", "longest", "--engine", "actor")
    quote = json.loads(pasture(*words, "--out", "pool.toml", "--dry-run", "--json", cwd=tmp_path).stdout)
    assert (quote["items"], quote["requests"]) == (2 * 60, 60)  # at most: one of the 60 is tied, and would not be asked about
    assert list(tmp_path.iterdir()) == []


def test_a_pool_has_one_budget_for_all_its_members_and_goes_on_from_there(pasture, labels: Path, tmp_path: Path):
    words = ("fit", "pool", "--labels", str(labels), "--member", "judge", "--member", "verdict", "--engine", "actor", "--json")
    words += ("--out", "pool.toml")
    stopped = pasture(*words, "--budget-requests", "80", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "the budget was used up before 'verdict' had judged all 59 items" in stopped.stderr
    assert not (tmp_path / "pool.toml").exists()
    done = pasture(*words, "--budget-requests", "38", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "pool.toml").exists()) == (0, True), done.stderr


@pytest.mark.parametrize("what", [("pool", "--member", "longest"), ("constitution", "--engine", "actor")])
def test_another_ending_than_toml_is_refused_before_anything_is_asked(pasture, labels: Path, tmp_path: Path, what):
    done = pasture("fit", *what, "--labels", str(labels), "--out", "fitted.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "give a path that ends in .toml" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_refused_before_anything_is_asked(pasture, labels: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    for what in (("pool", "--member", "longest"), ("constitution", "--engine", "actor")):
        done = pasture("fit", *what, "--labels", str(labels), "--out", "file/fitted.toml", cwd=tmp_path)
        assert done.returncode == 2
        assert "cannot be written" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
