"""Cells are checked where a file is read: a wrong one is named, and none is taken for something else."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pasture.core.errors import InputError
from pasture.core.files.cells import index_of, name_of, number_of, truth_of
from pasture.core.files.labels import read_labels
from pasture.core.files.preferences import read_outputs, read_pairs, write_preferences
from pasture.core.files.tables import read_rows
from pasture.core.records import Completion, Message, Preference
from pasture.eval.files.verdicts import read_verdicts

USER, SAID, OTHER = ({"role": role, "content": text} for role, text in (("user", "q"), ("assistant", "a"), ("assistant", "b")))
ROW = {"prompt": "q", "chosen": "a", "rejected": "b"}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "true", "True", "TRUE"])
def test_true_is_written_as_true_or_1(value: Any):
    assert truth_of(value, "x") is True


@pytest.mark.parametrize("value", [False, 0, "0", "false", "False"])
def test_false_is_written_as_false_or_0(value: Any):
    assert truth_of(value, "x") is False


@pytest.mark.parametrize("value", [None, "", "yes", "no", 2, -1, 0.5, math.nan, [], [True], {}, "t", "null"])
def test_nothing_else_is_a_truth_value(value: Any):
    with pytest.raises(InputError, match="it is true or false"):
        truth_of(value, "x")


def test_names_are_text_or_numbers_and_blank_for_nothing():
    assert [name_of(each, "x") for each in (None, math.nan, "", "m", 7, 1.5, "a\ud800")] == ["", "", "", "m", "7", "1.5", "a\ufffd"]
    for wrong in ([], ["m"], {"m": 1}, True, b"m"):
        with pytest.raises(InputError, match="it is a name"):
            name_of(wrong, "x")


def test_numbers_are_numbers_and_truth_values_are_none():
    assert number_of("1.5", "x") == 1.5
    assert math.isnan(number_of(None, "x"))
    for wrong in (True, [], {}, "a", 10**400):
        with pytest.raises(InputError, match="it is a number"):
            number_of(wrong, "x")
    assert index_of("7", "x") == 7
    for wrong in (1.5, -1, "a", None, math.inf):
        with pytest.raises(InputError):
            index_of(wrong, "x")


def test_true_and_1_are_the_same_labels_to_every_reader(tmp_path: Path):
    rates, labels = [], []
    for name, truth in {"a.jsonl": (True, False), "b.jsonl": (1, 0), "c.jsonl": ("1", "0"), "d.jsonl": ("true", "false")}.items():
        path = written(tmp_path / name, *({**ROW, "p_chosen": 1.0, "left_was_chosen": truth[n > 1]} for n in range(3)))
        rates.append(read_verdicts(path).scores.scores_N.tolist())
        labels.append([each.p_left for each in read_labels(path)])
    assert rates == labels == [[1.0, 1.0, 0.0]] * 4


@pytest.mark.parametrize("value", [None, "", "yes", 2, 0.5, []])
def test_a_left_was_chosen_that_is_neither_is_refused_by_every_reader(tmp_path: Path, value: Any):
    path = written(tmp_path / "p.jsonl", {**ROW, "p_chosen": 1.0, "left_was_chosen": value})
    for read in (read_pairs, lambda it: list(read_labels(it)), lambda it: list(read_labels(it, as_shown=False)), read_verdicts):
        with pytest.raises(InputError, match="row 1: `left_was_chosen` is"):
            read(path)


@pytest.mark.parametrize("value", [True, False, [1], {"a": 1}, "no"])
def test_a_preference_that_is_no_number_is_refused(tmp_path: Path, value: Any):
    path = written(tmp_path / "p.jsonl", {"instruction": "q", "output_1": "a", "output_2": "b", "preference": value})
    for read in (lambda it: list(read_labels(it)), read_verdicts):
        with pytest.raises(InputError, match="row 1: `preference` is"):
            read(path)


@pytest.mark.parametrize("value", [-1, math.inf, "free", [1], True])
def test_a_price_that_is_no_sum_of_dollars_is_refused(tmp_path: Path, value: Any):
    path = written(tmp_path / "p.jsonl", {"prompt": "q", "left": "a", "right": "b", "p_left": 1, "price_per_example": value})
    with pytest.raises(InputError, match="`price_per_example` is"):
        list(read_labels(path))


@pytest.mark.parametrize("name", ["p.parquet", "p.jsonl", "p.csv"])
def test_names_of_models_that_are_not_text_are_written_as_text_or_refused_at_once(tmp_path: Path, name: str):
    row = {"prompt": "q", "left": "a", "right": "b"}
    (pair,) = read_pairs(written(tmp_path / "in.jsonl", {**row, "id": 7, "left_model": 7, "right_model": math.nan}))
    write_preferences(tmp_path / name, [Preference(pair, 1.0, "x")])
    assert [str(read_rows(tmp_path / name)[0][each] or "") for each in ("id", "chosen_model", "rejected_model")] == ["7", "7", ""]
    (pair,) = read_pairs(written(tmp_path / "in.jsonl", {**row, "id": "\ud800", "left_model": "\udfff"}))
    write_preferences(tmp_path / name, [Preference(pair, 1.0, "x", rationale="\ud83d", persona="\ud800")])
    assert read_rows(tmp_path / name)[0]["chosen_model"] == "\ufffd"
    for wrong in ({}, [], ["m"], True):
        with pytest.raises(InputError, match="row 1: `left_model` is"):
            read_pairs(written(tmp_path / "in.jsonl", {**row, "left_model": wrong}))
    with pytest.raises(InputError, match="row 1: `generator` is"):
        read_outputs(written(tmp_path / "out.jsonl", {"instruction": "q", "output": "a", "generator": ["m"]}))


def test_an_empty_cell_of_a_csv_is_refused_as_null_is_and_quotes_are_an_empty_text(tmp_path: Path):
    path = tmp_path / "p.csv"
    path.write_text('prompt,left,right\nq,a,""\n')
    assert read_pairs(path)[0].right.text == ""
    path.write_text("prompt,left,right\nq,a,\n")
    with pytest.raises(InputError, match="row 1: `right` is null"):
        read_pairs(path)


LAYOUTS = {
    "prompt inside": {"chosen": [USER, SAID], "rejected": [USER, OTHER]},
    "prompt beside": {"prompt": "q", "chosen": [USER, SAID], "rejected": [USER, OTHER]},
    "prompt beside, as turns": {"prompt": [USER], "chosen": [USER, SAID], "rejected": [USER, OTHER]},
    "answers alone": {"prompt": [USER], "chosen": [SAID], "rejected": [OTHER]},
    "left and right": {"prompt": "q", "left": [USER, SAID], "right": [USER, OTHER]},
    "text": ROW,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_every_layout_of_a_conversation_is_the_same_pair(tmp_path: Path, layout: str, suffix: str):
    path = written(tmp_path / "p.jsonl", LAYOUTS[layout])
    if suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        (tmp_path / "snapshot" / "data").mkdir(parents=True)
        for part in range(2):
            name = f"train-0000{part}-of-00002.parquet"
            pq.write_table(pa.Table.from_pylist([LAYOUTS[layout]]), tmp_path / "snapshot" / "data" / name)
        path = tmp_path / "snapshot"
    for pair in read_pairs(path):
        assert (pair.prompt.text, pair.prompt.history) == ("q", ())
        assert {pair.left.text, pair.right.text} == {"a", "b"}
    assert len(read_pairs(path)) == (1 if suffix == ".jsonl" else 2)


def test_a_prompt_of_several_turns_is_what_the_conversations_share(tmp_path: Path):
    before = [{"role": "system", "content": "s"}, USER, SAID, {"role": "user", "content": "and?"}]
    rows = {"chosen": [*before, SAID], "rejected": [*before, OTHER]}
    (pair,) = read_pairs(written(tmp_path / "p.jsonl", {**rows, "prompt": "and?"}))
    assert pair.prompt.text == "and?"
    assert pair.prompt.history == (Message("system", "s"), Message("user", "q"), Message("assistant", "a"))
    assert [pair] == read_pairs(written(tmp_path / "p.jsonl", {**rows, "prompt": "q"}))  # the first turn stands beside, as in some
    with pytest.raises(InputError, match="`prompt` is 'x', and the dialogues share another"):
        read_pairs(written(tmp_path / "p.jsonl", {**rows, "prompt": "x"}))
    with pytest.raises(InputError, match="share no prompt"):
        read_pairs(written(tmp_path / "p.jsonl", {"chosen": [USER, SAID], "rejected": [{**USER, "content": "x"}, OTHER]}))


@pytest.mark.parametrize("column", ["system", "system_prompt"])
def test_a_system_column_is_the_system_turn(tmp_path: Path, column: str):
    system = Message("system", "Answer in French.")
    for row in (ROW, LAYOUTS["prompt inside"], {"instruction": "q", "output_1": "a", "output_2": "b"}):
        (pair,) = read_pairs(written(tmp_path / "p.jsonl", {column: system.content, **row}))
        assert pair.prompt.history == (system,)
    (answer,) = read_outputs(written(tmp_path / "o.jsonl", {column: system.content, "instruction": "q", "output": "a"}))
    assert answer.prompt.history == (system,)
    assert isinstance(answer, Completion)
    (pair,) = read_pairs(written(tmp_path / "p.jsonl", {column: None, **ROW}))
    assert pair.prompt.history == ()
    chat = [{"role": "system", "content": "other"}, USER]
    for value, prompt in ((3, "q"), ("s", chat)):
        with pytest.raises(InputError, match="`system"):
            read_pairs(written(tmp_path / "p.jsonl", {**ROW, column: value, "prompt": prompt}))


def test_a_folder_with_several_splits_is_refused(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "test"):
        pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / f"{split}-00000-of-00001.parquet")
    with pytest.raises(InputError, match=r"2 splits \(test, train\)"):
        read_pairs(tmp_path)
    assert len(read_pairs(tmp_path / "test-00000-of-00001.parquet")) == 1
