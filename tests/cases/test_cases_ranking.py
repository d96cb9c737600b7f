"""What a user runs into with `rank` and `train`: abstentions that nobody sees, errors in their own code, dead ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..in_process import run_pasture

SHY = """
from pasture.core.records import Abstention, Reason


def shy(comparison):
    if int(comparison.key, 16) % 10:
        return Abstention(comparison, Reason.REFUSED, "shy", "rather not")
    return 1.0 if comparison.is_canonical else 0.0
"""
METHOD = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    rate: float = 0.1


def train(policy, feedback, config, *, rng, log):
    {body}
"""


@pytest.fixture
def pasture(tmp_path: Path):
    """pasture(*words) -> (exit code, standard output, standard error), in the test's folder."""

    def run(*words: str) -> tuple[int, str, str]:
        done = run_pasture(*words, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return run


SMALL = ("--world", "exact", "--method", "sft", "--method", "dpo", "--seeds", "1", "--labels", "200", "--eval-prompts", "20")


def test_training_labels_that_abstained_stand_in_the_table_the_page_and_the_json(pasture, tmp_path: Path):
    (tmp_path / "shy.py").write_text(SHY)
    code, out, _ = pasture("rank", *SMALL, "--feedback", "shy.py:shy", "--out", "run")
    assert code == 0
    assert "/200" in out
    assert "Of the training labels of dpo" in " ".join(out.split())
    code, out, _ = pasture("rank", *SMALL, "--feedback", "shy.py:shy", "--out", "run", "--json")
    found = json.loads(out)
    lost = {each["method"]: each["label_abstentions"] for each in found["ranking"]}
    assert lost["sft"] == 0
    assert 150 < lost["dpo"] < 200
    assert "of the training labels of dpo" in " ".join(found["headline"]).lower()
    page = (tmp_path / "run" / "index.html").read_text()
    assert f">{lost['dpo']}<" in page
    assert "Of the training labels of dpo" in page


def test_train_says_how_many_labels_abstained(pasture, tmp_path: Path):
    (tmp_path / "shy.py").write_text(SHY)
    code, out, err = pasture("train", "dpo", "--world", "exact", "--labels", "100", "--feedback", "shy.py:shy", "--out", "p")
    assert code == 0
    assert "100 labels" in out
    assert "abstained" in out
    assert "% of the training labels abstained" in err


def test_an_engine_that_fails_is_seen_in_the_headline(pasture, tmp_path: Path):
    (tmp_path / "broken.py").write_text("def answer(request):\n    raise ValueError('no model here')\n")
    words = ("--feedback", "judge", "--engine", "scripted", "--model", "broken.py:answer")
    code, out, _ = pasture("rank", *SMALL, *words, "--out", "run", "--json")
    if code == 0:
        found = json.loads(out)
        assert [each["label_abstentions"] for each in found["ranking"] if each["method"] == "dpo"] == [200]
        assert "100 % abstained" in " ".join(found["headline"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return policy.smaple()", "AttributeError"),
        ("raise ValueError('my own')", "my own"),
        ("return None", "returned a NoneType"),
        ("return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_an_error_in_a_users_method_is_one_line_with_its_file(body: str, says: str, pasture, tmp_path: Path):
    (tmp_path / "mine.py").write_text(METHOD.format(body=body))
    code, out, err = pasture("rank", "--world", "exact", "--method", "sft", "--method", "mine.py", "--seeds", "1", "--labels", "20")
    assert code in (1, 2)
    assert not out
    (line,) = [each for each in err.splitlines() if each.startswith("pasture:") and "mine.py" in each]
    assert says in line
    if "NoneType" not in says:
        assert "line 11" in line
    assert "Traceback" not in err


@pytest.mark.slow
def test_an_error_in_a_users_method_is_one_line_through_processes_too(tmp_path: Path):
    (tmp_path / "mine.py").write_text(METHOD.format(body="raise ValueError('my own')"))
    words = ["rank", "--world", "exact", "--method", "mine.py", "--seeds", "2", "--labels", "20"]
    command = [sys.executable, "-m", "pasture.cli", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "my own" in done.stderr
    assert "mine.py" in done.stderr
    assert "line 11" in done.stderr


def test_a_method_without_a_config_is_refused_before_anything_is_trained(pasture, tmp_path: Path):
    (tmp_path / "mine.py").write_text("def train(policy, *_, **__):\n    return policy\n")
    code, _, err = pasture("rank", "--world", "exact", "--method", "mine.py")
    assert code == 2
    assert "has no `Config`" in err
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_says_that_an_engine_is_missing_and_how_many_trainings_are_left(pasture, tmp_path: Path):
    code, _, err = pasture("rank", *SMALL, "--feedback", "judge", "--dry-run")
    assert code == 2
    assert "engine" in err
    assert pasture("rank", *SMALL, "--out", "run")[0] == 0
    more = (*SMALL, "--add", "best-of-n", "--out", "run", "--dry-run", "--json")
    code, out, _ = pasture("rank", *more)
    assert code == 0
    assert json.loads(out)["trainings"] == 1


def test_train_takes_the_suite_that_its_errors_speak_of(pasture, tmp_path: Path):
    (tmp_path / "w.py").write_text("from pasture.simulators.exact.world import ExactWorld\n")
    code, _, err = pasture("train", "dpo", "--world", "w.py:ExactWorld")
    assert code == 2
    assert "--suite" in err
    (tmp_path / "s.toml").write_text('world = "w.py:ExactWorld"\nranked = ["sft"]\nlabels = 20\n[world_options]\nprompts = 200\n')
    code, out, err = pasture("train", "dpo", "--suite", "s.toml", "--set", "epochs=1", "--json")
    assert code == 0, err
    assert json.loads(out)["labels"] == 20


def test_a_policy_is_evaluated_in_the_world_that_it_was_trained_in_with_its_options(pasture, tmp_path: Path):
    (tmp_path / "s.toml").write_text(
        'world = "exact"\nranked = ["sft"]\nlabels = 20\neval_prompts = 7\nprompts = 9\n[world_options]\nseed = 5\nprompts = 9\n'
    )
    assert pasture("train", "sft", "--suite", "s.toml", "--out", "p")[0] == 0
    code, out, err = pasture("evaluate", "p", "--annotator", "gold", "--json")
    assert code == 0, err
    assert json.loads(out)["win_rate"]["n"] == 7


def test_a_reward_model_is_not_called_something_that_train_did_not_write(pasture):
    assert pasture("train", "reward-model", "--world", "exact", "--labels", "50", "--out", "rm")[0] == 0
    code, _, err = pasture("evaluate", "rm")
    assert code == 2
    assert "holds a reward model, which gives no answers to judge" in err


def test_an_edited_method_or_annotator_is_run_anew_in_the_same_folder_and_the_same_process(pasture, tmp_path: Path):
    """The stale cells of a flip around an annotator of one's own: the sign inverted, the same command."""
    found = []
    for wins in ("1.0", "0.0"):
        (tmp_path / "inner.py").write_text(f"def judge(comparison):\n    return {wins}\n")
        (tmp_path / "outer.toml").write_text('kind = "flip"\nrate = 0.0\ninner = "inner.py:judge"\n')
        code, out, err = pasture("rank", *SMALL, "--evaluator", "outer.toml", "--out", "run", "--json")
        assert code == 0, err
        found.append({each["method"]: each["win_rate"] for each in json.loads(out)["ranking"]})
    assert len(list((tmp_path / "run" / "cells").glob("dpo-*.json"))) == 2
    assert found[0]["dpo"] == pytest.approx(1 - found[1]["dpo"])
