"""Commands of statistics, on small files whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.cli import app
from pasture.core.errors import InputError
from typer.testing import CliRunner

STRENGTHS = {"good": 1.5, "fair": 0.0, "poor": -1.5}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*words: object) -> dict[str, Any]:
    return json.loads(CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False).stdout)


def named(told: dict[str, Any], group: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in told["measures"] if row["group"] == group}


@pytest.fixture(scope="module")
def battles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, rows = np.random.default_rng(0), []
    names = list(STRENGTHS)
    for number in range(240):
        a, b = (names[k] for k in rng.choice(3, 2, replace=False))
        won = rng.random() < 1 / (1 + np.exp(STRENGTHS[b] - STRENGTHS[a]))
        inverted = number % 4 == 3  # one annotator of four says the opposite
        winner = "tie" if number % 12 == 0 else "model_a" if won != inverted else "model_b"
        text = {"response_a": "word " * int(rng.integers(1, 9)), "response_b": "word " * int(rng.integers(1, 9))}
        rows.append(
            {"question_id": number // 3, "model_a": a, "model_b": b, "winner": winner, "annotator": f"w{number % 4}", **text}
        )
    rows.append(
        {
            "question_id": 0,
            "model_a": "good",
            "model_b": "poor",
            "winner": None,
            "annotator": "w0",
            "response_a": "",
            "response_b": "",
        }
    )
    return write(tmp_path_factory.mktemp("battles") / "battles.jsonl", rows)


@pytest.mark.parametrize("how", ["bradley-terry", "rao-kupper", "davidson", "style", "crowd", "elo"])
def test_battles_are_rated_in_every_way(battles: Path, how: str):
    told = run("rank-models", battles, "--how", how, "--resamples", 20)
    ratings = named(told, "rating")
    assert list(ratings) == ["good", "fair", "poor"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in ratings.values())
    assert sum(row["value"] for row in ratings.values()) / 3 == pytest.approx(1000, abs=1)
    if how in ("rao-kupper", "davidson"):
        assert 0.02 < named(told, "ties")["equal models tie"]["value"] < 0.2
    if how == "crowd":
        honest = named(told, "annotators")
        assert honest["w3"]["value"] < 0.4 < 0.7 < honest["w0"]["value"]
    if how == "style":
        assert list(named(told, "style")) == ["length"]


def test_social_choice_needs_no_strengths(tmp_path: Path):
    beats = [("rock", "scissors"), ("scissors", "paper"), ("paper", "rock")]
    rows = [{"model_a": a, "model_b": b, "winner": "model_a"} for a, b in beats]
    told = run("rank-models", write(tmp_path / "b.jsonl", rows), "--how", "social-choice")
    assert [row["value"] for row in named(told, "maximal lottery").values()] == pytest.approx([1 / 3] * 3)
    assert [row["value"] for row in named(told, "Copeland").values()] == [1, 1, 1]
    assert named(told, "cycles")["cyclic triples"]["value"] == 1.0


def verdicts(path: Path, model: str, scores: list[float], first: int = 0) -> Path:
    return write(
        path,
        [
            {"instruction": f"q{first + k}", "generator_1": "base", "generator_2": model, "preference": 1 + s}
            for k, s in enumerate(scores)
        ],
    )


def test_verdicts_of_several_models_are_ranked_with_differences_that_hold_together(tmp_path: Path):
    rng = np.random.default_rng(1)
    rates = {"strong": 0.8, "weak": 0.3, "alike": 0.3}
    files = [verdicts(tmp_path / f"{m}.jsonl", m, (rng.random(200) < rate).astype(float).tolist()) for m, rate in rates.items()]
    board = write(tmp_path / "board.jsonl", [{"model": m, "win_rate": 100 * rate} for m, rate in rates.items()])
    told = run("rank-models", *files, "--against", board)
    assert next(iter(named(told, "win rate"))) == "strong"
    differences = named(told, "difference")
    assert len(differences) == 3
    assert all("less" in name and row["low"] <= row["value"] <= row["high"] for name, row in differences.items())
    assert named(told, "ranking")["separable"]["value"] == pytest.approx(2 / 3)
    assert named(told, "ranking")["ordered alike"]["value"] == 1.0
    assert named(told, "ranking")["Spearman"]["value"] > 0.8
    with pytest.raises(InputError, match="leave it out"):
        run("rank-models", *files, "--how", "elo")
    with pytest.raises(InputError, match="leave it out"):
        run("rank-models", files[0], "--against", board)


@pytest.mark.parametrize("how", ["majority", "one-coin", "dawid-skene", "glad"])
def test_labels_are_aggregated_in_every_way(tmp_path: Path, how: str):
    rng, rows = np.random.default_rng(2), []
    truth = rng.integers(2, size=60)
    for worker, accuracy in (("a", 0.95), ("b", 0.9), ("c", 0.85), ("coin", 0.5)):
        for item in range(60):
            said = truth[item] if rng.random() < accuracy else 1 - truth[item]
            rows.append(
                {"worker": worker, "item": f"i{item:02}", "label": None if worker == "coin" and item == 0 else ("no", "yes")[said]}
            )
    out = tmp_path / "labels.jsonl"
    told = run("aggregate", write(tmp_path / "votes.jsonl", rows), "--how", how, "--resamples", 10, "--out", out)
    assert (told["items"], told["votes"], told["abstentions"]) == (60, 239, 1)
    reliability = named(told, "reliability")
    assert reliability["a"]["value"] > reliability["coin"]["value"] + 0.15
    written = [json.loads(line) for line in out.read_text().splitlines()]
    right = [each["label"] == ("no", "yes")[truth[int(each["item"][1:])]] for each in written]
    assert np.mean(right) > (0.8 if how == "majority" else 0.9)  # of four votes, two and two are nobody's majority


def test_preferences_of_several_annotators_are_votes_whichever_way_round_they_were_shown(tmp_path: Path):
    rows = [
        {"prompt": f"p{k}", "left": "x", "right": "y", "p_left": p, "annotator": who}
        for k in range(6) for who, p in (("one", 1.0), ("two", 1.0), ("three", float(k % 2)))
    ]  # fmt: skip
    for row in rows[::2]:
        row |= {"left": "y", "right": "x", "p_left": 1 - row["p_left"]}
    told = run("aggregate", write(tmp_path / "prefs.jsonl", rows), "--how", "majority")
    assert named(told, "reliability")["one"]["value"] == named(told, "reliability")["two"]["value"] == 0.75
    assert named(told, "reliability")["three"]["value"] == 0.5


def test_what_the_mean_hides_and_to_whom_a_policy_speaks(tmp_path: Path):
    rows = [
        {"persona": judge, "spoken_to": spoken, "prompt": f"p{k}", "score": 0.9 if judge == spoken else (0.1 if k % 2 else 0.3)}
        for k in range(6) for judge in "ab" for spoken in "ab"
    ]  # fmt: skip
    told = run("pluralism", write(tmp_path / "steered.jsonl", rows))
    assert named(told, "steerability")["steerability"]["value"] == pytest.approx(0.7)
    unequal = [{"group": g, "prompt": f"p{k}", "score": s} for k in range(6) for g, s in (("left out", 0.1), ("served", 0.9))]
    told = run("pluralism", write(tmp_path / "unequal.jsonl", unequal))
    over = named(told, "over groups")
    assert (over["mean"]["value"], over["worst"]["value"], over["worst"]["finding"]) == (0.5, pytest.approx(0.1), "left out")
    assert "steerability" not in {row["group"] for row in told["measures"]}
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        run("pluralism", write(tmp_path / "bad.jsonl", [{"group": "g", "prompt": "p", "score": 7}]))


def test_answers_are_spread_as_peoples_are_or_are_not(tmp_path: Path):
    people = [{"question": q, "option": o, "share": n} for q in ("q1", "q2") for o, n in (("yes", 30), ("no", 10), ("other", 0))]
    alike = [{"question": q, "option": o, "share": n} for q in ("q1", "q2") for o, n in (("yes", 0.75), ("no", 0.25))]
    there = write(tmp_path / "people.jsonl", people)
    far = run("pluralism", write(tmp_path / "sure.jsonl", [r for r in alike if r["option"] == "no"]), "--people", there)
    near = run("pluralism", write(tmp_path / "model.jsonl", alike), "--people", there)
    assert named(near, "mean over questions")["total variation"]["value"] == pytest.approx(0)
    assert named(far, "mean over questions")["total variation"]["value"] == pytest.approx(0.75)
    with pytest.raises(InputError, match="same questions"):
        run("pluralism", write(tmp_path / "less.jsonl", alike[:2]), "--people", there)
    with pytest.raises(InputError, match="not offered"):
        run(
            "pluralism",
            write(tmp_path / "more.jsonl", [*alike, {"question": "q1", "option": "perhaps", "share": 1}]),
            "--people",
            there,
        )


def test_few_human_verdicts_correct_many_of_a_judge(tmp_path: Path):
    rng = np.random.default_rng(3)
    human = (rng.random(600) < 0.4).astype(float)
    judge = np.where(rng.random(600) < 0.1, 1 - human, human) * 0.8 + 0.2 * (rng.random(600) < 0.9)
    judged = verdicts(tmp_path / "judge.jsonl", "m", judge.clip(0, 1).tolist())
    gold = verdicts(tmp_path / "gold.jsonl", "m", human[:100].tolist())
    rates = named(run("corrected", judged, "--gold", gold), "win rate")
    assert rates["corrected"]["low"] < human.mean() < rates["corrected"]["high"]
    assert rates["judge alone"]["low"] > human.mean()
    width = {name: row["high"] - row["low"] for name, row in rates.items()}
    assert width["corrected"] < 0.75 * width["people alone"]
    with pytest.raises(InputError, match="no verdict in"):
        run("corrected", gold, "--gold", judged)


def test_power_measures_the_variance_of_verdicts_that_are_there(tmp_path: Path):
    rng = np.random.default_rng(4)
    rates = rng.choice([0.1, 0.9], 300)
    samples = [verdicts(tmp_path / f"s{k}.jsonl", "m", (rng.random(300) < rates).astype(float).tolist()) for k in range(3)]
    words = [word for path in samples for word in ("--verdicts", path)]
    told = run("power", "--delta", 5, *words)
    assert told["variance"] == pytest.approx(0.25, abs=0.01)
    assert told["between"] == pytest.approx(0.64, abs=0.08)
    with pytest.raises(InputError, match="several samples"):
        run("power", "--delta", 5, "--verdicts", samples[0])
    with pytest.raises(InputError, match="leave these out"):
        run("power", "--delta", 5, "--between", 0.2, *words)


def test_rank_models_says_what_it_left_out(tmp_path):
    rows = [{"model_a": a, "model_b": b, "winner": "model_a"} for a, b in (("x", "y"), ("y", "x"), ("x", "x"), ("y", "x"))]
    (tmp_path / "battles.json").write_text(json.dumps(rows), encoding="utf-8")
    words = ["rank-models", str(tmp_path / "battles.json"), "--json"]
    shown = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    assert shown["notes"] == "1 battle of a model with itself abstained"
    assert [row["abstentions"] for row in shown["measures"]] == [1, 1]
