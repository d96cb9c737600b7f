"""`pasture evaluate` of a file of outputs, and the estimates that commands print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

KEYS = {"value", "low", "high", "level", "standard_error", "n", "abstentions", "how", "extra"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Outputs of two models: `long.json` is longer in 3 prompts of 4, and as long in the last."""
    texts = {"long": ["a long answer", "another long one", "more words still", "even"], "short": ["no", "yes", "so", "even"]}
    for model, said in texts.items():
        rows = [{"instruction": f"question {n}", "output": text, "generator": model} for n, text in enumerate(said)]
        (tmp_path / f"{model}.json").write_text(json.dumps(rows))
    return tmp_path


def test_two_files_give_the_share_that_the_judge_prefers(folder: Path, pasture):
    done = pasture("evaluate", "long.json", "--against", "short.json", "--annotator", "longest", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    won = json.loads(done.stdout)["win_rate"]
    assert (won["value"], won["n"], won["abstentions"]) == (0.875, 4, 0)  # (1 + 1 + 1 + 0.5) / 4


def test_samples_are_a_policys_and_a_file_refuses_them(folder: Path, pasture):
    done = pasture("evaluate", "long.json", "--against", "short.json", "--annotator", "longest", "--samples", "2", cwd=folder)
    assert done.returncode == 2
    assert "--samples 2 does not go with a file of outputs; leave it out" in done.stderr
    assert not done.stdout
    assert {each.name for each in folder.iterdir()} == {"long.json", "short.json"}


def test_every_command_prints_an_estimate_alike(folder: Path, pasture):
    def shown(*words: str) -> dict:
        done = pasture(*words, "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    evaluated = shown("evaluate", "long.json", "--against", "short.json", "--annotator", "longest")["win_rate"]
    said = shown("annotate", "--world", "text", "--limit", "20", "--annotator", "first", "--both-orders", "--out", "said.jsonl")
    attacked = shown("audit", "longest", "--attacks", "--limit", "10")
    audited = shown("audit", "longest", "--limit", "10")["measures"][0]
    assert [each["name"] for each in said["measures"]] == ["first shown wins", "same in both orders"]
    assert set(said["measures"][0]) == set(audited)
    for each in (evaluated, *said["position"].values(), attacked["position"], attacked["attacks"][0]["win_rate"]):
        assert set(each) == KEYS
    assert set(audited) == KEYS | {"group", "name", "unit", "means", "finding"}
    assert said["position"]["first"]["value"] == 1.0
    assert said["position"]["first"]["extra"]["mean_probability"] == 1.0
