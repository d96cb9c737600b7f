"""What scripts read from `rank`, `train`, `evaluate`, `report` and the lists: JSON alone on standard output, and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def process(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a script runs it."""
    command = [sys.executable, "-m", "pasture.cli", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


SMALL = ("--world", "exact", "--method", "sft", "--method", "dpo", "--method", "best-of-n", "--seeds", "2", "--jobs", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("cli")
    done = process("rank", *SMALL, "--out", "run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def test_rank_prints_the_promised_object_and_nothing_else(run: tuple[dict, Path]):
    result = run[0]
    assert set(result) == {"ranking", "spearman", "kendall", "pairs", "headline", "feedback", "evaluator", "measures"}
    assert set(result["spearman"]) == set(result["kendall"]) == {"value", "low", "high"}
    assert len(result["pairs"]) == 3
    for each in result["pairs"]:
        assert set(each) == {"better", "worse", "difference", "low", "high", "p_holm", "separated"}
        assert each["low"] <= each["difference"] <= each["high"]
    assert {each["method"] for each in result["ranking"]} == {"sft", "dpo", "best-of-n"}
    for each in result["ranking"]:
        keys = {"method", "win_rate", "low", "high", "n", "abstentions", "gold", "gold_low", "gold_high", "kl"}
        assert set(each) == keys | {"labels", "label_abstentions"}
        assert each["low"] <= each["win_rate"] <= each["high"]
        assert each["kl"] >= 0


def test_a_run_folder_holds_the_page_the_result_and_the_manifest(run: tuple[dict, Path]):
    folder = run[1] / "run"
    assert (folder / "index.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["suite"]["world"] == "exact"
    assert manifest["versions"]["torch"]


def test_report_makes_the_page_again_from_the_result(run: tuple[dict, Path], pasture):
    result, folder = run
    (folder / "run" / "index.html").unlink()
    done = pasture("report", "run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == result
    assert (folder / "run" / "index.html").is_file()


def test_rank_for_people_ends_with_a_table_and_the_page(run: tuple[dict, Path], pasture):
    done = pasture("rank", *SMALL, "--out", "run", cwd=run[1])
    assert done.returncode == 0, done.stderr
    assert "best-of-n" in done.stdout
    assert "index.html" in done.stdout
    assert "pearman" in done.stdout


def test_a_sweep_over_noise_keeps_every_run(run: tuple[dict, Path], pasture):
    words = ("rank", "--world", "exact", "--method", "sft", "--method", "dpo", "--seeds", "1", "--flip", "0", "--flip", "0.4")
    done = pasture(*words, "--out", "sweep", "--json", cwd=run[1])
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [each["flip"] for each in result["runs"]] == [0.0, 0.4]
    assert result["ranking"] == result["runs"][0]["ranking"]
    joint = (run[1] / "sweep" / "index.html").read_text(encoding="utf-8")
    assert "flip-0.4/index.html" in joint
    assert (run[1] / "sweep" / "flip-0.4" / "index.html").is_file()


@pytest.mark.parametrize("world", ["exact-overoptimised", "exact-cyclic"])
def test_every_listed_world_can_be_ranked_and_trained_in(world: str, tmp_path: Path, pasture):
    done = pasture("rank", "--world", world, "--method", "sft", "--method", "dpo", "--seeds", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "runs" / world / "manifest.json").read_text())["suite"]["world"] == world
    done = pasture("train", "dpo", "--world", world, "--out", "dpo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pasture("evaluate", "dpo", "--annotator", "gold", "--json", cwd=tmp_path).returncode == 0


def test_a_world_goes_over_the_suites_own(tmp_path: Path, pasture):
    done = pasture("rank", "--suite", "exact", "--world", "exact-cyclic", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pasture("rank", "--suite", "exact", "--world", "exakt", "--dry-run", cwd=tmp_path).returncode == 2


def test_a_dry_run_says_the_price_and_does_nothing(tmp_path: Path, pasture):
    done = pasture("rank", *SMALL, "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cells"] == 6
    assert not list(tmp_path.iterdir())


def test_a_policy_is_trained_saved_and_evaluated(tmp_path: Path, pasture):
    done = pasture("train", "dpo", "--world", "exact", "--out", "dpo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert trained["labels"] > 0
    done = pasture("evaluate", "dpo", "--annotator", "gold", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    won = json.loads(done.stdout)["win_rate"]
    assert won["low"] <= won["value"] <= won["high"]
    assert won["value"] > 0.5


def test_every_method_that_yields_a_policy_survives_saving(tmp_path: Path, pasture):
    for method in ("best-of-n", "reward-conditioning", "quark"):
        done = pasture("train", method, "--world", "exact", "--out", method, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        done = pasture("evaluate", method, "--annotator", "gold", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["annotators", "methods", "worlds"])
def test_lists_are_arrays_of_named_objects(kind: str, tmp_path: Path, pasture):
    done = pasture(kind, "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert len(listed) >= 4
    assert all(set(each) == {"name", "summary", "paper"} and each["summary"] for each in listed)
    for each in listed:
        shown = pasture(kind, "show", each["name"], "--json", cwd=tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["name"] == each["name"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rank", "--world", "exakt"), "no world is called 'exakt'"),
        (("rank", "--world", "exact", "--model", "m"), "goes with an engine"),
        (("rank", "--world", "exact", "--method", "dpoo"), "Did you mean 'dpo'"),
        (("rank", "--world", "exact", "--feedback", "gould"), "Did you mean 'gold'"),
        (("rank", "--world", "exact", "--add", "missing.py"), "no file 'missing.py'"),
        (("rank", "--suite", "missing.toml"), "no file 'missing.toml'"),
        (("train", "dpo", "--world", "exact", "--set", "betta=1"), "betta"),
        (("train", "dpo", "--world", "exact", "--set", "beta"), "option=value"),
        (("train", "dpo", "--world", "exact", "--set", "beta=-1"), "beta"),
        (("evaluate", "nowhere"), "no 'nowhere'"),
        (("evaluate", "."), "no file 'manifest.json'"),
        (("report", "nowhere"), "no file 'nowhere'"),
        (("methods", "show", "dpoo"), "Did you mean 'dpo'"),
        (("annotators", "show", "json:nothing"), "has no 'nothing'"),
    ],
)
def test_bad_input_exits_with_2_and_a_way_out(words: tuple[str, ...], says: str, tmp_path: Path, pasture):
    done = pasture(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_bad_usage_exits_with_2(tmp_path: Path, pasture):
    assert process("rank", "--no-such-option", cwd=tmp_path).returncode == 2
    assert pasture("rnk", cwd=tmp_path).returncode == 2


def test_help_and_version_answer(tmp_path: Path):
    assert "quickstart" in process("--help", cwd=tmp_path).stdout
    assert process("--version", cwd=tmp_path).stdout.strip()
