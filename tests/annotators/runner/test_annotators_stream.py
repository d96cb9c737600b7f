"""A stream is a run in bounded memory; its results go to disk in parts, and a kill loses none."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import AnnotatorFailed, annotate, annotate_stream
from pasture.benchmarks.throughput import million
from pasture.benchmarks.throughput.million import work
from pasture.core.errors import InputError
from pasture.core.files.parts import PreferenceParts
from pasture.core.files.preferences import undecided_path, write_preferences
from pasture.core.files.tables import read_rows
from pasture.core.ledger import Budget
from pasture.core.records import Abstention, Comparison, Completion, Message, Prompt, Reason
from pasture.core.requests import Reply, Request
from pasture.core.store import Store


def noisy() -> Any:
    return make_annotator("flip", inner="longest", rate=0.25)


@pytest.mark.parametrize("window", [1, 2, 7, 4096])
def test_a_stream_says_what_a_run_says_in_the_order_of_the_items(fake_engine, some_pairs, window: int):
    items = some_pairs(50) * 2
    judge = make_annotator("flip", inner="judge", rate=0.2)
    stream = annotate_stream(iter(items), judge, engine=fake_engine(), window=window)
    results = list(stream)
    said = annotate(items, judge, engine=fake_engine())
    assert [each.comparison for each in results] == items
    assert [each.p_left for each in results] == [each.p_left for each in said.results]
    assert stream.usage.requests == sum(each.usage.requests for each in results) > 0
    assert (stream.annotator, stream.engine) == (said.annotator, "fake")


def test_no_more_items_are_read_than_fit_into_the_windows(some_pairs):
    read: list[int] = []

    def items() -> Iterator[Comparison]:
        for number, pair in enumerate(some_pairs(500)):
            read.append(number)
            yield pair

    with annotate_stream(items(), noisy(), window=10) as stream:
        for taken, _ in enumerate(stream, 1):
            assert len(read) <= taken + 4 * 10 + 1
            if taken == 100:
                break
    assert len(read) < 160


def test_a_slow_item_holds_up_a_bounded_number_of_others(some_pairs):
    begun: list[str] = []

    async def slow_first(comparison: Comparison) -> float:
        begun.append(comparison.prompt.text)
        if comparison.prompt.text == "question 0":
            await asyncio.sleep(0.1)
        return 1.0

    items = some_pairs(200)
    results = annotate_stream(items, make_annotator(slow_first), window=5)
    first = next(iter(results))
    assert first.comparison == items[0]
    assert len(begun) <= 4 * 5
    assert [each.comparison for each in results] == items[1:]


def test_a_stream_that_is_left_ends_its_work(fake_engine, some_pairs):
    left, closed = threading.Event(), threading.Event()

    class Waiting:
        """Answers one request, and the next ones only when the stream has been left."""

        name = "waiting"
        prices = (0.0, 0.0)

        def generate(self, requests: list[Request]) -> Iterator[tuple[int, Reply]]:
            try:
                for index in range(len(requests)):
                    yield index, Reply("A", label_logprobs={"A": -0.1, "B": -2.0})
                    assert left.wait(20)
            finally:
                closed.set()

    def at_work() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name == "pasture-engine" and each not in others]

    others: list[threading.Thread] = []
    others = at_work()
    stream = annotate_stream(some_pairs(5000), make_annotator("judge"), engine=Waiting(), window=64)
    next(iter(stream))
    assert at_work()
    assert not closed.is_set()
    threading.Timer(0.2, left.set).start()  # the stream waits for its engine while it is dropped
    del stream
    gc.collect()
    assert closed.wait(10)
    end = time.monotonic() + 10
    while at_work() and time.monotonic() < end:
        time.sleep(0.01)
    assert not at_work()
    never = annotate_stream(some_pairs(3), make_annotator("judge"), engine=fake_engine())
    never.close()
    assert list(never) == []


def test_what_came_before_a_failure_comes_out_first(some_pairs):
    def fragile(comparison: Comparison) -> float:
        return 1 / 0 if comparison.prompt.text == "question 7" else 1.0

    seen: list[Any] = []
    with pytest.raises(AnnotatorFailed, match="ZeroDivisionError"):
        seen.extend(annotate_stream(some_pairs(20), make_annotator(fragile), window=2))
    assert 0 < len(seen) <= 7

    def broken() -> Iterator[Comparison]:
        yield from some_pairs(3)
        raise OSError("the file ends here")

    with pytest.raises(OSError, match="the file ends here"):
        list(annotate_stream(broken(), noisy()))


def test_a_stream_runs_in_a_running_loop_and_beside_another(some_pairs):
    items = some_pairs(30)

    async def notebook() -> list[Any]:
        one, two = (annotate_stream(items, noisy(), seed=seed, window=3) for seed in (1, 2))
        return [(first.p_left, second.p_left) for first, second in zip(one, two, strict=True)]

    alone = [[each.p_left for each in annotate(items, noisy(), seed=seed).results] for seed in (1, 2)]
    assert asyncio.run(notebook()) == list(zip(*alone, strict=True))


def test_the_label_budget_of_an_endless_stream(some_pairs):
    def endless() -> Iterator[Comparison]:
        while True:
            yield from some_pairs(10)

    stream = annotate_stream(endless(), noisy(), budget=Budget(labels=25), window=4)
    said = [next(iter(stream)) for _ in range(60)]
    assert [isinstance(each, Abstention) for each in said] == [False] * 25 + [True] * 35
    stream.close()


def mixed_results(some_pairs: Any, chats: bool = False) -> list[Any]:
    """Verdicts, ties and an abstention; `chats` gives the last a history."""
    items = some_pairs(11)
    if chats:
        prompt = Prompt("and then?", history=(Message("user", "one"), Message("assistant", "two")))
        items.append(Comparison(Completion(prompt, "a"), Completion(prompt, "bc")))

    def mixed(comparison: Comparison) -> float | Abstention:
        number = items.index(comparison)
        return Abstention(comparison, Reason.REFUSED, "mixed", "no") if number == 4 else (0.0, 0.5, 0.9)[number % 3]

    return list(annotate(items, make_annotator(mixed)).results)


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.jsonl.gz", "out.json", "out.csv"])
@pytest.mark.parametrize("chats", [False, True])
def test_parts_become_the_file_that_would_have_been_written_whole(some_pairs, tmp_path: Path, name: str, chats: bool):
    if chats and name == "out.csv":
        pytest.skip("a CSV holds no conversations")
    results = mixed_results(some_pairs, chats)
    whole = write_preferences(tmp_path / "whole" / name, results)
    parts = PreferenceParts(tmp_path / "parts" / name, {"seed": 0}, rows=3)
    for each in results:
        parts.add(each)
    written = parts.finish()
    assert (written.decided, written.undecided) == (whole.decided, whole.undecided)
    assert read_rows(written.path) == read_rows(whole.path)
    assert read_rows(undecided_path(written.path)) == read_rows(undecided_path(whole.path))
    assert not parts.folder.exists()


def test_a_run_goes_on_after_its_last_part(some_pairs, tmp_path: Path):
    results, out = mixed_results(some_pairs), tmp_path / "o.parquet"
    items = [each.comparison if hasattr(each, "comparison") else each.item for each in results]
    first = PreferenceParts(out, {"seed": 0}, rows=4)
    for each in results[:10]:
        first.add(each)
    again = PreferenceParts(out, {"seed": 0}, rows=4)  # the first was killed: two results had not gone into a part
    assert again.done == 8
    assert list(again.left(items)) == items[8:]
    for each in results[8:]:
        again.add(each)
    assert again.finish().decided == sum(getattr(each, "p_left", 0.5) != 0.5 for each in results)
    assert sorted(row["row"] for path in (out, undecided_path(out)) for row in read_rows(path)) == list(range(11))


def test_parts_of_another_run_or_of_other_pairs_are_refused(some_pairs, tmp_path: Path):
    results, out = mixed_results(some_pairs), tmp_path / "o.parquet"
    parts = PreferenceParts(out, {"annotator": "a", "seed": 0}, rows=4)
    for each in results:
        parts.add(each)
    with pytest.raises(InputError, match="holds results of a run with seed 0, and this one has 1; finish that one"):
        PreferenceParts(out, {"annotator": "a", "seed": 1})
    with pytest.raises(InputError, match="holds results of other pairs than rows 0 to 3"):
        PreferenceParts(out, {"annotator": "a", "seed": 0}).left(some_pairs(20)[1:])
    next(iter(parts.folder.glob("*0-*4-*.parquet"))).unlink()
    with pytest.raises(InputError, match="does not go on where the part before it ends"):
        PreferenceParts(out, {"annotator": "a", "seed": 0})


def test_notes_are_kept_beside_the_parts_and_parts_can_be_taken_back(some_pairs, tmp_path: Path):
    results, out = mixed_results(some_pairs), tmp_path / "o.parquet"

    def counted(path: Path) -> PreferenceParts:
        return PreferenceParts(
            path, {"seed": 0}, rows=4, note=lambda said: {"abstained": sum(hasattr(each, "item") for each in said)}
        )

    first = counted(out)
    assert not first.folder.exists()  # a run that cannot begin leaves nothing
    for each in results:
        first.add(each)
    again = counted(out)
    assert [note["abstained"] for note in again.notes()] == [0, 1]
    again.keep(1)
    assert (again.done, counted(out).done) == (4, 4)
    for each in results[4:]:
        again.add(each)
    again.flush()
    assert [note["abstained"] for note in again.notes()] == [0, 1, 0]
    assert again.finish() == write_preferences(tmp_path / "o.parquet", results)


def test_two_runs_into_one_file_are_seen(some_pairs, tmp_path: Path):
    results, out = mixed_results(some_pairs), tmp_path / "o.parquet"
    one, other = (PreferenceParts(out, {"seed": 0}, rows=4) for _ in range(2))
    for each in results[:4]:
        one.add(each)
    for each in results[:3]:
        other.add(each)
    with pytest.raises(InputError, match=r"another run changed .* at the same time"):
        other.add(results[3])


@pytest.mark.slow
def test_a_killed_run_loses_nothing(tmp_path: Path):
    whole, out = tmp_path / "whole.parquet", tmp_path / "killed.parquet"
    work(6000, whole, rows=500)
    command = [sys.executable, "-m", million.__name__, "--items", "6000", "--rows", "500", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    parts = out.with_name("killed.parquet.parts")
    while process.poll() is None and len(list(parts.glob("*.parquet"))) < 3:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    again = work(6000, out, rows=500)
    assert 1500 <= again["found"] < 6000
    assert read_rows(out) == read_rows(whole)
    assert len(read_rows(out)) == 6000


def test_what_a_stream_buys_is_in_the_store_when_it_is_left(fake_engine, some_pairs, tmp_path: Path):
    bought: list[Request] = []

    def respond(request: Request) -> Reply:
        bought.append(request)
        return Reply("A", label_logprobs={"A": -0.1, "B": -3.0})

    with Store(tmp_path / "s.sqlite") as store:
        with annotate_stream(
            some_pairs(300), make_annotator("judge"), engine=fake_engine(respond), store=store, window=16
        ) as stream:
            for _ in range(40):
                next(iter(stream))
        assert 40 <= len(bought) < 200
        assert len(store) == len(bought)
        rest = annotate(some_pairs(300), make_annotator("judge"), engine=fake_engine(), store=store)
        assert rest.usage.requests == 300 - len(bought)


def test_a_part_has_at_least_one_row(tmp_path: Path):
    with pytest.raises(InputError, match="parts of 0 rows were asked for"):
        PreferenceParts(tmp_path / "out.jsonl", {"seed": 0}, rows=0)
