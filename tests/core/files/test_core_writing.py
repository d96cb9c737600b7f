"""Files are written whole or not at all, wherever they go; what cannot be written is one InputError."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from pasture.core.errors import InputError, PastureError
from pasture.core.files.tables import check_writable, read_rows, write_rows
from pasture.core.files.writing import cell_for_people, check_folder, write_atomically
from pasture.core.store import Store

TEXTS = ["", "a\rb", "a\r\nb", ' "quoted", ', "\n", "x,y", "=1+1", "'"]
SCHEMA = pa.schema({"text": pa.string(), "more": pa.string()})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.json", "t.parquet"])
def test_every_text_and_null_comes_back_from_every_kind_of_file(tmp_path: Path, name: str):
    rows = [{"text": text, "more": None} for text in TEXTS]
    write_rows(tmp_path / name, rows, SCHEMA)
    assert read_rows(tmp_path / name) == rows


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path: Path):
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_atomically(tmp_path / "link.txt", "after")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "after"


def test_a_pipe_is_written_through_and_stays(tmp_path: Path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    check_writable(pipe)
    write_rows(pipe, [{"text": "x"}], SCHEMA)
    reader.join(timeout=10)
    assert heard == ['{"text": "x"}\n']
    assert pipe.is_fifo()


def test_a_device_is_written_through():
    write_atomically(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["x" * 254, "é" * 126])
def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path, name: str):
    write_atomically(tmp_path / name, "x")
    assert (tmp_path / name).read_text() == "x"


@pytest.mark.parametrize("name", [".", "", "x" * 300 + ".json", "file.txt/below.json", "folder.json", "\0.json"])
def test_what_cannot_be_written_is_said_before_the_work_and_at_the_write(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("x")
    Path("folder.json").mkdir()
    for act in (lambda: check_folder(Path(name)), lambda: write_atomically(Path(name), "x")):
        with pytest.raises(InputError, match="cannot be written"):
            act()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file.txt", "folder.json"]


def test_a_full_disk_is_an_input_error():
    with pytest.raises(InputError, match="no space left"):
        write_atomically(Path("/dev/full"), "x" * 100_000)


def test_half_a_surrogate_pair_does_not_end_the_work(tmp_path: Path):
    write_atomically(tmp_path / "t.txt", "a\ud800b\ud83d\ude00")
    assert (tmp_path / "t.txt").read_text() == "a\ufffdb\U0001f600"
    write_rows(tmp_path / "t.jsonl", [{"text": "a\ud800b"}], SCHEMA)
    assert read_rows(tmp_path / "t.jsonl") == [{"text": "a\ud800b"}]


def test_a_cell_that_a_spreadsheet_would_run_is_made_text():
    assert [cell_for_people(each) for each in ("=1", "+1", "-1", "@x", "x", -1, 0.5)] == ["'=1", "'+1", "'-1", "'@x", "x", -1, 0.5]


def test_a_path_of_a_thousand_folders_is_refused_in_a_sentence(tmp_path: Path):
    deep = tmp_path.joinpath(*["x"] * 1500)
    for write in (check_folder, lambda path: write_atomically(path, "a"), lambda path: Store(path)):
        with pytest.raises(PastureError, match="it is nested too deeply"):
            write(deep / "o.jsonl")


def test_a_pipe_that_nobody_reads_is_refused_and_holds_nothing_up(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="nobody reads the pipe"):
        write_atomically(tmp_path / "pipe", "text")


def test_a_link_that_leads_to_itself_is_replaced_by_the_file(tmp_path: Path):
    path = tmp_path / "round.txt"
    path.symlink_to(path)
    write_atomically(path, "content")
    assert path.read_text() == "content"
