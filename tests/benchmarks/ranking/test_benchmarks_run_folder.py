"""A run folder that is broken is one error; what is written is whole; a process that is ended takes its own processes with it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pasture.benchmarks.ranking.method_ranking import rank
from pasture.benchmarks.ranking.suite import load_suite
from pasture.core.errors import InputError
from pasture.core.results import RankingResult

SUITE = replace(load_suite("exact"), ranked=("sft",), seeds=1, labels=20, eval_prompts=3, samples=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    rank(SUITE, place, jobs=1)
    return place


def cell_of(folder: Path) -> Path:
    (path,) = (folder / "cells").glob("*.json")
    return path


def refused(folder: Path, content: bytes) -> None:
    path = cell_of(folder)
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        with pytest.raises(InputError, match=path.name) as caught:
            rank(SUITE, folder, jobs=1)
        assert len(str(caught.value)) < 1000
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"null", b"[]", b"[" * 100_000, b'{"method": "sft"}', b"1" * 5000, b'"x"', b"\x00" * 10, b'{"a": 1, "a": 2}'],
)
def test_a_file_that_is_no_cell_is_one_error(folder: Path, content: bytes):
    refused(folder, content)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "dpo"), ("method", None), ("seed", 1), ("seed", "x"), ("scores_PK", [[0.5]]), ("scores_PK", [[0.5, 2.0]] * 3),
        ("scores_PK", [[0.5], [0.5, 0.5], [0.5]]), ("scores_PK", "x"), ("gold_values_P", [1.0]), ("gold_win_rates_P", [0.5] * 4),
        ("labels", -1), ("label_abstentions", 1.5), ("seconds", 3), ("seconds", {"train": -5.0}), ("kl", "x"), ("length", None),
        ("curve", {"method": "dpo", "seed": 0, "points": []}), ("examples", [1]), ("gold_values_P", [float("inf")] * 3),
        ("kl", float("nan")),
    ],
)  # fmt: skip
def test_a_cell_of_another_shape_is_one_error(folder: Path, key: str, value: Any):
    refused(folder, json.dumps(json.loads(cell_of(folder).read_text()) | {key: value}).encode())


def test_a_broken_cell_is_found_before_anything_is_trained(folder: Path, monkeypatch: pytest.MonkeyPatch):
    longer, path = replace(SUITE, seeds=2), cell_of(folder)
    kept = path.read_bytes()
    path.write_bytes(b"{}")
    monkeypatch.setattr("pasture.benchmarks.ranking.method_ranking.run_cell", lambda *_, **__: pytest.fail("something was trained"))
    with pytest.raises(InputError):
        rank(longer, folder, jobs=1)
    path.write_bytes(kept)


def mutated(value: Any, rng: random.Random) -> Any:
    """The same JSON with one of its values replaced by something else."""
    strange = [None, True, -1, 10**30, 1e308, "", "\ud800<b>\x1b", [], {}, [[]], {"x": 1}, "nan", 0.5]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        return value | {key: mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], mutated(value[place], rng), *value[place + 1 :]]
    return rng.choice(strange)


def test_two_hundred_mutated_results_are_shown_or_refused(folder: Path, tmp_path: Path):
    from pasture.cli.training.rank import ranking_json
    from pasture.report.page import page

    good, rng = json.loads((folder / "ranking.json").read_text()), random.Random(0)
    path, read = tmp_path / "ranking.json", 0
    for _ in range(200):
        bad = mutated(good, rng)
        path.write_text(json.dumps(bad, ensure_ascii=True))
        try:
            result = RankingResult.load(path)
        except InputError:
            continue
        read += 1
        json.dumps(ranking_json(result), allow_nan=False)
        if read % 40 == 0:
            page(result).encode()
    assert 20 < read < 200


def test_a_result_of_0_1_loads(folder: Path, tmp_path: Path):
    old = json.loads((folder / "ranking.json").read_text())
    del old["pairs"]
    for each in old["methods"]:
        del each["label_abstentions"]
    (tmp_path / "ranking.json").write_text(json.dumps(old))
    result = RankingResult.load(tmp_path / "ranking.json")
    assert result.pairs == ()
    assert result.methods[0].label_abstentions is None


def test_a_result_is_written_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = (folder / "ranking.json").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    result = RankingResult.load(folder / "ranking.json")
    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="no space left"):
        result.save(folder / "ranking.json")
    assert (folder / "ranking.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_ranking_that_is_ended_leaves_no_process_behind(how: signal.Signals, tmp_path: Path):
    words = "-m pasture.cli rank --world exact --seeds 8 --jobs 2 --out"
    command = [sys.executable, *words.split(), str(tmp_path)]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(600):
            if list(tmp_path.glob("cells/*.json")) and len(members(started.pid)) > 2:
                break
            time.sleep(0.1)
        assert len(members(started.pid)) > 2
        started.send_signal(how)
        started.wait(timeout=30)
        for _ in range(100):
            if not members(started.pid):
                break
            time.sleep(0.1)
        assert not members(started.pid)
    finally:
        for each in members(started.pid):
            os.kill(each, signal.SIGKILL)


def members(session: int) -> list[int]:
    """The processes of a session that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(rest[3]) == session and rest[0] != "Z":
            found.append(int(path.parent.name))
    return found
