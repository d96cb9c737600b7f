"""AlpacaEval's files: what is read from them, what is refused, and the published numbers that come out."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pasture.core.errors import InputError, UnknownName
from pasture.eval.files.alpaca_eval import (
    Judgments,
    find_instructions,
    read_folder,
    read_judgments,
    read_outputs_by_model,
)
from pasture.eval.files.judgments import score_from_logprobs, scores_from_logprobs, was_switched
from pasture.eval.leaderboards.leaderboard import raw_win_rate
from pasture.eval.leaderboards.published import read_published

from ...published_data import ALPACA_EVAL, needs

needs_data = needs(ALPACA_EVAL)


def annotation(number: int, preference: object = 2, **more: object) -> dict[str, object]:
    return {
        "instruction": f"question {number}",
        "output_1": "baseline's",
        "generator_1": "base",
        "output_2": "the model's answer",
        "generator_2": "ours",
        "annotator": "judge",
        "preference": preference,
    } | more


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_annotations_are_read_as_alpaca_eval_writes_them(tmp_path: Path) -> None:
    raw = {
        "logprobs": {
            "content": [{"token": "m", "top_logprobs": [{"token": "m", "logprob": -0.5}, {"token": "M", "logprob": -1.0}]}]
        }
    }
    rows = [annotation(0, 1.25, raw_completion=raw), annotation(1, None), annotation(2, 0), annotation(3, 2, raw_completion=None)]
    found = read_judgments(write(tmp_path / "annotations.json", rows))
    assert (found.model, found.judge, found.baseline) == ("ours", "judge", "base")
    assert found.ids == tuple(f"question {number}" for number in range(4))
    np.testing.assert_array_equal(found.scores_N, [0.25, math.nan, 0.5, 1])
    assert found.lengths_N is not None
    assert found.baseline_lengths_N is not None
    assert (found.lengths_N[0], found.baseline_lengths_N[0]) == (len("the model's answer"), len("baseline's"))
    assert found.top_logprobs == ({"m": -0.5, "M": -1.0}, None, None, None)


def test_a_folder_gives_each_model_and_judge_once_and_names_both_by_folder(tmp_path: Path) -> None:
    for model, judge in (("b", "x"), ("a", "x"), ("a", "y")):
        write(tmp_path / model / judge / "annotations.json", [annotation(0, generator_2="placeholder")])
    assert [(each.model, each.judge) for each in read_folder(tmp_path)] == [("a", "x"), ("b", "x"), ("a", "y")]
    assert [each.model for each in read_folder(tmp_path, "y")] == ["a"]
    assert [each.judge for each in read_folder(tmp_path / "b")] == ["judge"]  # from the file, above the model's folder
    with pytest.raises(UnknownName, match="no judge is called 'z'; known: x, y"):
        read_folder(tmp_path, "z")


def test_a_table_is_read_like_json_with_ids_from_the_instruction_file(tmp_path: Path) -> None:
    (tmp_path / "instructions.csv").write_text('index,instruction\n7,question 0\n9,"two\nlines"\n', encoding="utf-8")
    table = 'index,generator_1,preference,len_1,len_2,top_logprobs\n9,base,1.0,10,20,"[[""m"", -0.1]]"\n7,base,,11,21,\n'
    with gzip.open(tmp_path / "my__model__the~judge.csv.gz", "wt", encoding="utf-8") as file:
        file.write(table)
    (found,) = read_folder(tmp_path)
    assert (found.model, found.judge, found.ids) == ("my__model", "the/judge", (9, 7))
    np.testing.assert_array_equal(found.scores_N, [0, math.nan])
    assert found.top_logprobs == ({"m": -0.1}, None)
    write(tmp_path / "other" / "judge" / "annotations.json", [annotation(0)])
    assert read_folder(tmp_path, "judge")[0].ids == (7,)


def test_a_table_without_lengths_has_none(tmp_path: Path) -> None:
    path = tmp_path / "m__j.csv"
    path.write_text("index,generator_1,preference\n0,base,2\n1,base,1\n", encoding="utf-8")
    assert read_judgments(path).lengths_N is None


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([annotation(0), annotation(0)], "1 instructions are judged twice, 'question 0'"),
        ([annotation(0), annotation(1, generator_1="other")], "2 baselines"),
        ([annotation(0, 2.5)], "`preference` is 2.5"),
        ([annotation(0, 0.5)], "`preference` is 0.5"),
        ([annotation(0, "model")], "`preference` is 'model'"),
        ([{"instruction": "q", "preference": 1}], "need index or instruction, generator_1"),
    ],
)
def test_bad_annotations_are_refused_with_the_file(tmp_path: Path, rows: list[dict[str, object]], problem: str) -> None:
    path = write(tmp_path / "annotations.json", rows)
    with pytest.raises(InputError, match=problem) as caught:
        read_judgments(path)
    assert str(path) in str(caught.value)


def test_a_nan_preference_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps([annotation(0, math.nan), annotation(1)]), encoding="utf-8")
    np.testing.assert_array_equal(np.isnan(read_judgments(path).scores_N), [True, False])


def test_an_empty_folder_and_one_model_judged_twice_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no judgments"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        read_folder(tmp_path / "absent")
    write(tmp_path / "a" / "x" / "annotations.json", [annotation(0)])
    (tmp_path / "a__x.csv").write_text("index,generator_1,preference\n0,base,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="both judge 'a' by 'x'"):
        read_folder(tmp_path)


def test_a_score_from_log_probabilities_comes_out_as_worked_by_hand() -> None:
    # p(m) = .6, p(M) = .2: the second is better with .2/.8 = .25; seen from the other side .75.
    top = {"m": math.log(0.6), "M": math.log(0.2), "The": math.log(0.1)}
    assert score_from_logprobs(top, switched=False) == pytest.approx(0.25)
    assert score_from_logprobs(top, switched=True) == pytest.approx(0.75)
    assert score_from_logprobs({"m": -0.1}, switched=False) == 0.0  # M is not among the likeliest
    assert math.isnan(score_from_logprobs({"The": -0.1}, switched=False))


def test_the_order_is_drawn_by_the_instruction_alone() -> None:
    shown = [was_switched(f"question {number}") for number in range(2000)]
    assert shown == [was_switched(f"question {number}") for number in range(2000)]
    assert 900 < sum(shown) < 1100


@pytest.mark.slow
@needs_data
def test_published_win_rates_errors_and_counts_come_out_for_every_model() -> None:
    published, compared = read_published(ALPACA_EVAL / "published"), 0
    for each in read_folder(ALPACA_EVAL):
        row = published.row(each)
        if row is None:
            continue
        raw, compared = raw_win_rate(each), compared + 1
        assert raw.value is not None
        assert raw.standard_error is not None
        assert 100 * raw.value == pytest.approx(row["win_rate"], abs=1e-6)
        assert 100 * raw.standard_error == pytest.approx(row["standard_error"], abs=1e-6)
        assert (raw.n, raw.extra["wins"], raw.extra["losses"]) == (row["n_total"], row["n_wins"], row["n_wins_base"])
    assert compared > 0


@needs_data
def test_published_preferences_come_out_of_the_raw_log_probabilities() -> None:
    known, made = find_instructions(ALPACA_EVAL), 0
    assert known is not None
    for each in read_folder(ALPACA_EVAL, "weighted_alpaca_eval_gpt4_turbo"):
        scores_N = scores_from_logprobs(each, known.texts)
        both_N = np.isfinite(scores_N)
        np.testing.assert_allclose(scores_N[both_N], each.scores_N[both_N], atol=1e-9)
        made += int(both_N.sum())
    assert made > 0


@needs_data
def test_real_outputs_are_read_by_model() -> None:
    outputs = read_outputs_by_model(ALPACA_EVAL)
    known = find_instructions(ALPACA_EVAL)
    assert known is not None
    assert set(outputs["gpt4_1106_preview"]) == set(known.indices)
    judged = next(each for each in read_folder(ALPACA_EVAL, "weighted_alpaca_eval_gpt4_turbo") if each.model == "NullModel")
    assert judged.lengths_N is not None
    assert judged.lengths_N[0] == len(outputs["NullModel"][known.texts[judged.ids[0]]])


def test_judgments_say_whether_a_model_is_its_own_baseline() -> None:
    assert Judgments("a", "judge", "a", (1,), np.array([0.5])).is_itself
    assert not Judgments("b", "judge", "a", (1,), np.array([0.5])).is_itself
