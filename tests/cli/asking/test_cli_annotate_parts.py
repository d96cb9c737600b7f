"""`pasture annotate` works through pairs in bounded memory, and a run that was killed goes on after its last part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pasture.cli.asking import annotated_pairs
from pasture.core.files.tables import read_rows
from pasture.core.store import Store

ENGINES = """
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine

def slow():
    return ScriptedEngine(latency=0.05, chunk_size=20, journal="journal.txt")
"""
SMALL_PARTS = (
    "from pasture.cli import main; from pasture.cli.asking import annotated_pairs; annotated_pairs.PART_ROWS = {rows}; main()"
)
JUDGE = "annotate --pairs pairs.jsonl --annotator judge --engine engines.py:slow --out prefs.jsonl --json"
THIS_RUN = {"seconds", "requests", "cached", "prompt_tokens", "completion_tokens", "paid_in_all", "store", "found"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 400 pairs, every tenth of them alike on both sides, and an engine."""
    rows = [{"prompt": f"question {n}", "left": f"left {n}", "right": f"right {n}!" if n % 10 else f"left {n}"} for n in range(400)]
    for here in (tmp_path, tmp_path / "whole"):
        here.mkdir(exist_ok=True)
        (here / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (here / "engines.py").write_text(ENGINES)
    monkeypatch.setattr(annotated_pairs, "PART_ROWS", 40)
    return tmp_path


@pytest.fixture
def killed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has a run end when all its parts are written, as a kill would end it."""

    def kill(parts: Any) -> None:
        parts.flush()
        raise KeyboardInterrupt

    return lambda: monkeypatch.setattr(annotated_pairs, "_finished", kill)


def facts(said: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a run says of its results, and not of itself."""
    return {name: each for name, each in json.loads(said.stdout).items() if name not in THIS_RUN}


def test_a_killed_run_goes_on_after_its_last_part_and_buys_nothing_twice(folder: Path, pasture):
    whole = pasture(*JUDGE.split(), cwd=folder / "whole")
    command = [sys.executable, "-c", SMALL_PARTS.format(rows=40), *JUDGE.split()]
    run = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run.poll() is None and len(list((folder / "prefs.jsonl.parts").glob("*.parquet"))) < 3:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "it ended before the kill: give it more to do"
    assert not (folder / "prefs.jsonl").exists()
    before = (folder / "journal.txt").read_text().split()
    with Store(folder / "pasture.sqlite") as store:
        in_flight = Counter(set(before) - {key.hex() for key in store.get_many(map(bytes.fromhex, before))})
    again = pasture(*JUDGE.split(), cwd=folder)
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)["found"]
    assert 120 <= found < 400
    assert f"going on after {found} of 400 pairs" in again.stderr
    for name in ("prefs.jsonl", "prefs.undecided.jsonl"):
        assert (folder / name).exists() == (folder / "whole" / name).exists()
        if (folder / name).exists():
            assert (folder / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert facts(again) == facts(whole)
    assert facts(again)["pairs"] == 400
    times = Counter((folder / "journal.txt").read_text().split())
    assert times == Counter(dict.fromkeys(times, 1)) + in_flight  # only what was in flight at the kill was asked again
    assert not (folder / "prefs.jsonl.parts").exists()


def test_what_failed_for_a_passing_reason_is_asked_again_and_the_rest_is_not(folder: Path, pasture, killed_at_the_end, monkeypatch):
    whole = pasture(*JUDGE.split(), cwd=folder / "whole")
    finished = annotated_pairs._finished
    killed_at_the_end()
    pasture(*JUDGE.split(), "--budget-requests", "100", cwd=folder)
    monkeypatch.setattr(annotated_pairs, "_finished", finished)
    assert len(list((folder / "prefs.jsonl.parts").glob("*.parquet"))) == 10
    paid = len((folder / "journal.txt").read_text().split())
    assert paid <= 100
    again = pasture(*JUDGE.split(), cwd=folder)
    assert json.loads(again.stdout)["found"] % 40 == 0
    assert json.loads(again.stdout)["found"] <= 100
    assert facts(again) == facts(whole)
    assert set(Counter((folder / "journal.txt").read_text().split()).values()) == {1}
    assert (folder / "prefs.jsonl").read_bytes() == (folder / "whole" / "prefs.jsonl").read_bytes()


def test_a_budget_of_labels_counts_those_of_the_killed_run(folder: Path, pasture, killed_at_the_end, monkeypatch):
    finished = annotated_pairs._finished
    killed_at_the_end()
    pasture(*JUDGE.split(), "--budget-labels", "100", cwd=folder)
    monkeypatch.setattr(annotated_pairs, "_finished", finished)
    said = json.loads(pasture(*JUDGE.split(), "--budget-labels", "100", cwd=folder).stdout)
    assert (said["found"], said["pairs"], said["abstentions"]) == (80, 400, {"over budget": 300})


def test_parts_of_an_annotator_that_was_edited_or_of_another_seed_are_refused(folder: Path, pasture, killed_at_the_end):
    (folder / "mine.py").write_text("def mine(comparison):\n    return True\n")
    (folder / "noisy.toml").write_text('kind = "flip"\nrate = 0.1\ninner = "mine.py:mine"\n')
    line = ["annotate", "--pairs", "pairs.jsonl", "--annotator", "noisy.toml", "--out", "prefs.jsonl"]
    killed_at_the_end()
    pasture(*line, cwd=folder)
    refused = pasture(*line, "--seed", "1", cwd=folder)
    assert refused.returncode == 2
    assert "holds results of a run with seed 0, and this one has 1; finish that one, delete the folder" in refused.stderr
    (folder / "mine.py").write_text("def mine(comparison):\n    return False\n")
    refused = pasture(*line, cwd=folder)
    assert refused.returncode == 2
    assert "holds results of a run with files {'mine.py':" in refused.stderr


def test_the_same_file_whether_it_came_in_one_part_or_in_many(folder: Path, pasture, monkeypatch):
    line = ["annotate", "--pairs", "pairs.jsonl", "--annotator", "longest", "--both-orders", "--out", "prefs.parquet", "--json"]
    many = pasture(*line, cwd=folder)
    monkeypatch.setattr(annotated_pairs, "PART_ROWS", 10_000)
    one = pasture(*line, cwd=folder / "whole")
    assert facts(many) == facts(one)
    assert facts(many)["ties"] == 40
    assert facts(many)["position"]["consistency"]["n"] == 360  # of 40 pairs both answers are the same
    for name in ("prefs.parquet", "prefs.undecided.jsonl"):
        assert (folder / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert len(read_rows(folder / "prefs.parquet")) == 360


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts_of_the_pairs(tmp_path: Path):
    """The runner holds up to 16,384 pairs; two sizes beyond that, whose texts alone would take 250 MiB more. Kept of each pair are
    its id (a file may not say one twice) and what position bias is made of: some 400 bytes, 50 MiB of these 125,000 pairs."""
    # Not `ru_maxrss`, which a process takes over from the one that started it.
    high_water = "open('/proc/self/status').read().split('VmHWM:')[1].split()[0]"
    at_exit = f"import atexit; atexit.register(lambda: print({high_water})); "
    measured = at_exit + SMALL_PARTS.format(rows=4000)
    one_heap = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}  # what threads keep for themselves differs by run
    peaks: list[float] = []
    for count in (25_000, 150_000):
        with (tmp_path / "pairs.jsonl").open("w") as file:
            for n in range(count):
                file.write(json.dumps({"prompt": f"q {n}", "left": f"{n} " * 150, "right": f"{n}." * 151}) + "\n")
        line = "annotate --pairs pairs.jsonl --annotator longest --out prefs.parquet --json"
        done = subprocess.run(
            [sys.executable, "-c", measured, *line.split()],
            cwd=tmp_path,
            env={**os.environ, **one_heap},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert len(read_rows(tmp_path / "prefs.parquet")) == count
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 110, peaks
