"""`pasture annotate` survives being killed, tells what it did, and says what is wrong with its input."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pasture.core.files.preferences import read_pairs
from pasture.core.files.tables import read_rows
from pasture.core.store import Store

from ...in_process import run_pasture
from ...published_data import ALPACA_EVAL, needs

OUTPUTS = ALPACA_EVAL / "outputs"

ENGINES = """
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine

def slow():
    return ScriptedEngine(latency=0.02, chunk_size=20, journal="journal.txt", prices=(1.0, 1.0))

def silent():
    return ScriptedEngine(respond=lambda request: Reply("\\x1b[31mhm"), name="silent")

def dear():
    return ScriptedEngine(prices=(1000.0, 1000.0))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 400 pairs of 390 prompts (the last 10 repeat the first), and engines."""
    rows = [{"prompt": f"question {n % 390}", "left": f"left {n % 390}", "right": f"right {n % 390}!"} for n in range(400)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "engines.py").write_text(ENGINES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pasture(line: str) -> tuple[int, str, str]:
    """Runs the command in this process and folder: (exit code, standard output, standard error)."""
    done = run_pasture(*line.split(), cwd=Path.cwd())
    return done.returncode, done.stdout, done.stderr


def started(line: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pasture.cli", *line.split()], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def journal(folder: Path) -> list[str]:
    path = folder / "journal.txt"
    return path.read_text().split() if path.exists() else []


JUDGE = "annotate --pairs pairs.jsonl --annotator judge --engine engines.py:slow --both-orders --out prefs.jsonl"
UNIQUE = 780  # 390 different pairs in two orders


@pytest.mark.slow
def test_killed_twenty_times_it_pays_for_nothing_twice_and_loses_nothing(folder: Path):
    chance = random.Random(11)
    in_flight: Counter[str] = Counter()
    kills = 0
    while kills < 20:
        before = len(journal(folder))
        run = started(JUDGE, folder)
        # At a random moment: some in the work (after some replies), some before it begins.
        wanted = before + chance.randrange(0, 30) if chance.random() < 0.9 else 0
        deadline = time.monotonic() + 60
        while len(journal(folder)) < wanted and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        assert run.poll() is None, "it ended before the kill: give it more to do"
        run.send_signal(signal.SIGKILL)
        run.communicate()
        kills += 1
        if (folder / "pasture.sqlite").exists():
            with Store(folder / "pasture.sqlite") as store:
                held = {key.hex() for key in store.get_many(map(bytes.fromhex, journal(folder)))}
                assert store.paid.requests == len(store) == len(held)
            in_flight.update(set(journal(folder)[before:]) - held)
        assert not (folder / "prefs.jsonl").exists()
    assert 0 < len(held) < UNIQUE
    final = started(JUDGE, folder)
    _, errors = final.communicate(timeout=120)
    assert final.returncode == 0, errors
    times = Counter(journal(folder))
    assert len(times) == UNIQUE
    assert times == Counter(dict.fromkeys(times, 1)) + in_flight  # only what was in flight at a kill was asked again
    with Store(folder / "pasture.sqlite") as store:
        assert store.paid.requests == len(store) == UNIQUE
    rows = read_rows(folder / "prefs.jsonl")
    undecided = read_rows(folder / "prefs.undecided.jsonl") if (folder / "prefs.undecided.jsonl").exists() else []
    assert sorted(row["row"] for row in [*rows, *undecided]) == list(range(400))
    shown = [(pair.left.text, pair.right.text) for pair in read_pairs(folder / "pairs.jsonl")]
    assert all({row["chosen"], row["rejected"]} == set(shown[row["row"]]) for row in rows)
    again = started(f"{JUDGE} --json", folder)
    said = json.loads(again.communicate(timeout=60)[0])
    assert (said["requests"], said["cached"]) == (0, 800)


@pytest.mark.slow
def test_two_processes_work_on_one_store(folder: Path):
    runs = [started(JUDGE.replace("prefs.jsonl", f"{name}.jsonl"), folder) for name in ("one", "two")]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    assert read_rows(folder / "one.jsonl") == read_rows(folder / "two.jsonl")
    with Store(folder / "pasture.sqlite") as store:
        assert len(store) == UNIQUE


@pytest.mark.slow
def test_an_interrupt_ends_it_with_130_and_keeps_what_came(folder: Path):
    run = started(JUDGE, folder)
    deadline = time.monotonic() + 60
    while len(journal(folder)) < 40 and time.monotonic() < deadline:
        time.sleep(0.005)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    with Store(folder / "pasture.sqlite") as store:
        assert {key.hex() for key in store.get_many(map(bytes.fromhex, journal(folder)))} == set(journal(folder))


def test_the_table_says_what_was_done(folder: Path):
    code, out, _ = pasture(f"{JUDGE} --limit 30 --seed 4")
    assert code == 0
    for said in (
        "swap(judge) by scripted:",
        "30 decided, 0 tied, 0 abstained",
        "first shown wins",
        "same in both orders",
        "mean mass of the labels: 1 of the first token's probability",
        "60 sent",
    ):
        assert said in " ".join(out.split())
    manifest = json.loads((folder / "prefs.jsonl.manifest.json").read_text())
    assert manifest["asked"]["seed"] == 4
    assert manifest["result"]["requests"] == 60
    assert manifest["result"]["paid_in_all"]["requests"] == 60
    assert manifest["result"]["dollars"] > 0


def test_json_stands_alone_on_standard_output(folder: Path):
    code, out, err = pasture("annotate --pairs pairs.jsonl --annotator longest --out p.parquet --json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["pairs"], said["decided"], said["abstentions"]) == (400, 400, {})
    assert said["position"]["first"]["value"] == 0.0  # every right answer is longer
    assert said["store"] is said["label_mass"] is None


def test_a_dry_run_prices_and_writes_nothing(folder: Path):
    before = sorted(folder.iterdir())
    line = "annotate --pairs pairs.jsonl --annotator judge --engine engines.py:dear --both-orders --dry-run"
    code, out, _ = pasture(f"{line} --json")
    quote = json.loads(out)
    assert (code, quote["items"], quote["requests"], quote["completion_tokens"]) == (0, 400, UNIQUE, UNIQUE)
    assert quote["dollars"] == pytest.approx((quote["prompt_tokens"] + UNIQUE) / 1000)
    assert "780 requests to send" in pasture(line)[1]
    assert [each for each in sorted(folder.iterdir()) if each.name != "__pycache__"] == before


def test_a_budget_stops_it_and_says_so(folder: Path):
    line = "annotate --pairs pairs.jsonl --annotator judge --engine engines.py:dear --out p.jsonl"
    code, out, err = pasture(f"{line} --json --budget-dollars 5")
    said = json.loads(out)
    assert code == 0
    assert 0 < said["dollars"] <= 5
    assert said["abstentions"]["over budget"] + said["decided"] == 400
    code, out, err = pasture(line + " --budget-requests 0 --store other.sqlite")
    assert code == 1
    assert "no item got an answer; the first abstention: over budget: the budget of 0 requests is used up; raise it with" in err
    assert len(read_rows(folder / "p.undecided.jsonl")) == 400


def test_unreadable_answers_are_abstentions_and_their_text_is_harmless(folder: Path):
    code, out, err = pasture("annotate --pairs pairs.jsonl --annotator judge --engine engines.py:silent --out p.jsonl")
    assert code == 1
    assert "unparsable" in out
    assert "\x1b[31m" not in out + err
    assert len(read_rows(folder / "p.undecided.jsonl")) == 400


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--pairs pairs.jsonl --annotator longest", "there is no --out"),
        ("--pairs none.jsonl --annotator longest --out p.jsonl", "no file 'none.jsonl'"),
        (
            "--pairs pairs.jsonl --annotator longst --out p.jsonl",
            "no annotator is called 'longst'; known: .* Did you mean 'longest'",
        ),
        ("--pairs pairs.jsonl --annotator gold --out p.jsonl", "no world was given; name one"),
        (
            "--pairs pairs.jsonl --annotator gold --world txt --out p.jsonl",
            "no world is called 'txt'; known: .*Did you mean 'text'",
        ),
        ("--pairs pairs.jsonl --annotator judge --out p.jsonl", "asks an engine and none was given; name one"),
        ("--pairs pairs.jsonl --annotator judge --dry-run", "asks an engine and none was given; name one"),
        (
            "--pairs pairs.jsonl --annotator judge --engine vlm --out p.jsonl",
            "no engine is called 'vlm'; known: .*Did you mean 'vllm'",
        ),
        ("--pairs pairs.jsonl --annotator judge --model x --out p.jsonl", "--model 'x' goes with an engine"),
        (
            "--pairs pairs.jsonl --annotator judge --engine vllm --model none/such/model --out p.jsonl",
            "no model at 'none/such/model'",
        ),
        ("--pairs pairs.jsonl --annotator longest --out p.xlsx", "has the suffix '.xlsx'; writable are"),
        ("--pairs pairs.jsonl --annotator longest --out engines.py/p.jsonl", "'engines.py/p.jsonl' cannot be written"),
        ("--pairs engines.py --annotator longest --out p.jsonl", "has the suffix '.py'; readable are"),
        (
            "--pairs pairs.jsonl --against pairs.jsonl --annotator longest --out p.jsonl",
            "row 1 has no column `instruction`; it has: prompt",
        ),
        (
            "--pairs pairs.jsonl --annotator longest --flip 0.7 --out p.jsonl",
            "Invalid value for '--flip': Input should be less than or equal to 0.5",
        ),
    ],
)
def test_bad_input_ends_with_2_and_a_way_out(folder: Path, line: str, message: str):
    import re

    code, out, err = pasture(f"annotate {line}")
    assert (code, out) == (2, "")
    assert re.search(message, " ".join(err.split()))
    assert "Traceback" not in err
    assert not list(folder.glob("p.*"))


def test_a_template_with_an_undefined_variable_ends_with_2(folder: Path):
    (folder / "mine.toml").write_text('kind = "judge"\npair = "{{ left }} {{ right }} {{ persona }}"\n')
    code, _, err = pasture("annotate --pairs pairs.jsonl --annotator mine.toml --engine scripted --out p.jsonl")
    assert code == 2
    assert "in 'mine.toml': the part `pair` of the template of 'judge' uses the variable 'persona'; available there: prompt" in err


def test_a_full_disk_in_the_stores_folder_ends_with_1(folder: Path):
    small = folder / "small"
    small.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk takes root on Linux")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        line = "annotate --pairs pairs.jsonl --annotator judge --engine scripted --out p.jsonl --store small/s.sqlite"
        code, _, err = pasture(line)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert code == 1
    assert "pasture: the store at 'small/s.sqlite' has no room left on its disk" in err
    assert "--store" in err


def test_the_annotator_does_not_see_who_made_an_answer(folder: Path):
    rows: list[dict[str, Any]] = [{"prompt": "q", "left": "a", "right": "b", "left_model": "mine", "right_model": "theirs"}]
    (folder / "made.jsonl").write_text(json.dumps(rows[0]))
    (folder / "peek.py").write_text("def peek(comparison):\n    return comparison.left.model == 'mine'\n")
    pasture("annotate --pairs made.jsonl --annotator peek.py:peek --out p.jsonl")
    (row,) = read_rows(folder / "p.jsonl")
    assert (row["chosen_model"], row["rejected_model"]) == ("theirs", "mine")


@needs(OUTPUTS)
def test_real_outputs_are_joined_and_judged(tmp_path: Path):
    files = f"--pairs {OUTPUTS}/alpaca-7b.json.gz --against {OUTPUTS}/text_davinci_003.json.gz"
    code, out, err = pasture(f"annotate {files} --annotator longest --out {tmp_path}/p.parquet --json")
    assert code == 0, err
    said = json.loads(out)
    assert said["pairs"] == 805
    assert said["decided"] + said["ties"] == 805


def test_members_who_are_silent_and_verdicts_of_neither_are_counted_and_no_votes(pasture, tmp_path: Path):
    (tmp_path / "who.py").write_text(
        "from pasture.core.records import Abstention, Preference, Reason\n"
        "class Mute:\n"
        "    name = 'mute'\n"
        "    async def annotate(self, item, ask, rng):\n"
        "        return Abstention(item, Reason.REFUSED, self.name, 'no comment')\n"
        "class Never:\n"
        "    name = 'never'\n"
        "    async def annotate(self, item, ask, rng):\n"
        "        return Abstention(item, Reason.NEITHER, self.name)\n"
    )
    members = 'members=["longest", "first", "who.py:Mute"]'
    words = ("annotate", "--world", "text", "--limit", "9", "--json", "--out", "prefs.jsonl", "--annotator")
    told = json.loads(pasture(*words, "jury", "--set", members, cwd=tmp_path).stdout)
    assert told["silent"] == {"refused": 9}
    told = json.loads(pasture(*words, "who.py:Never", cwd=tmp_path).stdout)
    assert (told["neither"], told["ties"], told["decided"], told["silent"]) == (9, 0, 0, {})
    (tmp_path / "prefs.jsonl").unlink()
    rows = read_rows(tmp_path / "prefs.undecided.jsonl")
    assert {row["reason"] for row in rows} == {"neither"}
