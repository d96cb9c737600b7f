"""`pasture audit`, as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pasture.cli.asking.audit import audit
from pasture.core.errors import InputError, UnknownName
from pasture.core.files.preferences import write_preferences
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason

from ...published_data import ALPACA_EVAL, HH_RLHF, needs

OUTPUTS, CROSS = ALPACA_EVAL / "outputs", ALPACA_EVAL / "crossannotations"
HH = HH_RLHF / "harmless_base_test_even.jsonl.gz"

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
def run(invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return invoke(audit)


def gamed(shown: dict) -> set[str]:
    return {each["attack"] for each in shown["attacks"] if each["gamed"]}


def model_outputs(path: Path, texts: list[str]) -> Path:
    rows = [{"instruction": f"question {n}", "output": text, "generator": "example"} for n, text in enumerate(texts)]
    path.write_text(json.dumps(rows))
    return path


def test_the_length_judge_is_gamed_and_gold_is_not_in_the_text_world(run):
    shown = json.loads(run("longest", "--attacks", "--limit", 60, "--json"))
    assert {"verbosity", "list-stuffing"} <= gamed(shown)
    assert shown["prompts"] == 60
    assert set(shown["attacks"][0]["win_rate"]) >= {"value", "low", "high", "n", "abstentions"}
    assert not gamed(json.loads(run("gold", "--attacks", "--world", "text", "--limit", 60, "--json")))
    table = run("longest", "--attacks", "--limit", 60)
    assert "GAMED" in table
    assert "self-preference" in table


@needs(OUTPUTS)
def test_the_null_model_is_named_by_its_file(run):
    files = [OUTPUTS / "NullModel.json.gz", OUTPUTS / "text_davinci_003.json.gz"]
    words = [word for each in files for word in ("--outputs", each)]
    shown = json.loads(run("longest", "--attacks", *words, "--limit", 50, "--json"))
    assert shown["constant_models"] == [{"model": "NullModel", "share": 1.0}]
    assert shown["material"] == "text_davinci_003 against text_davinci_003"
    assert shown["attacks"][0]["honest"]["value"] == 0.5


def test_a_folder_of_outputs_is_read_and_constant_models_are_not_attacked_with(run, tmp_path):
    (tmp_path / "outputs").mkdir()
    for name, texts in (("a-null", ["same"] * 8), ("b", [f"it is {n}th{n}" for n in "abcdefgh"]), ("c", list("abcdefgh"))):
        model_outputs(tmp_path / "outputs" / f"{name}.json", texts)
    shown = json.loads(run("longest", "--attacks", "--outputs", tmp_path, "--json"))
    assert shown["material"] == "b against c"
    assert [each["model"] for each in shown["constant_models"]] == ["a-null"]
    assert "a-null is a constant-answer model" in run("longest", "--attacks", "--outputs", tmp_path)


def test_constant_models_alone_leave_the_attacks_undefined(run, tmp_path):
    shown = json.loads(run("longest", "--attacks", "--outputs", model_outputs(tmp_path / "n.json", ["same"] * 8), "--json"))
    assert shown["constant_models"] == [{"model": "n", "share": 1.0}]
    assert {each["gamed"] for each in shown["attacks"]} == {None}


def test_a_judge_by_engine_is_asked_once_and_what_it_obeys_is_named(run, tmp_path):
    (tmp_path / "engines.py").write_text(ENGINE)
    (tmp_path / "pairs.json").write_text(json.dumps([{"prompt": f"q{n}", "left": f"l{n}", "right": f"r{n}"} for n in range(12)]))
    words = ("judge", "--attacks", "--pairs", "pairs.json", "--engine", "engines.py:engine", "--json")
    shown = json.loads(run(*words))
    assert gamed(shown) == {"injection-order"}
    assert shown["attacks"][-1]["gamed"] is None
    asked = len((tmp_path / "journal.txt").read_text().split())
    assert asked == 12 * 8 * 2  # honest and seven attacks, in both orders
    assert json.loads(run(*words)) == shown
    assert len((tmp_path / "journal.txt").read_text().split()) == asked


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("longest", "--attacks", "--model", "m"), "goes with an engine"),
        (("longest", "--attacks", "--store", "s.sqlite"), "there is no engine"),
        (("longest", "--attacks", "--pairs", "p.json", "--outputs", "o.json"), "both --pairs and --outputs"),
        (("longest", "--attacks", "--outputs", "."), "holds no model outputs"),
        (("gold", "--attacks", "--pairs", "p.json"), "no world was given"),
        (("longest", "--attacks", "--gold", "g.json"), "does not go with --attacks"),
        (("longest", "--outputs", "o.json"), "does not go with an audit without --attacks"),
        (("longest", "--gold", "g.json", "--against", "first"), "holds pairs and labels"),
        (("longest", "--pairs", "p.json"), "no labels"),
        (("longest", "--gold-noise", "0.1"), "there are none"),
        (("gpt4", "--annotations", "a.json", "--seeds", "2"), "nobody is asked"),
    ],
)
def test_what_cannot_be_audited_is_said(run, words, match):
    with pytest.raises(InputError, match=match):
        run(*words)


def measured(shown: dict) -> dict[str, dict]:
    return {each["name"]: each for each in shown["measures"]}


@needs(CROSS)
def test_a_published_judge_is_audited_by_what_it_said(run, tmp_path):
    shown = json.loads(run("gpt4_b1", "--annotations", CROSS, "--html", "page.html", "--json"))
    found = measured(shown)
    assert found["variance"]["value"] == pytest.approx(0.149306, abs=1e-6)
    assert found["dollars per 1,000"]["value"] == pytest.approx(43.734, abs=1e-3)
    assert found["longer"]["value"] == pytest.approx(0.6, abs=5e-4)
    assert all(found[name]["low"] < found[name]["value"] < found[name]["high"] for name in ("variance", "longer", "list"))
    assert "gpt4_b1" in (tmp_path / "page.html").read_text()
    with pytest.raises(UnknownName, match="gpt4_b1"):
        run("gpt4_b5", "--annotations", CROSS)


@needs(HH)
def test_every_human_label_of_hh_is_read_and_a_scripted_judge_measured_against_them(run):
    shown = json.loads(run("longest", "--gold", HH, "--gold-noise", 0.2, "--json"))
    found = measured(shown)
    assert shown["facts"]["pairs"] == shown["facts"]["gold labels"] == "1156"
    assert 0.38 < found["agreement"]["low"] < found["agreement"]["value"] < found["agreement"]["high"] < 0.45
    assert found["ceiling"]["value"] == pytest.approx(0.8)
    assert found["verbosity bias"]["value"] == 1.0
    assert found["same in both orders"]["value"] == 1.0


@needs(HH)
@pytest.mark.slow
@pytest.mark.parametrize("judge", ["likelihood", "judge"])
def test_a_small_model_is_audited_against_people(run, judge):
    words = (judge, "--gold", HH, "--engine", "transformers", "--model", "smollm2-135m", "--limit", 12, "--json")
    found = measured(json.loads(run(*words)))
    assert found["agreement"]["n"] + found["agreement"]["abstentions"] == 12
    assert found["same in both orders"]["value"] is not None
    if judge == "likelihood":
        assert found["same in both orders"]["value"] == 1.0


def test_the_worlds_truth_is_the_gold_label_where_none_is_given(run):
    found = measured(json.loads(run("gold", "--world", "text", "--limit", 60, "--json")))
    assert found["agreement"]["value"] == found["ceiling"]["value"] == 1.0
    assert found["intransitive"]["value"] == 0.0
    assert found["intransitive"]["n"] > 0
    table = run("longest", "--limit", 30)
    assert "verbosity bias" in table
    assert "self-preference: undefined" in table


def test_another_annotator_can_be_the_gold(run):
    shown = json.loads(run("longest", "--against", "longest", "--limit", 30, "--json"))
    assert measured(shown)["agreement"]["value"] == 1.0
    assert shown["facts"]["gold"] == "the annotator 'longest'"


@pytest.mark.parametrize("name", ["critic", "scripted-reaction", "critic.toml", "jury.toml"])
def test_who_judges_no_pairs_is_refused_before_an_engine_starts(run, tmp_path, name):
    (tmp_path / "engines.py").write_text("def engine():\n    raise AssertionError('the engine was started')\n")
    (tmp_path / "critic.toml").write_text('kind = "critic"\nname = "mine"\n')
    (tmp_path / "jury.toml").write_text('kind = "jury"\nmembers = ["longest", { use = "swap", inner = "critic" }]\n')
    what = "a sign about an answer" if name == "scripted-reaction" else "a critique of an answer"
    engine = ("--engine", "engines.py:engine")
    for words in ((name,), (name, "--attacks"), ("longest", "--against", name)):
        with pytest.raises(InputError, match=f"gives {what} and judges no pairs.* judge, .*ultrafeedback.*one of your own"):
            run(*words, *engine)
    assert {each.name for each in tmp_path.iterdir()} == {"engines.py", "critic.toml", "jury.toml"}


@pytest.mark.parametrize("rater", ["ultrafeedback", "scripted-rater"])
def test_who_rates_answers_is_audited_by_the_pairs_that_the_ratings_make(run, rater):
    engine = ("--engine", "actor") if rater == "ultrafeedback" else ()
    found = measured(json.loads(run(rater, "--world", "text", *engine, "--limit", 20, "--json")))
    assert found["agreement"]["n"] + found["agreement"]["abstentions"] == 20 * (1 if engine else 4)  # it is asked 4 times
    assert found["agreement"]["value"] > 0.5


def test_the_judge_and_the_engine_take_options(run, tmp_path):
    (tmp_path / "engines.py").write_text(ENGINE)
    (tmp_path / "gold.json").write_text(
        json.dumps([{"prompt": f"q{n}", "left": f"l{n}", "right": f"r{n}", "p_left": 1} for n in range(6)])
    )
    words = ("--gold", "gold.json", "--engine", "engines.py:engine", "--model", "one=a", "--model", "two=b", "--json")
    shown = json.loads(run("judge", "--set", "name=strict", *words))
    assert shown["annotator"] == "strict"
    assert "one" in shown["facts"]["engine"]
    assert "two" in shown["facts"]["engine"]
    with pytest.raises(InputError, match="nobody is asked"):
        run("gpt4", "--annotations", "a.json", "--set", "name=strict")


def test_what_annotate_wrote_is_audited_one_file_a_seed_and_neither_is_no_label(run, tmp_path):
    pair = Comparison(Completion(Prompt("q"), "long answer"), Completion(Prompt("q"), "short"))
    other = Comparison(Completion(Prompt("r"), "long answer"), Completion(Prompt("r"), "short"))
    (tmp_path / "said").mkdir()
    for seed in range(2):
        said = [Preference(pair, 1.0, "judge"), Abstention(other, Reason.NEITHER, "judge")]
        write_preferences(tmp_path / "said" / f"s{seed}.jsonl", said)
        (tmp_path / "said" / f"s{seed}.jsonl.manifest.json").write_text("{}")
    rows = {each["name"]: each for each in json.loads(run("judge", "--annotations", "said", "--json"))["measures"]}
    assert (rows["variance"]["value"], rows["variance"]["n"]) == (0.0, 2)
    assert (rows["first"]["n"], rows["first"]["abstentions"]) == (1, 1)
