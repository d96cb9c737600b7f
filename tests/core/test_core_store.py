"""The store keeps what was paid for, whatever happens to the process, the disk and the neighbours."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import StoreError
from pasture.core.records import Message
from pasture.core.requests import Reply, Request
from pasture.core.store import Paid, Store


def paid(number: int, text: str = "yes", dollars: float = 0.25) -> Paid:
    key = Request((Message("user", f"question {number}"),)).key("model")
    return Paid(key, Reply(text, prompt_tokens=10, completion_tokens=2), dollars)


def test_a_reply_comes_back_as_it_was_after_the_file_is_closed(tmp_path: Path):
    reply = Reply("né \ud800\n", "length", {"A": -0.5, "B": -math.inf}, -3.25, 7, 5)
    with Store(tmp_path / "new" / "folder" / "store.sqlite") as store:
        store.put_many([Paid(b"k" * 16, reply, 0.5)], "engine")
    with Store(tmp_path / "new" / "folder" / "store.sqlite") as store:
        assert store.get_many([b"k" * 16, b"absent"]) == {b"k" * 16: reply}


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False)), st.none() | st.floats(allow_nan=False))
def test_any_reply_survives_the_round_trip(text: str, labels: dict[str, float], logprob: float | None):
    reply = Reply(text, label_logprobs=labels, logprob=logprob)
    with Store() as store:
        store.put_many([Paid(b"k", reply, 0.0)], "engine")
        assert store.get_many([b"k"]) == {b"k": reply}


def test_what_is_held_is_never_rewritten_and_the_first_reply_is_handed_back():
    with Store() as store:
        assert store.put_many([paid(1, "first")], "engine") == {}
        stands = store.put_many([paid(1, "second"), paid(2)], "engine")
        assert {key: reply.text for key, reply in stands.items()} == {paid(1).key: "first"}
        assert store.get_many([paid(1).key])[paid(1).key].text == "first"
        assert len(store) == 2


def test_a_rejected_reply_is_gone_and_stays_paid_for():
    with Store() as store:
        store.put_many([paid(1), paid(2)], "engine")
        store.reject([paid(1).key])
        assert set(store.get_many([paid(1).key, paid(2).key])) == {paid(2).key}
        # 2 requests of 10 + 2 tokens at 0.25 dollars
        assert (store.paid.requests, store.paid.prompt_tokens, store.paid.completion_tokens, store.paid.dollars) == (2, 20, 4, 0.5)


def test_an_empty_store_is_a_store():
    with Store() as store:
        assert store
        assert len(store) == 0


def test_more_keys_than_one_query_holds_are_all_found():
    with Store() as store:
        many = [paid(number) for number in range(1203)]
        store.put_many(many, "engine")
        assert len(store.get_many(each.key for each in many)) == 1203


def test_a_full_database_says_so_and_keeps_what_it_had(tmp_path: Path):
    with Store(tmp_path / "s.sqlite") as store:
        store.put_many([paid(1)], "engine")
        store._db.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size where that is more
        with pytest.raises(StoreError, match=r"s\.sqlite' has no room left.*free space.*--store"):
            store.put_many([paid(number, "x" * 5000) for number in range(2, 40)], "engine")
        assert len(store) == 1
        assert store.paid.requests == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 512 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk takes root on Linux")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_says_so_and_loses_nothing_that_was_kept(small_disk: Path):
    path = small_disk / "s.sqlite"
    with Store(path) as store:
        store.put_many([paid(number) for number in range(10)], "engine")
        batches = [[paid(number, "x" * 1000) for number in range(start, start + 50)] for start in range(10, 4000, 50)]
        with pytest.raises(StoreError, match="has no room left"):
            deque((store.put_many(batch, "engine") for batch in batches), maxlen=0)
        held = len(store)
        assert held >= 10
    with Store(path) as store:
        assert len(store) == held == store.paid.requests


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one " * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt' is not a sound SQLite file"):
        Store(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path):
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="is an SQLite file of something else"):
        Store(path)


def test_a_newer_schema_is_refused(tmp_path: Path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store._db.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="has schema 7, and this Pasture reads schema 1"):
        Store(path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made: .*; give a --store"):
        Store(tmp_path / "file" / "s.sqlite")


AS_NOBODY = """
import os, sys
from pasture.core.store import Store
if os.geteuid() == 0:  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
Store(sys.argv[1])
"""


def test_a_read_only_folder_is_said():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        run = subprocess.run([sys.executable, "-c", AS_NOBODY, f"{folder}/s.sqlite"], capture_output=True, text=True)
        Path(folder).chmod(0o755)
    assert "StoreError: the store at" in run.stderr
    assert "cannot be written" in run.stderr
    assert "give another --store" in run.stderr


WRITER = """
import sys
from pasture.core.records import Message
from pasture.core.requests import Reply, Request
from pasture.core.store import Paid, Store
with Store(sys.argv[1]) as store:
    for start in range(0, 400, 10):
        keys = [Request((Message("user", str(n)),)).key("m") for n in range(start, start + 10)]
        store.put_many([Paid(key, Reply(sys.argv[2]), 1.0) for key in keys], "engine")
"""


def test_two_processes_share_one_store(tmp_path: Path):
    path = tmp_path / "s.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with Store(path) as store:
        assert len(store) == 400
        assert store.paid.requests == 800  # each paid for its own; the first of the two replies stands


@pytest.mark.parametrize(
    "held",
    [
        *("", "[", "null", "[]", '["yes"]', "[" * 100_000, b"\xff\xfe", 7),
        *('["yes", "stop", {"A": "x"}, null, 1, 1]', '[1, "stop", {}, null, 1, 1]', '["yes", "stop", {}, null, -1, 1]'),
        *('["yes", "stop", [], null, 1, 1]', '["yes", "stop", {}, true, 1, 1]'),
    ],
)
def test_a_damaged_row_is_no_reply_and_is_asked_anew(tmp_path: Path, held: object):
    with Store(tmp_path / "s.sqlite") as store:
        store.put_many([paid(1), paid(2)], "engine")
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("UPDATE replies SET reply = ? WHERE key = ?", (held, paid(1).key))
    db.close()
    with Store(tmp_path / "s.sqlite") as store:
        assert set(store.get_many([paid(1).key, paid(2).key])) == {paid(2).key}
        store.put_many([paid(1)], "engine")
        assert store.get_many([paid(1).key]) == {paid(1).key: paid(1).reply}


def test_a_store_that_does_not_say_what_was_paid_is_named(tmp_path: Path):
    with Store(tmp_path / "s.sqlite") as store:
        store.put_many([paid(1)], "engine")
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("DELETE FROM paid")
    db.close()
    with Store(tmp_path / "s.sqlite") as store, pytest.raises(StoreError, match=r"s\.sqlite.*does not say what was paid"):
        _ = store.paid


def test_a_read_only_store_is_said(tmp_path: Path):
    Store(tmp_path / "s.sqlite").close()
    (tmp_path / "s.sqlite").chmod(0o444)
    with pytest.raises(StoreError, match="is read-only"):
        Store(tmp_path / "s.sqlite")
