"""Arena-style battle files in and out."""

import json
from pathlib import Path

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.eval.files.battles import read_battles, write_battles
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


def test_soft_battles_come_back_as_they_went_out(tmp_path: Path) -> None:
    first = battles(["x", "y", "z"], ["y", "z", "x"], [0.9, 0.5, 0.2], ["p", "p", "q"])
    write_battles(tmp_path / "out.jsonl", first)
    second = read_battles(tmp_path / "out.jsonl")
    assert second.models == first.models
    for name in ("left_N", "right_N", "p_left_N", "prompts_N"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))
    winners = [json.loads(line)["winner"] for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert winners == ["model_a", "tie", "model_b"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"model_a": "x", "model_b": "y"}, "battles need model_a, model_b and winner"),
        ({"model_a": "x", "model_b": "y", "winner": "x"}, "row 1: the winner is 'x'"),
        ({"model_a": "x", "model_b": "x", "winner": "tie"}, "against itself"),
        ({"model_a": "x", "model_b": "y", "winner_model_a": 1, "winner_tie": 1}, "2 winners"),
        ({"model_a": "x", "model_b": "y", "p_a": 1.5}, "p_left 1.5"),
    ],
)
def test_bad_battles_are_refused(tmp_path: Path, row: dict[str, object], problem: str) -> None:
    path = tmp_path / "battles.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_battles(path)
