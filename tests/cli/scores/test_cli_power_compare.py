"""`pasture power` and `pasture compare`, as commands."""

from __future__ import annotations

import gzip
import json

import pytest
from pasture.cli.scores.compare import compare
from pasture.cli.scores.power import power
from pasture.core.errors import InputError
from pasture.core.files.preferences import write_preferences
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.eval.files.verdicts import read_verdicts

from ...published_data import ALPACA_EVAL, needs


@pytest.fixture
def run(invoke):
    return invoke(power, compare)


def test_power_says_how_many_prompts_three_points_take(run):
    assert run("power", "--delta", 3).startswith("2180 prompts show a difference of 3 points with power 0.8")
    shown = json.loads(run("power", "--delta", 3, "--flip", 0.25, "--json"))
    assert (shown["prompts"], shown["flip_inflation"]) == (8721, 4)
    assert "cost 4.00 times the prompts" in run("power", "--delta", 3, "--flip", 0.25)


def test_power_says_what_prompts_show(run):
    assert json.loads(run("power", "--prompts", 805, "--json"))["delta"] == pytest.approx(4.94, abs=0.01)
    assert json.loads(run("power", "--prompts", 785, "--delta", 5, "--json"))["power"] == pytest.approx(0.8, abs=0.001)


def test_power_refuses_what_has_no_answer(run):
    for words in ((), ("--delta", 0), ("--delta", 120), ("--delta", 3, "--flip", 0.5)):
        with pytest.raises(InputError):
            run("power", *words)
    for variance in ("inf", "nan", 1000, 1.01, 0, -1):
        with pytest.raises(InputError, match=r"variance is .*; it is above 0 and at most 1"):
            run("power", "--delta", 3, f"--variance={variance}")
    with pytest.raises(InputError, match=r"1 prompts show no difference of win rates with power 0.8, .* give 2 or more"):
        run("power", "--prompts", 1)
    assert run("power", "--prompts", 2).startswith("2 prompts show a difference of 99")
    with pytest.raises(InputError, match="takes more than 1,000,000,000,000 prompts"):
        run("power", "--delta", 1e-150)
    with pytest.raises(InputError, match="give 1 to 1,000,000,000,000"):
        run("power", "--prompts", 10**400)
    assert json.loads(run("power", "--delta", 3, "--alpha", 1e-300, "--json"))["prompts"] > 10**5


def test_compare_of_two_judges_is_refused_unless_it_is_asked_for(run, tmp_path):
    files = []
    for judge in ("strict", "kind"):
        rows = [
            {"instruction": f"q{k}", "generator_1": "b", "generator_2": "m", "preference": 1 + (k % 3 == 0), "annotator": judge}
            for k in range(9)
        ]
        files.append(tmp_path / f"{judge}.json")
        files[-1].write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"judged by strict and .* by kind: .* give two files of one judge, or --across-judges"):
        run("compare", *files)
    assert json.loads(run("compare", *files, "--across-judges", "--json"))["judges"] == "kind, strict"
    assert json.loads(run("compare", files[0], files[0], "--json"))["judges"] == "strict"


def annotations(path, preferences, model="m", baseline="b", key="instruction"):
    rows = [{key: f"q{k}", "generator_1": baseline, "generator_2": model, "preference": p} for k, p in enumerate(preferences)]
    path.write_text(json.dumps(rows))
    return path


def test_compare_pairs_by_prompt_and_counts_what_was_not_judged(run, tmp_path):
    one = annotations(tmp_path / "one.json", [2, 2, 1.5, 1, None, 0], "strong")
    other = annotations(tmp_path / "other.json", [1, 2, 1, 1, 2, None], "weak")
    shown = json.loads(run("compare", one, other, "--json"))
    # shared prompts q0..q3: (1, 1, .5, 0) less (0, 1, 0, 0) = 1.5 / 4
    assert shown["difference"]["value"] == pytest.approx(0.375)
    assert shown["difference"]["abstentions"] == 2
    assert (shown["first"], shown["second"], shown["baseline"]) == ("strong", "weak", "b")
    assert shown["win_rate_first"]["value"] == pytest.approx((1 + 1 + 0.5 + 0 + 0.5) / 5)
    assert "difference +37.5 points [" in " ".join(run("compare", one, other).split())


def test_compare_of_one_prompt_or_none_shared_says_so(run, tmp_path):
    one, other = annotations(tmp_path / "a.json", [2]), annotations(tmp_path / "b.json", [1])
    assert "no interval" in run("compare", one, other)
    apart = tmp_path / "c.json"
    apart.write_text(json.dumps([{"instruction": "another", "preference": 2}]))
    assert "no prompt was judged for both" in run("compare", one, apart)


def test_compare_refuses_other_baselines_keys_and_columns(run, tmp_path):
    one = annotations(tmp_path / "a.json", [2, 1])
    with pytest.raises(InputError, match="give two with one baseline"):
        run("compare", one, annotations(tmp_path / "b.json", [2, 1], baseline="c"))
    with pytest.raises(InputError, match="name them alike"):
        run("compare", one, annotations(tmp_path / "d.json", [2, 1], key="index"))
    with pytest.raises(InputError, match="`preference` is 3"):
        run("compare", one, annotations(tmp_path / "e.json", [3]))
    with pytest.raises(InputError, match="it is a number"):
        run("compare", one, annotations(tmp_path / "f.json", ["better"]))
    (tmp_path / "g.json").write_text('[{"prompt": "q", "answer": "x"}]')
    with pytest.raises(InputError, match="verdicts are in"):
        run("compare", one, tmp_path / "g.json")
    mixed = json.loads(one.read_text())
    mixed[0]["generator_2"] = "other"
    (tmp_path / "h.json").write_text(json.dumps(mixed))
    with pytest.raises(InputError, match="several models"):
        run("compare", one, tmp_path / "h.json")
    with pytest.raises(InputError, match="--level"):
        run("compare", one, one, "--level", 1)


def test_compare_reads_what_annotate_wrote(tmp_path):
    def pair(k):
        prompt = Prompt(f"q{k}")
        return Comparison(Completion(prompt, "mine", model="m"), Completion(prompt, "theirs", model="b"))

    said = [
        Preference(pair(0), 0.9, "j"),
        Preference(pair(1), 0.2, "j"),
        Preference(pair(2), 0.5, "j"),
        Abstention(pair(3), Reason.REFUSED, "j"),
    ]
    write_preferences(tmp_path / "prefs.jsonl", said)
    found = read_verdicts(tmp_path / "prefs.jsonl")
    assert dict(zip(found.scores.clusters_N, found.scores.scores_N, strict=True)) == pytest.approx(
        {"q0": 0.9, "q1": 0.2, "q2": 0.5}
    )
    assert (found.scores.abstentions, found.model, found.baseline) == (1, "m", "b")


@needs(ALPACA_EVAL / "annotations")
def test_compare_of_two_published_models(run):
    files = sorted((ALPACA_EVAL / "annotations").glob("*weighted_alpaca_eval_gpt4_turbo.csv.gz"))[:2]
    shown = json.loads(run("compare", *files, "--json"))
    rates = [shown[f"win_rate_{which}"]["value"] for which in ("first", "second")]
    assert shown["difference"]["value"] == pytest.approx(rates[0] - rates[1], abs=0.01)
    with gzip.open(files[0], "rt") as file:
        assert shown["baseline"] in file.read(5000)
