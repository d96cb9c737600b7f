"""Arena-style battle files in and out."""

import json
from pathlib import Path

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.files.battles import read_battles
from pasture.eval.rankings.battles import battles


def test_arena_battles_are_read(tmp_path: Path) -> None:
    said = ["model_a", "model_b", "tie", "tie (bothbad)", None]
    rows = [{"question_id": f"q{at // 2}", "model_a": "x", "model_b": "y", "winner": winner} for at, winner in enumerate(said)]
    path = tmp_path / "battles.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    found = read_battles(path)
    assert (found.models, found.abstentions, found.prompts) == (("x", "y"), 1, 2)
    np.testing.assert_array_equal(found.p_left_N, [1, 0, 0.5, 0.5])


def test_one_column_a_winner_is_read(tmp_path: Path) -> None:
    path = tmp_path / "battles.csv"
    path.write_text(
        "id,model_a,model_b,winner_model_a,winner_model_b,winner_tie\n1,x,y,1,0,0\n2,x,y,0,1,0\n3,y,x,0,0,1\n4,x,y,0,0,0\n",
        encoding="utf-8",
    )
    found = read_battles(path)
    np.testing.assert_array_equal(found.p_left_N, [1, 0, 0.5])
    assert found.abstentions == 1


def test_soft_battles_are_read(tmp_path: Path) -> None:
    rows = [("p", "x", "y", "model_a", 0.9), ("p", "y", "z", "tie", 0.5), ("q", "z", "x", "model_b", 0.2)]
    names = ("question_id", "model_a", "model_b", "winner", "p_a")
    (tmp_path / "in.json").write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]), encoding="utf-8")
    read, made = read_battles(tmp_path / "in.json"), battles(["x", "y", "z"], ["y", "z", "x"], [0.9, 0.5, 0.2], ["p", "p", "q"])
    assert read.models == made.models
    for name in ("left_N", "right_N", "p_left_N", "prompts_N"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"model_a": "x", "model_b": "y"}, "battles need model_a, model_b and winner"),
        ({"model_a": "x", "model_b": "y", "winner": "x"}, "row 1: the winner is 'x'"),
        ({"model_a": "x", "model_b": "y", "winner_model_a": 1, "winner_tie": 1}, "2 winners"),
        ({"model_a": "x", "model_b": "y", "p_a": 1.5}, "row 1: `p_a` is 1.5"),
        ({"model_a": "x", "model_b": "y", "p_a": [{"role": "user"}]}, "row 1: `p_a` is"),
        ({"model_a": "x", "model_b": "y", "winner": "model_b", "p_a": 0.9}, "the winner is 'model_b', and `p_a` is 0.9"),
        ({"model_a": "x", "model_b": "y", "winner_model_a": "no"}, "`winner_model_a` is 'no'"),
        ({"model_a": "x", "model_b": "y", "winner_model_a": float("nan")}, "`winner_model_a` is nan"),
        ({"model_a": None, "model_b": "y", "winner": "tie"}, "`model_a` is"),
        ({"model_a": "x", "model_b": "y", "winner": 1}, "the winner is 1"),
    ],
)
def test_bad_battles_are_refused(tmp_path: Path, row: dict[str, object], problem: str) -> None:
    path = tmp_path / "battles.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_battles(path)


def _battles_of(tmp_path: Path, rows: list[dict[str, object]]):
    path = tmp_path / "battles.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return read_battles(path)


def test_a_battle_of_a_model_with_itself_is_a_counted_abstention(tmp_path: Path) -> None:
    pairs = [("x", "y", "model_a"), ("y", "x", "model_a"), ("x", "x", "model_a"), ("z", "z", "tie")]
    found = _battles_of(tmp_path, [{"model_a": a, "model_b": b, "winner": winner} for a, b, winner in pairs])
    assert (found.models, len(found), found.abstentions) == (("x", "y"), 2, 2)
    assert found.notes == ("2 battles of a model with itself abstained",)


@pytest.mark.parametrize("spelling", ["both_bad", "Both Bad", "tie (bothbad)", "tie(both_bad)", "bothbad", "TIE"])
def test_ties_are_read_however_they_are_spelt(tmp_path: Path, spelling: str) -> None:
    assert _battles_of(tmp_path, [{"model_a": "x", "model_b": "y", "winner": spelling}]).p_left_N.tolist() == [0.5]


@pytest.mark.parametrize("asked", ["prompt", "conversation_a"])
@pytest.mark.parametrize("name", ["id", "question_id"])
def test_ids_that_number_rows_are_no_prompts(tmp_path: Path, asked: str, name: str) -> None:
    rows = []
    for at in range(12):
        text = f"question {at % 3}"
        shown = text if asked == "prompt" else [{"role": "user", "content": text}, {"role": "assistant", "content": f"{at}"}]
        rows.append({name: at, "model_a": "x", "model_b": "y", "winner": "model_a", asked: shown})
    found = _battles_of(tmp_path, rows)
    assert found.prompts == 3
    assert found.notes == (f"12 values of `{name}` name 3 prompts by their text: intervals are clustered by prompt text",)


def test_ids_of_prompts_stay_the_prompts_where_texts_say_nothing_else(tmp_path: Path) -> None:
    rows = [{"id": at // 2, "model_a": "x", "model_b": "y", "winner": "tie", "prompt": f"{at // 2}"} for at in range(8)]
    assert _battles_of(tmp_path, rows).prompts == 4
    assert _battles_of(tmp_path, rows).notes == ()
    rows = [{"id": 0, "model_a": "x", "model_b": "y", "winner": "tie", "prompt": f"{at}"} for at in range(8)]
    assert _battles_of(tmp_path, rows).prompts == 1  # one id, several turns
