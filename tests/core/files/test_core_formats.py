"""Pairs come in by the field's columns, preferences go out as a TRL data set, and nothing is lost on the way."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.files.preferences import join_outputs, read_pairs, undecided_path, write_preferences
from pasture.core.files.tables import read_rows
from pasture.core.records import Abstention, Comparison, Completion, Message, Preference, Prompt, Reason

ROWS = [
    {"prompt": "Name a colour.", "left": "red", "right": "blue"},
    {"prompt": "Name a colour.", "left": "red", "right": "green"},
    {"prompt": "Say \"hi\", twice.", "left": "hi\nhi", "right": ""},
    {"prompt": "Name a colour.", "left": "red", "right": "blue"},
]  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = json.dumps(rows) if ".json" in path.suffixes else "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        import csv

        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == "":
        datasets = pytest.importorskip("datasets")
        datasets.Dataset.from_list(rows).save_to_disk(str(path))
    else:
        path.write_text(text)
    return path


def texts(pairs: list[Comparison]) -> list[tuple[str, str, str]]:
    return [(pair.prompt.text, pair.left.text, pair.right.text) for pair in pairs]


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.parquet", "p.jsonl.gz", "p.json.gz", "folder"])
def test_every_kind_of_file_gives_the_same_pairs_in_order_with_duplicates(tmp_path: Path, name: str):
    pairs = read_pairs(write(tmp_path / name, ROWS))
    assert texts(pairs) == [tuple(row.values()) for row in ROWS]
    assert pairs[0] == pairs[3]
    assert pairs[0].prompt.id == pairs[1].prompt.id != pairs[2].prompt.id


def test_alpacaeval_columns_are_read(tmp_path: Path):
    rows = [{"instruction": "Add.", "output_1": "2", "output_2": "3", "dataset": "x"}]
    assert texts(read_pairs(write(tmp_path / "a.json", rows))) == [("Add.", "2", "3")]


def test_chosen_is_not_always_shown_first(tmp_path: Path):
    rows = [{"prompt": f"p{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(400)]
    pairs = read_pairs(write(tmp_path / "c.jsonl", rows))
    firsts = sum(pair.left.text.startswith("good") for pair in pairs)
    assert 150 < firsts < 250  # binomial(400, .5): five standard deviations
    assert pairs == read_pairs(tmp_path / "c.jsonl")


def test_conversations_are_read(tmp_path: Path):
    prompt = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    row = {"prompt": prompt, "chosen": [{"role": "assistant", "content": "Hello"}], "rejected": "Go", "left_was_chosen": True}
    (pair,) = read_pairs(write(tmp_path / "c.jsonl", [row]))
    assert pair.prompt == Prompt("Hi", history=(Message("system", "Be kind."),))
    assert (pair.left.text, pair.right.text) == ("Hello", "Go")


def test_an_id_names_the_prompt_and_only_one(tmp_path: Path):
    rows = [{"id": 7, **ROWS[0]}, {"id": 7, **ROWS[1]}]
    assert {pair.prompt.id for pair in read_pairs(write(tmp_path / "i.jsonl", rows))} == {"7"}
    with pytest.raises(InputError, match="gives the id '7' to 2 different prompts"):
        read_pairs(write(tmp_path / "j.jsonl", [rows[0], {"id": 7, **ROWS[2]}]))


ONE_SIDE = '{"prompt": "x", "left": "y"}\n'
ENDS_ON_AN_ANSWER = '{"prompt": [{"role": "assistant", "content": "x"}], "left": "y", "right": "z"}'


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", "", "'.*a.jsonl' is empty; it holds at least one row"),
        ("a.json", "[]", "is empty"),
        ("a.csv", "prompt,left,right\n", "is empty"),
        ("a.jsonl", '{"prompt": "x", "left": "y", "right": "z"}\n{"prompt": "x", "left"\n', r"line 2 is not JSON .*'{\"prompt\""),
        ("a.jsonl", '{"prompt": "x", "left": "y", "right": "z"}\n{"prompt": "x", "left": "y"}\n', "row 2 has no column `right`"),
        ("a.jsonl", '{"prompt": "x", "left": null, "right": "z"}', "row 1: `left` is null"),
        ("a.jsonl", '{"prompt": "x", "left": 3, "right": "z"}', "row 1: `left` is 3; it is text, or a list of"),
        ("a.jsonl", '{"prompt": [{"role": "robot", "content": "x"}], "left": "y", "right": "z"}', "with roles"),
        ("a.jsonl", '{"prompt": "x", "left": "\\ud800", "right": "z"}', "half a surrogate pair at character 0"),
        ("a.jsonl", '{"id": [1], "prompt": "x", "left": "y", "right": "z"}', r"`id` is \[1\]"),
        ("a.jsonl", "[1]\n", "row 1 is '\\[1\\]'; a row is an object"),
        ("a.json", '{"prompt": 1}', "a .json file holds an array"),
        ("a.json", "[", "is not JSON .*one object per line is .jsonl"),
        ("a.jsonl", ONE_SIDE, "has the columns prompt, left; a pair is in one of: prompt, left, right; inst"),
        ("a.jsonl", ENDS_ON_AN_ANSWER, "a prompt ends with the user's"),
        ("a.csv", "prompt,left,right\nx,y,z,too much\n", "row 1 has more fields than the header"),
        ("a.csv", 'prompt,left,right\nx,"y,z\n', "is not CSV"),
        ("a.parquet", "no parquet", "cannot be read .*not a parquet file"),
        ("a.xlsx", "x", r"has the suffix '.xlsx'; readable are: .jsonl"),
        ("a.jsonl.gz", "not zipped", "cannot be read"),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / name)


def test_a_missing_file_and_an_empty_folder_are_explained(tmp_path: Path):
    with pytest.raises(InputError, match=r"no file '.*none.jsonl'; give a file: .jsonl"):
        read_pairs(tmp_path / "none.jsonl")
    pytest.importorskip("datasets")
    with pytest.raises(InputError, match="holds neither a saved data set"):
        read_pairs(tmp_path)


def outputs(path: Path, model: str, answers: list[tuple[str, str]]) -> Path:
    return write(path, [{"instruction": ask, "output": said, "generator": model} for ask, said in answers])


def test_two_files_of_outputs_are_joined_by_instruction_not_by_row(tmp_path: Path):
    left = outputs(tmp_path / "a.json", "a", [("x", "a-x1"), ("y", "a-y"), ("x", "a-x2")])
    right = outputs(tmp_path / "b.json.gz", "b", [("y", "b-y"), ("x", "b-x1"), ("x", "b-x2")])
    pairs = join_outputs(left, right)
    assert texts(pairs) == [("x", "a-x1", "b-x1"), ("y", "a-y", "b-y"), ("x", "a-x2", "b-x2")]
    assert (pairs[0].left.model, pairs[0].right.model) == ("a", "b")


def test_outputs_on_different_instructions_are_refused_both_ways(tmp_path: Path):
    one = outputs(tmp_path / "a.json", "a", [("x", "1")])
    two = outputs(tmp_path / "b.json", "b", [("x", "1"), ("y", "2")])
    with pytest.raises(InputError, match=r"a.json' has no answer to 'y', which '.*b.json' has"):
        join_outputs(one, two)
    with pytest.raises(InputError, match=r"a.json' has no answer to 'y', which '.*b.json' has"):
        join_outputs(two, one)


def verdicts(history: tuple[Message, ...] = ()) -> list[Preference | Abstention]:
    def pair(number: int) -> Comparison:
        prompt = Prompt(f"q{number}", history=history)
        return Comparison(Completion(prompt, f"l{number}", model="one"), Completion(prompt, f"r{number}", model="two"))

    parts = (Preference(pair(0), 0.9, "judge"), Preference(pair(0).swapped(), 0.7, "judge"))
    return [
        Preference(pair(0), 0.6, "swap(judge)", parts=parts),
        Preference(pair(1), 0.5, "judge"),
        Preference(pair(2), 0.0, "judge", persona="ann"),
        Abstention(pair(3), Reason.UNPARSABLE, "judge", "said 'maybe'"),
        Preference(pair(2), 0.0, "judge", persona="ann"),
    ]


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.parquet", "p.jsonl.gz", "folder"])
def test_what_was_said_comes_out_in_every_kind_of_file(tmp_path: Path, name: str):
    if name == "folder":
        pytest.importorskip("datasets")
    written = write_preferences(tmp_path / name, verdicts())
    assert (written.decided, written.undecided) == (3, 2)
    rows = read_rows(tmp_path / name)
    assert [(row["prompt"], row["chosen"], row["rejected"]) for row in rows] == [
        ("q0", "l0", "r0"),
        ("q2", "r2", "l2"),
        ("q2", "r2", "l2"),
    ]
    assert [float(row["p_chosen"]) for row in rows] == [0.6, 1.0, 1.0]
    assert [str(row["left_was_chosen"]) for row in rows] == ["True", "False", "False"]
    undecided = read_rows(undecided_path(tmp_path / name))
    assert [(row["row"], row["reason"], row["left"], row["detail"]) for row in undecided] == [
        (1, "tie", "l1", ""),
        (3, "unparsable", "l3", "said 'maybe'"),
    ]
    # What was shown comes back, in the order in which it was shown.
    assert texts(read_pairs(tmp_path / name)) == [("q0", "l0", "r0"), ("q2", "l2", "r2"), ("q2", "l2", "r2")]
    assert not list(tmp_path.glob(".*"))


def test_the_parts_say_what_each_order_got(tmp_path: Path):
    write_preferences(tmp_path / "p.parquet", verdicts())
    assert read_rows(tmp_path / "p.parquet")[0]["parts"] == [
        {"annotator": "judge", "was_swapped": False, "p_first": 0.9},
        {"annotator": "judge", "was_swapped": True, "p_first": 0.7},
    ]


def test_a_file_of_undecided_ones_from_an_earlier_run_is_taken_away(tmp_path: Path):
    write_preferences(tmp_path / "p.jsonl", verdicts())
    written = write_preferences(tmp_path / "p.jsonl", verdicts()[:1])
    assert written.undecided_path is None
    assert not undecided_path(tmp_path / "p.jsonl").exists()


def test_with_nothing_decided_the_columns_are_still_there(tmp_path: Path):
    write_preferences(tmp_path / "p.parquet", verdicts()[1:2])
    assert {"prompt", "chosen", "rejected"} <= set(pq.read_table(tmp_path / "p.parquet").column_names)


def test_conversations_do_not_fit_a_csv(tmp_path: Path):
    with pytest.raises(InputError, match="a CSV cannot"):
        write_preferences(tmp_path / "p.csv", verdicts((Message("user", "a"), Message("assistant", "b"))))


def test_an_unknown_suffix_and_a_strange_folder_are_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(InputError, match=r"suffix '.xlsx'; writable are"):
        write_preferences(tmp_path / "p.xlsx", verdicts())
    pytest.importorskip("datasets")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="exists and is not a saved data set"):
        write_preferences(tmp_path / "mine", verdicts())
    assert (tmp_path / "mine" / "thesis.txt").exists()


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=6))
def test_any_text_survives_export_and_import(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, float]]):
    rows = [(ask, left, right, p) for ask, left, right, p in rows if "\r" not in ask + left + right]
    path = tmp_path_factory.mktemp("any") / "p.jsonl"
    said = []
    for ask, left, right, p_left in rows:
        prompt = Prompt(ask)
        said.append(Preference(Comparison(Completion(prompt, left), Completion(prompt, right)), p_left, "x"))
    write_preferences(path, said)
    decided = [each for each in said if not each.is_tied]
    if decided:
        assert texts(read_pairs(path)) == texts([each.comparison for each in decided])


@pytest.mark.slow
@pytest.mark.parametrize("history", [(), (Message("user", "a"), Message("assistant", "b"))])
def test_the_export_loads_as_a_trl_preference_data_set(tmp_path: Path, history: tuple[Message, ...]):
    datasets = pytest.importorskip("datasets")
    data_utils = pytest.importorskip("trl.data_utils")
    write_preferences(tmp_path / "p.parquet", verdicts(history))
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "p.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 3
    assert data_utils.is_conversational(loaded[0]) is bool(history)
    unpaired = data_utils.unpair_preference_dataset(loaded)
    assert sorted(unpaired["label"]) == [False] * 3 + [True] * 3
