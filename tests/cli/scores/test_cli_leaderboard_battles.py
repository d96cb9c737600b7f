"""`pasture leaderboard` on battles, on tables of annotations, and at equal style."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pasture.cli.scores.leaderboard import leaderboard
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for


@pytest.fixture
def run(invoke):
    return invoke(leaderboard)


def battle_rows() -> list[dict[str, Any]]:
    """x beats y in 3 of 4 battles, on each of 10 prompts."""
    return [
        {"question_id": prompt, "model_a": "x", "model_b": "y", "winner": "model_b" if (prompt + k) % 4 == 0 else "model_a"}
        for prompt in range(10)
        for k in range(4)
    ]


@pytest.fixture
def battle_file(tmp_path: Path) -> Path:
    path = tmp_path / "battles.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in battle_rows()), encoding="utf-8")
    return path


def test_battles_are_rated_on_the_arenas_scale(run, battle_file: Path) -> None:
    x, y = json.loads(run(battle_file, "--json"))
    assert list(x) == ["model", "rating", "low", "high", "n", "abstentions", "how"]
    assert (x["model"], y["model"], x["n"]) == ("x", "y", 40)
    # odds 3 to 1 are 400 log10(3) = 190.85 points apart, about a mean of 1000
    assert x["rating"] == pytest.approx(1000 + 200 * math.log10(3))
    assert x["rating"] + y["rating"] == pytest.approx(2000)


def test_the_interval_is_of_a_bootstrap_by_prompt(run, battle_file: Path) -> None:
    """Every prompt says the same, so drawing prompts moves nothing; drawing battles one by one would."""
    x, _ = json.loads(run(battle_file, "--json"))
    assert x["low"] == pytest.approx(x["high"])
    rows = [{name: each for name, each in row.items() if name != "question_id"} for row in battle_rows()]
    battle_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    x, _ = json.loads(run(battle_file, "--json"))
    assert x["high"] - x["low"] > 50


def test_a_model_that_never_won_is_null_and_the_terminal_says_why(run, tmp_path: Path) -> None:
    path = tmp_path / "battles.json"
    path.write_text(json.dumps([{**row, "winner": "model_a"} for row in battle_rows()]), encoding="utf-8")
    assert [each["rating"] for each in json.loads(run(path, "--json"))] == [None, None]
    assert "y never won" in run(path)


def test_ratings_are_written_and_what_battles_cannot_be_is_refused(run, battle_file: Path, tmp_path: Path) -> None:
    shown = run(battle_file, "--json", "--out", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == json.loads(shown)
    for more, problem in (
        (("--judge", "j", "--style"), "--judge, --style are for judgments"),
        (("--weights", "own"), "--weights"),
        (("--out", "a.html"), r"written as \.json"),
    ):
        with pytest.raises(InputError, match=problem):
            run(battle_file, *more)


def annotations() -> list[dict[str, Any]]:
    """`lister` wins where it makes lists more than the baseline does, `plain` and the baseline have styles at random."""
    rows = []
    for model in ("lister", "plain"):
        rng = rng_for(5, model)
        for at in range(120):
            own, theirs = (int(each) for each in rng.integers(0, 6, size=2))
            own += 3 * (model == "lister")
            won = rng.random() < 1 / (1 + math.exp(-4 * (own - theirs) / max(own + theirs, 1)))
            rows.append(
                {
                    "instruction": f"question {at}",
                    "generator_1": "base",
                    "generator_2": model,
                    "annotator": "judge",
                    "output_1": "- item\n" * theirs + "word " * int(rng.integers(1, 40)),
                    "output_2": "- item\n" * own + "word " * int(rng.integers(1, 40)),
                    "preference": None if at == 7 else 2.0 if won else 1.0,
                }
            )
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for model in ("lister", "plain"):
        path = tmp_path / "results" / model / "judge" / "annotations.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([row for row in annotations() if row["generator_2"] == model]), encoding="utf-8")
    return tmp_path / "results"


def test_a_table_of_annotations_gives_what_the_folder_gives(run, folder: Path, tmp_path: Path) -> None:
    wanted = json.loads(run(folder, "--json", "--resamples", "0"))
    assert [row["n"] for row in wanted] == [119, 119]
    all_rows = pa.Table.from_pylist(annotations())
    pq.write_table(all_rows, tmp_path / "one.parquet")
    (tmp_path / "hub" / "data").mkdir(parents=True)
    pq.write_table(all_rows.slice(0, 100), tmp_path / "hub" / "data" / "train-00000-of-00002.parquet")
    pq.write_table(all_rows.slice(100), tmp_path / "hub" / "data" / "train-00001-of-00002.parquet")
    (tmp_path / "one.json").write_text(json.dumps(annotations()), encoding="utf-8")
    for table in ("one.parquet", "hub", "one.json"):
        assert json.loads(run(tmp_path / table, "--json", "--resamples", "0")) == wanted


def test_a_saved_data_set_is_read(run, folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(annotations()).save_to_disk(str(tmp_path / "saved"))
    wanted = run(folder, "--json", "--resamples", "0")
    assert run(tmp_path / "saved", "--json", "--resamples", "0") == wanted
    datasets.Dataset.from_list(battle_rows()).save_to_disk(str(tmp_path / "battles"))
    assert [row["model"] for row in json.loads(run(tmp_path / "battles", "--json"))] == ["x", "y"]


def test_rows_without_a_model_and_an_unknown_judge_are_refused(run, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([{"instruction": "q", "generator_1": "base", "preference": 1}]), encoding="utf-8")
    with pytest.raises(InputError, match="row 1 names no model"):
        run(path)
    path.write_text(json.dumps(annotations()), encoding="utf-8")
    with pytest.raises(InputError, match="no judge is called 'other'"):
        run(path, "--judge", "other")
    with pytest.raises(InputError, match="no folder"):
        run(tmp_path / "absent")


def test_style_moves_the_lister_to_where_its_answers_are(run, folder: Path) -> None:
    rows = {row["model"]: row for row in json.loads(run(folder, "--json", "--style"))}
    assert rows["lister"]["win_rate"] > 80
    assert 40 < rows["lister"]["style_controlled_win_rate"] < 65  # its wins are its lists'
    assert rows["plain"]["style_controlled_win_rate"] == pytest.approx(50, abs=12)


def test_style_is_said_everywhere_and_only_when_asked_for(run, folder: Path, tmp_path: Path) -> None:
    assert all("style_controlled_win_rate" not in row for row in json.loads(run(folder, "--json")))
    assert "equal style" not in run(folder)
    out = [part for name in ("out.json", "out.html") for part in ("--out", tmp_path / name)]
    shown = run(folder, "--style", *out)
    assert "controlled for lists" in shown
    assert "style_controlled_win_rate" in (tmp_path / "out.json").read_text(encoding="utf-8")
    assert "equal style" in (tmp_path / "out.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="no column"):
        run(folder, "--style", "--out", "out.csv")


def test_without_texts_the_style_controlled_rate_is_null_and_outputs_beside_give_them(run, tmp_path: Path) -> None:
    rows = [row for row in annotations() if row["generator_2"] == "lister"]
    (tmp_path / "results").mkdir()
    lines = ["instruction,generator_1,generator_2,annotator,preference"]
    lines += [f"{row['instruction']},base,lister,judge,{row['preference'] or ''}" for row in rows]
    (tmp_path / "results" / "lister__judge.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert json.loads(run(tmp_path / "results", "--json", "--style"))[0]["style_controlled_win_rate"] is None
    assert "undefined: the texts of the answers are not known" in run(tmp_path / "results", "--style")
    (tmp_path / "results" / "outputs").mkdir()
    for model, column in (("lister", "output_2"), ("base", "output_1")):
        told = [{"instruction": row["instruction"], "output": row[column]} for row in rows]
        (tmp_path / "results" / "outputs" / f"{model}.json").write_text(json.dumps(told), encoding="utf-8")
    assert 35 < json.loads(run(tmp_path / "results", "--json", "--style"))[0]["style_controlled_win_rate"] < 65
