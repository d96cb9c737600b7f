"""A file of pairs read as it is wanted is the list of its pairs, and what is wrong with it is known beforehand."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pasture.core.errors import InputError
from pasture.core.files.preferences import PairFile, read_pairs
from pasture.core.files.tables import iter_rows, write_rows

COLUMNS = pa.schema({name: pa.string() for name in ("prompt", "left", "right", "left_model")})


def rows(count: int) -> list[dict[str, Any]]:
    """Pairs of which every third is there twice; one text has a line break and a quote."""
    return [{"prompt": f"q\n{n // 3 * 2}", "left": f'"a", {n}', "right": "b\r\nc", "left_model": "m"} for n in range(count)]


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.json", "p.csv", "p.csv.gz", "p.parquet"])
def test_it_is_the_list_of_its_pairs_each_time_it_is_read(tmp_path: Path, name: str):
    write_rows(tmp_path / name, rows(2500), COLUMNS)
    whole, lazy = read_pairs(tmp_path / name), PairFile(tmp_path / name)
    assert (list(lazy), list(lazy), len(lazy)) == (whole, whole, 2500)
    few = PairFile(tmp_path / name, limit=7)
    assert (list(few), len(few)) == (whole[:7], 7)
    assert len(PairFile(tmp_path / name, limit=9999)) == 2500


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_few_rows_are_read_before_they_are_wanted(tmp_path: Path, name: str):
    write_rows(tmp_path / name, rows(50_000), COLUMNS)
    lazy = iter_rows(tmp_path / name)
    assert next(lazy)["left"] == '"a", 0'
    with (tmp_path / name).open("r+b") as file:
        file.truncate(200_000)  # the rest, which nobody has read yet
    seen = 1
    with suppress(InputError):  # the row that was cut in two
        for _ in lazy:
            seen += 1
    assert 1 < seen < 25_000


def test_what_is_wrong_with_the_last_row_is_known_before_the_first_is_given(tmp_path: Path):
    def written(*last: dict[str, Any]) -> Path:
        path = tmp_path / "p.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in [*rows(30), *last]))
        return path

    with pytest.raises(InputError, match="row 31: `right` is null"):
        PairFile(written({"prompt": "q", "left": "a", "right": None}))
    clash = [{"prompt": f"q{n // 2}", "left": "a", "right": "b", "id": "same"} for n in range(6)]
    with pytest.raises(InputError, match="gives the id 'same' to 3 different prompts"):
        PairFile(written(*clash))
    changing = PairFile(written())
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(20)))
    with pytest.raises(InputError, match="had 30 pairs and now has 20"):
        list(changing)


def test_whether_any_prompt_that_is_wanted_is_a_conversation(tmp_path: Path):
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant", "user")]
    talk = [*rows(5), {"prompt": turns, "left": "a", "right": "b"}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in talk))
    assert PairFile(tmp_path / "p.jsonl").has_history
    assert not PairFile(tmp_path / "p.jsonl", limit=5).has_history
