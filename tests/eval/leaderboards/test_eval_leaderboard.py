"""Leaderboards from judgments, and their CSV in and out."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from pasture.core.seeds import rng_for
from pasture.eval.files.alpaca_eval import Judgments
from pasture.eval.leaderboards.leaderboard import LeaderboardRow, Weights, leaderboard, to_csv
from pasture.eval.leaderboards.length_control import length_controlled_win_rate

N = 120
KEYS = ["model", "judge", "baseline", "n", "win_rate", "standard_error", "n_wins", "n_wins_base", "length_controlled_win_rate",
        "abstentions", "win_rate_interval", "length_control", "notes"]  # fmt: skip


def judged(model: str, scores: np.ndarray, judge: str = "judge", baseline: str = "base", lengths: bool = True) -> Judgments:
    rng = rng_for(1, model)
    drawn = rng.integers(10, 900, size=(2, len(scores))).astype(float)
    ids = tuple(f"prompt {number}" for number in range(len(scores)))
    return Judgments(model, judge, baseline, ids, scores, *(drawn if lengths else (None, None)))


def soft(model: str, shift: float) -> Judgments:
    return judged(model, 1 / (1 + np.exp(-rng_for(2, model).normal(shift, 1, size=N))))


def by_model(rows: list[LeaderboardRow]) -> dict[str, LeaderboardRow]:
    return {row.model: row for row in rows}


def test_the_best_comes_first_and_judges_are_kept_apart() -> None:
    given = [soft("weak", -1), soft("strong", 1), judged("strong", np.linspace(0, 1, N), judge="another")]
    rows = leaderboard(given, resamples=20)
    assert [(row.judge, row.model) for row in rows] == [("another", "strong"), ("judge", "strong"), ("judge", "weak")]
    assert "difficulty from 2 models" in rows[1].length_controlled.how
    assert "no difficulty: one model only" in rows[0].length_controlled.how
    assert rows[1].length_controlled.low is not None


def test_json_has_the_published_keys_in_percent() -> None:
    scores = np.array([1, 1, 0.5, 0, 0.75])
    (row,) = leaderboard([judged("m", scores)], resamples=0)
    found = row.as_json()
    # mean 3.25/5 = .65; deviations .35 .35 -.15 -.65 .1: squares .1225 .1225 .0225 .4225 .01 = .7; SE sqrt(.7/4/5) = .187083.
    assert found["win_rate"] == pytest.approx(65)
    assert found["standard_error"] == pytest.approx(18.70828693)
    assert (found["n"], found["n_wins"], found["n_wins_base"]) == (5, 3, 1)
    assert list(found) == KEYS
    assert found["length_control"]["source"] == "own"
    assert found["length_control"]["interval"] is None
    assert "penalty" in found["length_control"]["how"]


def test_a_row_says_from_where_its_length_control_came_and_why_auto_did_not_take_the_published_one() -> None:
    rows = [row.as_json() for row in leaderboard([soft("a", 0), soft("b", 1)], resamples=30)]
    for row in rows:
        (note,) = row["notes"]
        assert note.startswith("length control by `own`: no published weights were found; there is no published difficulty")
        low, high = row["length_control"]["interval"]
        assert low < row["length_controlled_win_rate"] < high
    (asked,) = leaderboard([soft("a", 0)], weights=Weights.OWN, resamples=0)
    assert (asked.length_control, asked.notes) == ("own", ())


def test_lengths_of_one_side_alone_are_no_lengths() -> None:
    one_sided = replace(soft("b", 1), baseline_lengths_N=None)
    rows = by_model(leaderboard([soft("a", 0), soft("c", 0.5), one_sided], resamples=0))
    assert rows["a"].length_controlled.value is not None
    assert "the lengths of the answers are not known" in rows["b"].length_controlled.how


def test_a_model_against_itself_has_a_half_and_no_error() -> None:
    (row,) = leaderboard([judged("base", np.full(N, 0.5))])
    assert (row.win_rate.value, row.win_rate.standard_error, row.length_controlled.value) == (0.5, 0.0, 0.5)
    assert (row.win_rate.low, row.length_controlled.low) == (None, None)  # known, and no interval without width


@pytest.mark.parametrize(
    ("scores", "raw", "said"),
    [
        (np.zeros(N), 0.0, "never wins"),
        (np.full(N, 0.5), 0.5, "all verdicts are ties"),
        (np.array([0.7]), 0.7, "1 verdicts"),
        (np.full(N, np.nan), None, "0 verdicts"),
    ],
)
def test_what_cannot_be_told_is_null_with_its_reason(scores: np.ndarray, raw: float | None, said: str) -> None:
    (row,) = leaderboard([judged("m", scores)])
    assert row.win_rate.value == raw
    assert row.win_rate.standard_error is None
    assert row.length_controlled.value is None
    assert said in row.length_controlled.how
    assert row.as_json()["length_controlled_win_rate"] is None


def test_without_lengths_or_published_tables_length_control_says_so() -> None:
    (row,) = leaderboard([judged("m", np.linspace(0, 1, N), lengths=False)])
    assert (row.length_controlled.value, row.avg_length) == (None, None)
    assert "lengths of the answers are not known" in row.length_controlled.how
    (row,) = leaderboard([soft("m", 0)], weights=Weights.PUBLISHED)
    assert "no published weights" in row.length_controlled.how
    (row,) = leaderboard([soft("m", 0)], weights=Weights.FIT)
    assert "there is no published difficulty of the instructions" in row.length_controlled.how


def test_a_leaderboard_row_is_the_same_fit_as_the_function() -> None:
    of = soft("m", 0.3)
    (row,) = leaderboard([of], resamples=0)
    assert of.lengths_N is not None
    assert of.baseline_lengths_N is not None
    alone = length_controlled_win_rate(of.scores_N, of.ids, of.lengths_N, of.baseline_lengths_N, resamples=0)
    assert row.length_controlled.value == alone.estimate.value


def test_models_judged_on_different_prompts_share_what_they_can() -> None:
    first, second, third = soft("a", 0), soft("b", 1), soft("c", -1)
    short = judged("short", np.linspace(0, 1, 50))
    rows = by_model(leaderboard([first, second, third, short], resamples=0))
    assert rows["short"].win_rate.n == 50
    assert all(row.length_controlled.value is not None for row in rows.values())


def test_a_csv_has_alpaca_evals_columns_and_ours_behind() -> None:
    rows = leaderboard([soft("a, with a comma", 0), judged("never", np.zeros(N)), soft("c", 1)], resamples=10)
    for before, after in zip(rows, csv.DictReader(io.StringIO(to_csv(rows))), strict=True):
        told = before.as_json()
        assert list(after)[:4] == ["", "win_rate", "standard_error", "n_wins"]
        assert (after[""], after["judge"], after["baseline"], int(after["n_total"])) == (
            before.model,
            "judge",
            before.baseline,
            told["n"],
        )
        assert (int(after["n_wins"]), int(after["n_draws"])) == (told["n_wins"], before.win_rate.extra["ties"])
        numbers = {"win_rate": told["win_rate"], "standard_error": told["standard_error"], "avg_length": before.avg_length,
                   "length_controlled_winrate": told["length_controlled_win_rate"]}  # fmt: skip
        numbers |= dict(zip(("lc_low", "lc_high"), told["length_control"]["interval"] or (None, None), strict=True))
        for name, number in numbers.items():
            assert after[name] == "" if number is None else float(after[name]) == pytest.approx(number)
        assert after["length_control"] == (told["length_control"]["source"] or "")
