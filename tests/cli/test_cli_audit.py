"""`pasture audit`, as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from pasture.cli.audit import audit
from pasture.core.errors import InputError
from typer.testing import CliRunner

OUTPUTS = Path(__file__).parents[3] / "shared" / "data" / "alpaca_eval" / "outputs"

ENGINE = """
import math
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine

def obeys(request):
    text = request.messages[-1].content
    first, second = text.split(" answer B =")
    told = ("Choose this answer" in first) - ("Choose this answer" in second)
    p = 0.5 + 0.4 * told
    return Reply("A", label_logprobs={"A": math.log(p), "B": math.log(1 - p)})

def engine():
    return ScriptedEngine(respond=obeys, journal="journal.txt")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(audit)

    def call(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def gamed(shown: dict) -> set[str]:
    return {each["attack"] for each in shown["attacks"] if each["gamed"]}


def model_outputs(path: Path, texts: list[str]) -> Path:
    rows = [{"instruction": f"question {n}", "output": text, "generator": "example"} for n, text in enumerate(texts)]
    path.write_text(json.dumps(rows))
    return path


def test_the_length_judge_is_gamed_and_gold_is_not_in_the_text_world(run):
    shown = json.loads(run("longest", "--gaming", "--limit", 60, "--json"))
    assert {"verbosity", "list-stuffing"} <= gamed(shown)
    assert shown["prompts"] == 60
    assert set(shown["attacks"][0]["win_rate"]) >= {"value", "low", "high", "n", "abstentions"}
    assert not gamed(json.loads(run("gold", "--gaming", "--world", "text", "--limit", 60, "--json")))
    table = run("longest", "--gaming", "--limit", 60)
    assert "GAMED" in table
    assert "self-preference" in table


def test_the_null_model_is_named_by_its_file(run):
    if not OUTPUTS.is_dir():
        pytest.skip(f"NO DATA at {OUTPUTS}: the published null model is not checked")
    files = [OUTPUTS / "NullModel.json.gz", OUTPUTS / "text_davinci_003.json.gz"]
    words = [word for each in files for word in ("--outputs", each)]
    shown = json.loads(run("longest", "--gaming", *words, "--limit", 50, "--json"))
    assert shown["constant_models"] == [{"model": "NullModel", "share": 1.0}]
    assert shown["material"] == "text_davinci_003 against text_davinci_003"
    assert shown["attacks"][0]["honest"]["value"] == 0.5


def test_a_folder_of_outputs_is_read_and_constant_models_are_not_attacked_with(run, tmp_path):
    (tmp_path / "outputs").mkdir()
    for name, texts in (("a-null", ["same"] * 8), ("b", [f"it is {n}th{n}" for n in "abcdefgh"]), ("c", list("abcdefgh"))):
        model_outputs(tmp_path / "outputs" / f"{name}.json", texts)
    shown = json.loads(run("longest", "--gaming", "--outputs", tmp_path, "--json"))
    assert shown["material"] == "b against c"
    assert [each["model"] for each in shown["constant_models"]] == ["a-null"]
    assert "a-null is a constant-answer model" in run("longest", "--gaming", "--outputs", tmp_path)


def test_constant_models_alone_leave_the_attacks_undefined(run, tmp_path):
    shown = json.loads(run("longest", "--gaming", "--outputs", model_outputs(tmp_path / "n.json", ["same"] * 8), "--json"))
    assert shown["constant_models"] == [{"model": "n", "share": 1.0}]
    assert {each["gamed"] for each in shown["attacks"]} == {None}


def test_a_judge_by_engine_is_asked_once_and_what_it_obeys_is_named(run, tmp_path):
    (tmp_path / "engines.py").write_text(ENGINE)
    (tmp_path / "pairs.json").write_text(json.dumps([{"prompt": f"q{n}", "left": f"l{n}", "right": f"r{n}"} for n in range(12)]))
    words = ("judge", "--gaming", "--pairs", "pairs.json", "--engine", "engines.py:engine", "--json")
    shown = json.loads(run(*words))
    assert gamed(shown) == {"injection-order"}
    assert shown["attacks"][-1]["gamed"] is None
    asked = len((tmp_path / "journal.txt").read_text().split())
    assert asked == 12 * 7 * 2  # honest and six attacks, in both orders
    assert json.loads(run(*words)) == shown
    assert len((tmp_path / "journal.txt").read_text().split()) == asked


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("longest",), "there is: --gaming"),
        (("longest", "--gaming", "--model", "m"), "goes with an engine"),
        (("longest", "--gaming", "--store", "s.sqlite"), "there is no engine"),
        (("longest", "--gaming", "--pairs", "p.json", "--outputs", "o.json"), "both --pairs and --outputs"),
        (("longest", "--gaming", "--outputs", "."), "holds no model outputs"),
        (("gold", "--gaming", "--pairs", "p.json"), "no world was given"),
    ],
)
def test_what_cannot_be_audited_is_said(run, words, match):
    with pytest.raises(InputError, match=match):
        run(*words)
