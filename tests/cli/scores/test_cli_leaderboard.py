"""`pasture leaderboard` on made-up folders, and on AlpacaEval's where it is there."""

import csv
import json
from pathlib import Path

import pytest
from pasture.cli.asking.annotate import annotate
from pasture.cli.scores.leaderboard import leaderboard
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for

from ...published_data import ALPACA_EVAL, needs

KEYS = ["model", "judge", "baseline", "n", "win_rate", "standard_error", "n_wins", "n_wins_base", "length_controlled_win_rate",
        "abstentions", "win_rate_interval", "length_control", "notes"]  # fmt: skip


@pytest.fixture
def run(invoke):
    return invoke(leaderboard)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for model, shift in (("good", 1.0), ("bad", -1.0)):
        rng = rng_for(3, model)
        rows = [
            {
                "instruction": f"question {at}",
                "output_1": "b" * int(rng.integers(5, 60)),
                "output_2": "m" * int(rng.integers(5, 60)),
                "generator_1": "base",
                "generator_2": model,
                "annotator": "judge",
                "preference": 2.0 if rng.normal(shift) > 0 else 1.0,
            }
            for at in range(60)
        ]
        path = tmp_path / "results" / model / "judge" / "annotations.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(rows), encoding="utf-8")
    return tmp_path / "results"


def test_json_is_an_array_of_rows_and_nothing_else(run, folder: Path) -> None:
    rows = json.loads(run(folder, "--json"))
    assert [row["model"] for row in rows] == ["good", "bad"]
    assert all(list(row) == KEYS for row in rows)
    assert rows[0]["n_wins"] + rows[0]["n_wins_base"] == rows[0]["n"] == 60


def test_a_model_that_never_wins_is_null_and_the_terminal_says_why(run, folder: Path) -> None:
    path = folder / "bad" / "judge" / "annotations.json"
    rows = [{**row, "preference": 1} for row in json.loads(path.read_text(encoding="utf-8"))]
    path.write_text(json.dumps(rows), encoding="utf-8")
    bad = json.loads(run(folder, "--json"))[-1]
    assert (bad["model"], bad["win_rate"], bad["standard_error"], bad["length_controlled_win_rate"]) == ("bad", 0.0, None, None)
    assert "bad (judge): undefined: the model never wins" in run(folder)


def test_it_is_written_in_the_forms_asked_for(run, folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("out.csv", "out.json", "deep/out.html")]
    shown = run(folder, "--json", *(part for path in paths for part in ("--out", path)))
    assert paths[0].read_text(encoding="utf-8").startswith(",win_rate,")
    assert json.loads(paths[1].read_text(encoding="utf-8")) == json.loads(shown)
    assert "question 59" in paths[2].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--judge", "other"), "no judge is called 'other'"),
        (("--weights", "mine"), "auto, published, fit, own"),
        (("--out", "table.xlsx"), "suffix '.xlsx'"),
        (("--published", "absent"), "is not a folder"),
    ],
)
def test_bad_usage_is_an_input_error(run, folder: Path, more: tuple[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        run(folder, *more)


def test_published_tables_that_are_none_are_refused_where_they_were_asked_for(run, folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "readme.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"empty' holds none of AlpacaEval's tables; give a folder with data_Alpaca"):
        run(folder, "--published", empty)
    (folder / "published").mkdir()
    assert "published' holds none of AlpacaEval's tables" in run(folder)


def test_the_way_of_length_control_and_its_interval_are_in_every_output(run, folder: Path, tmp_path: Path) -> None:
    said = run(folder, "--out", tmp_path / "board.csv", "--resamples", "20")
    assert "2 of 2 rows" in said or "good (judge), bad (judge): length control by `own`: no published weights were found" in said
    with (tmp_path / "board.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["length_control"] for row in rows] == ["own", "own"]
    assert all(float(row["lc_low"]) < float(row["length_controlled_winrate"]) < float(row["lc_high"]) for row in rows)


def test_names_in_the_path_that_the_rows_contradict_are_noted(run, folder: Path) -> None:
    (folder / "good").rename(folder / "renamed")
    assert "renamed (judge): the rows of 'renamed' name the generator_2 'good'; the name of the path is kept" in run(folder)
    (row,) = (row for row in json.loads(run(folder, "--json")) if row["model"] == "renamed")
    assert any("name the generator_2 'good'" in note for note in row["notes"])


def test_what_annotate_wrote_is_a_leaderboard(run, tmp_path: Path) -> None:
    rng = rng_for(5, "annotated")
    texts = {name: [("word " * int(rng.integers(1, 9))).strip() for _ in range(40)] for name in ("mine", "base")}
    for name, outputs in texts.items():
        rows = [{"instruction": f"question {at}", "output": text, "generator": name} for at, text in enumerate(outputs)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    out = tmp_path / "results/mine/longest/annotations.json"
    annotate(annotator="longest", pairs=tmp_path / "mine.json", against=tmp_path / "base.json", out=out)
    (row,) = json.loads(run(tmp_path / "results", "--json"))
    won = [(len(mine) > len(base)) + (len(mine) == len(base)) / 2 for mine, base in zip(*texts.values(), strict=True)]
    assert (row["model"], row["judge"], row["baseline"], row["n"]) == ("mine", "longest", "base", 40)  # ties are beside the file
    assert row["win_rate"] == pytest.approx(100 * sum(won) / 40)
    assert "no interval: length alone decides every verdict" in row["length_control"]["how"]
    (alone,) = json.loads(run(out, "--json"))
    assert {**alone, "notes": 0} == {**row, "notes": 0}
    out.parent.parent.rename(tmp_path / "results/base")  # the side that bears the folder's name is the model
    (swapped,) = json.loads(run(tmp_path / "results", "--json"))
    assert (swapped["model"], swapped["baseline"], swapped["win_rate"]) == ("base", "mine", pytest.approx(100 - row["win_rate"]))


@pytest.mark.slow
@needs(ALPACA_EVAL)
def test_the_published_leaderboard_comes_out_and_its_fault_is_named(run) -> None:
    judge = "weighted_alpaca_eval_gpt4_turbo"
    rows = {row["model"]: row for row in json.loads(run(ALPACA_EVAL, "--judge", judge, "--json"))}
    assert rows["alpaca-7b"]["win_rate"] == pytest.approx(2.591450540223603, abs=1e-6)
    assert rows["alpaca-7b"]["length_controlled_win_rate"] == pytest.approx(5.8754880, abs=0.02)
    said = run(ALPACA_EVAL, "--judge", judge)
    assert "as published (to 1e-06)" in said
    assert "text_davinci_001: published 9.03" in said
    assert "0.9746 length-controlled, 0.9305 raw" in said
