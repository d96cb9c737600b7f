"""What a language model wrote goes into a TOML as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import example, given
from pasture.benchmarks.fits.pool import write_table


@given(st.lists(st.text(max_size=20), max_size=3))
@example(['a"b\\c', "\x00\x1b[31m\x7f\x85\u2028", '"]\nkind = "evil"', "\U0001f389"])
def test_a_table_is_read_back_whatever_its_texts(tmp_path_factory, texts: list[str]):
    path: Path = tmp_path_factory.getbasetemp() / "table.toml"
    write_table(path, {"kind": "icai", "constitution": texts})
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {"kind": "icai", "constitution": texts}


def test_half_a_character_is_marked_as_lost(tmp_path: Path):
    write_table(tmp_path / "t.toml", {"said": "a\ud800b"})
    assert tomllib.loads((tmp_path / "t.toml").read_text(encoding="utf-8")) == {"said": "a\ufffdb"}
