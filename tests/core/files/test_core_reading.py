"""Whatever cannot be read is one InputError on one line, in every kind of file."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pasture.core.errors import InputError
from pasture.core.files import reading
from pasture.core.files.reading import read_json, read_toml
from pasture.core.files.tables import read_rows

GOOD = b'{"prompt": "x", "left": "y", "right": "z"}\n'
DEEP = b"[" * 100_000
BAD = {
    "deep.json": DEEP,
    "deep.jsonl": b'{"prompt": ' + DEEP,
    "digits.json": b"[" + b"9" * 5000 + b"]",
    "digits.jsonl": b'{"prompt": ' + b"9" * 5000 + b"}",
    "utf8.jsonl": b'{"prompt": "\xff"}',
    "utf8.csv": b"prompt,left\n\xff,y\n",
    "twice.csv": b"prompt,left,left\nx,y,z\n",
    "twice.jsonl": b'{"prompt": "x", "prompt": "y"}',
    "cut.jsonl.gz": gzip.compress(GOOD * 1000)[:60],
    "cut.json": b'[{"prompt": "x"',
    "pointer.parquet": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    "pointer.jsonl": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    "no.parquet": b"PAR1 and nothing more PAR1",
    "deep.toml": b"a = " + DEEP,
    "digits.toml": b"a = " + b"9" * 5000,
    "utf8.toml": b"a = '\xff'",
    "twice.toml": b"a = 1\na = 2",
}


def read(path: Path) -> object:
    return read_toml(path, "a table") if path.suffix == ".toml" else read_rows(path)


@pytest.mark.parametrize("name", BAD)
def test_what_decoders_refuse_is_one_input_error_on_one_line(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(InputError) as caught:
        read(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet", ".toml", ".jsonl.gz"])
def test_what_the_file_system_refuses_is_one_input_error(tmp_path: Path, suffix: str):
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    for path in (
        folder,
        pipe,
        tmp_path / f"none{suffix}",
        tmp_path / ("x" * 300 + suffix),
        Path("/dev/null"),
        tmp_path / f"\0{suffix}",
    ):
        with pytest.raises(InputError):
            read(path)


def test_years_past_9999_in_parquet_are_an_input_error(tmp_path: Path):
    pq.write_table(pa.table({"prompt": pa.array([2**60], pa.timestamp("ms"))}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "t.parquet")


def test_a_compressed_file_that_inflates_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "INFLATED_AT_LEAST", 2**20)
    (tmp_path / "fits.jsonl.gz").write_bytes(gzip.compress(GOOD * 20_000))
    assert len(read_rows(tmp_path / "fits.jsonl.gz")) == 20_000
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * 2**24))
    with pytest.raises(InputError, match="inflates to more than"):
        read_rows(tmp_path / "bomb.jsonl.gz")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path):
    for name, data in {"a.jsonl": GOOD, "a.csv": b"prompt,left,right\nx,y,z\n"}.items():
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + data)
        assert list(read_rows(tmp_path / name)[0]) == ["prompt", "left", "right"]


def test_an_empty_cell_is_null_and_a_quoted_one_is_empty_text(tmp_path: Path):
    (tmp_path / "c.csv").write_text('a,b,c,d\n\n,"",x,\n"p,""\r\n",,"",q\n')
    assert [list(row.values()) for row in read_rows(tmp_path / "c.csv")] == [[None, "", "x", None], ['p,"\r\n', None, "", "q"]]


def test_a_json_file_with_one_key_twice_is_refused(tmp_path: Path):
    (tmp_path / "m.json").write_text('{"kind": 1, "kind": 2}')
    with pytest.raises(InputError, match="has the key 'kind' twice"):
        read_json(tmp_path / "m.json", "an object")
    (tmp_path / "n.json").write_text(json.dumps({"kind": 1}))
    assert read_json(tmp_path / "n.json", "an object") == {"kind": 1}
