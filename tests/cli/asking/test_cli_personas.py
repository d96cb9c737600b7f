"""`pasture personas`: samples, one persona, and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pasture.cli.asking.personas import personas
from pasture.core.errors import InputError
from pasture.simulators.personas.files import read_personas
from pasture.simulators.personas.population import population
from typer.testing import CliRunner


def run(*words: str):
    return CliRunner().invoke(personas, words)


def test_sample_with_json_prints_the_personas_and_nothing_else(tmp_path: Path):
    done = run("sample", "--n", "3", "--seed", "4", "--json", "--out", str(tmp_path / "p.csv"))
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [each.to_dict() for each in population(3, 4).personas]
    assert read_personas(tmp_path / "p.csv") == list(population(3, 4).personas)


def test_sample_says_who_is_in_the_population():
    done = run("sample", "--n", "20")
    assert done.exit_code == 0
    assert "20 personas of seed 0" in done.stdout
    assert "marital status:" in done.stdout


def test_show_takes_an_id_or_a_number_and_leaves_out_what_it_is_told():
    by_id, by_number = run("show", "persona-2-5"), run("show", "5", "--seed", "2")
    assert by_id.exit_code == 0
    assert by_id.stdout == by_number.stdout
    assert "age:" in by_id.stdout
    assert "age:" not in run("show", "persona-2-5", "--without", "age").stdout
    assert json.loads(run("show", "5", "--json").stdout)["id"] == "persona-0-5"


def test_export_writes_words_and_one_side_of_the_split(tmp_path: Path):
    done = run("export", str(tmp_path / "p.jsonl"), "--n", "40", "--side", "unseen", "--unseen", "0.3", "--json")
    assert done.exit_code == 0
    unseen = population(40).split(0.3)[1].personas
    assert read_personas(tmp_path / "p.jsonl") == list(unseen)
    assert json.loads(done.stdout)["personas"] == len(unseen)
    row = json.loads((tmp_path / "p.jsonl").read_text().split("\n")[0])
    assert row["summary"].startswith("A")
    assert "\nvalues: " in row["persona"]


def test_a_hostile_file_cannot_write_to_the_terminal(tmp_path: Path):
    row = population(1).personas[0].to_dict() | {"id": "x\x1b]0;b\x07", "religion": "a\x1b]0;b"}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    done = run("show", "0", "--file", str(tmp_path / "p.jsonl"))
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "somebody"), "no persona is called 'somebody'"),
        (("show", "persona-1-2", "--seed", "3"), "is of seed 1, and --seed is 3"),
        (("sample", "--n", "2", "--out", "p.docx"), "suffix '.docx'"),
        (("sample", "--n", "2", "--parameters", "none.toml"), "no file"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], said: str):
    done = run(*words)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_a_model_gives_a_second_opinion_of_each_persona(tmp_path: Path, pasture):
    """The scripted engine answers by a hash of what it is asked: of six personas it rejects some."""
    words = ("personas", "sample", "--n", "6", "--engine", "scripted")
    done = pasture(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rejected = int(done.stdout.split(" draws rejected")[0].split()[-1])
    assert rejected > 0
    assert (tmp_path / "personas.pasture.sqlite").is_file()
    assert pasture(*words, cwd=tmp_path).stdout == done.stdout
    assert pasture("personas", "sample", "--store", "x.sqlite", cwd=tmp_path).returncode == 2  # a store without an engine


def test_a_dry_run_of_a_second_opinion_says_the_price_and_a_budget_holds(tmp_path: Path, pasture):
    words = ("personas", "sample", "--n", "6", "--engine", "scripted", "--out", "p.json")
    priced = pasture(*words, "--dry-run", "--json", cwd=tmp_path)
    assert priced.returncode == 0, priced.stderr
    assert json.loads(priced.stdout)["requests"] >= 6
    assert not list(tmp_path.iterdir())
    stopped = pasture(*words, "--budget-requests", "2", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "the budget of 2 requests is used up" in stopped.stderr
    assert not (tmp_path / "p.json").exists()
