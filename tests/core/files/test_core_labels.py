"""Labels are read from every form that files have them in, as they were shown or as the pair's content says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pasture.core.errors import InputError
from pasture.core.files.labels import preference_score, read_labels, read_preferences


def written(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_was_chosen_stands_as_shown_or_as_drawn(tmp_path: Path):
    rows = [
        {"prompt": f"q{n}", "chosen": "good", "rejected": "bad", "p_chosen": 0.9, "left_was_chosen": n % 2 == 0} for n in range(40)
    ]
    path = written(tmp_path / "p.jsonl", *rows)
    shown, drawn = list(read_labels(path)), list(read_labels(path, as_shown=False))
    assert [each.pair.left.text == "good" for each in shown] == [n % 2 == 0 for n in range(40)]
    lefts = [each.pair.left.text == "good" for each in drawn]
    assert 8 < sum(lefts) < 32
    assert lefts == [int(each.pair.key, 16) % 2 == 0 for each in drawn]
    for each in (*shown, *drawn):
        assert each.p_left == pytest.approx(0.9 if each.pair.left.text == "good" else 0.1)


def test_ties_and_abstentions_beside_the_file_are_read_and_preferences_leave_the_latter_out(tmp_path: Path):
    path = written(tmp_path / "p.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b"})
    undecided = [{"prompt": "q", "left": "a", "right": "c", "reason": reason} for reason in ("tie", "unparsable")]
    written(tmp_path / "p.undecided.jsonl", *undecided)
    assert [each.p_left for each in read_labels(path)][1] == 0.5
    assert math.isnan([each.p_left for each in read_labels(path)][2])
    assert [each.is_tied for each in read_preferences(path)] == [False, True]


@pytest.mark.parametrize(("cell", "score"), [(1, 0.0), ("1.25", 0.25), (2, 1.0), (1.5, 0.5), (0, 0.5)])
def test_alpaca_evals_preference_is_a_score_of_the_second_output(cell, score):
    assert preference_score(cell, "row 1") == score


@pytest.mark.parametrize("cell", [0.5, 3, math.inf, "b"])
def test_a_preference_off_the_scale_is_refused(cell):
    with pytest.raises(InputError, match="row 1 is"):
        preference_score(cell, "row 1")
    assert math.isnan(preference_score("", "row 1"))
