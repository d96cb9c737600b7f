"""No input, however spoilt, ends in a traceback or a hang: exit codes are 0, 1 and 2, and trouble is said on one line.

Seeded: case N of an entrance is the same on every machine. A failure names its seed; `case(name, seed)` runs that one again.
"""

from __future__ import annotations

import io
import json
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from types import FrameType

import pytest
from pasture import cli
from pasture.core import registry

from .entrances import ENTRANCES, SUITE

FAST, SLOW = 2_000, 20_000
SECONDS = 10.0
"""Of processor time, that a case may take."""


class Hang(BaseException):
    """A case took longer than it may."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def pasture(*words: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error); a traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["pasture", *words])
        patch.setattr(registry, "entry_points", lambda group: ())
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what entrances spoil copies of: a saved policy, a finished run, personas."""
    folder = tmp_path_factory.mktemp("fuzz")
    with chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Path("suite.toml").write_text(SUITE)
        rank = ["rank", "--suite", str(folder / "suite.toml"), "--jobs", "1"]
        Path("rank.json").write_text(json.dumps(rank))
        for words in (
            [*rank, "--out", "run"],
            ["train", "dpo", "--world", "exact", "--labels", "20", "--set", "epochs=1", "--out", "policy"],
            ["personas", "sample", "--n", "3", "--out", "personas.json"],
        ):
            code, _, err = pasture(*words)
            assert code == 0, err
    return folder


def case(base: Path, name: str, seed: int) -> str:
    """Runs one case; what is wrong with how it ended, or nothing."""
    draw = Random(f"{name} {seed}")
    folder = base / f"{name.replace(' ', '-').replace('/', '-')}-{seed}"
    folder.mkdir()
    words = ENTRANCES[name][0](folder, draw)
    try:
        with chdir(folder), limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, _, err = pasture(*words)
    except BaseException as error:  # noqa: BLE001 (whatever it is, it should have been one of Pasture's errors)
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
        return f"{type(error).__name__}: {str(error)[:120]!r} ({' > '.join(places)})"
    lines = err.strip().split("\n")
    if code not in (0, 1, 2):
        return f"exit code {code}: {err[-200:]!r}"
    if "Traceback" in err:
        return f"a traceback on standard error: {err[-300:]!r}"
    if code and not any(line.startswith(("pasture: ", "Error: ", "Usage: ")) for line in lines):
        return f"exit code {code} without a word of why: {err[-200:]!r}"
    if code and lines[-1].startswith("pasture: ") and len(lines[-1]) > 3000:
        return f"a message of {len(lines[-1])} characters: {lines[-1][:200]!r}"
    return ""


def run_cases(base: Path, name: str, first: int, end: int) -> None:
    """The entrance's share of cases [first, end)."""
    share = ENTRANCES[name][1] / sum(each for _, each in ENTRANCES.values())
    found: dict[str, list[int]] = {}
    for seed in range(round(first * share), round(end * share)):
        if wrong := case(base, name, seed):
            found.setdefault(wrong, []).append(seed)
    assert not found, "\n".join(f"{len(seeds)} x seed {seeds[0]}: {wrong}" for wrong, seeds in found.items())


@pytest.mark.parametrize("name", ENTRANCES)
def test_no_spoilt_input_ends_in_a_traceback_or_a_hang(base: Path, name: str):
    run_cases(base, name, 0, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRANCES)
def test_nor_does_any_of_ten_times_as_many(base: Path, name: str):
    run_cases(base, name, FAST, SLOW)


PAIR = {"prompt": "q", "left": "a", "right": "b"}
TRL = {"prompt": "q", "chosen": "a", "rejected": "b", "p_chosen": 1.0}
JUDGED = {"instruction": "q", "output_1": "a", "output_2": "b", "generator_1": "x", "generator_2": "y", "preference": 1}
BATTLE = {"model_a": "x", "model_b": "y", "winner": "model_a"}
ASK = ("annotate", "--annotator", "longest", "--out", "o.jsonl", "--pairs")
WRONG = {
    "a column twice": ("p.csv", "prompt,left,left\nq,a,b\n", ASK),
    "two answers under one column name": ("p.csv", "prompt,left,right,right\nq,a,b,c\n", ASK),
    "an empty cell for an answer": ("p.csv", "prompt,left,right\nq,a,\n", ASK),
    "a key twice": ("p.jsonl", '{"prompt": "q", "left": "a", "left": "c", "right": "b"}', ASK),
    "null for an answer": ("p.jsonl", {**PAIR, "right": None}, ASK),
    "a table for a model": ("p.jsonl", {**PAIR, "left_model": {}}, ASK),
    "half a surrogate pair in an answer": ("p.jsonl", {**PAIR, "left": "\ud800"}, ASK),
    "a truth value that is none": ("p.jsonl", {**TRL, "left_was_chosen": None}, ASK),
    "a preference that is a truth value": ("p.json", [{**JUDGED, "preference": True}], ("compare", "p.json")),
    "a preference beyond the scale": ("p.json", [{**JUDGED, "preference": 3}], ("compare", "p.json")),
    "a label of yes": ("p.jsonl", {**TRL, "left_was_chosen": "yes"}, ("compare", "p.jsonl")),
    "a negative price": ("p.json", [{**JUDGED, "price_per_example": -1}], ("audit", "", "--annotations")),
    "a winner that is no word": ("p.json", [{**BATTLE, "winner": "yes"}], ("leaderboard",)),
    "a winner that contradicts p_a": ("p.json", [{**BATTLE, "p_a": 0.1}], ("leaderboard",)),
    "a winner by no": ("p.json", [{"model_a": "x", "model_b": "y", "winner_model_a": "no"}], ("leaderboard",)),
    "a winner by NaN": ("p.json", [{"model_a": "x", "model_b": "y", "winner_model_a": float("nan")}], ("leaderboard",)),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_not_accepted(tmp_path: Path, what: str):
    name, content, words = WRONG[what]
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with chdir(tmp_path):
        code, _, err = pasture(*words, name)
    assert code == 2
    assert f"'{name}'" in err
