"""A cell's key changes with every file that the cell loads, and with no other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pasture.annotators import ANNOTATORS
from pasture.benchmarks.ranking.cell_key import ROOT, Sources, cell_key
from pasture.benchmarks.ranking.suite import Suite, load_suite
from pasture.methods import METHODS
from pasture.simulators import WORLDS

SUITE = replace(load_suite("exact"), ranked=("sft", "dpo"))
JUDGE = "def judge(comparison):\n    return 1.0\n"
METHOD = (
    "from pasture.methods.imitation.sft import Config\nfrom {helper} import step\n\n\n"
    "def train(policy, *_, **__):\n    return policy\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's, in which the command stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("pasture_file_", "key_")):
            del sys.modules[name]


def edited(path: Path, text: str) -> None:
    """Writes the file so that the clock, too, says that it changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def changes(suite: Suite, method: str, path: Path, text: str) -> bool:
    """Whether the key is another one after the edit, and the first one again after it is taken back."""
    before, kept = cell_key(suite, method), path.read_text() if path.exists() else None
    edited(path, text)
    after = cell_key(suite, method)
    if kept is None:
        path.unlink()
    else:
        edited(path, kept)
    assert cell_key(suite, method) == before
    return after != before


def outer(here: Path, inner: str) -> Suite:
    edited(here / "conf" / "outer.toml", f'kind = "flip"\nrate = 0.1\ninner = "{inner}"\n')
    return replace(SUITE, feedback="conf/outer.toml")


def test_an_annotators_toml_and_the_python_behind_it_count(here: Path):
    edited(here / "conf" / "inner.py", JUDGE)
    suite = outer(here, "inner.py:judge")
    assert changes(suite, "dpo", here / "conf" / "outer.toml", 'kind = "flip"\nrate = 0.2\ninner = "inner.py:judge"\n')
    assert changes(suite, "dpo", here / "conf" / "inner.py", JUDGE.replace("1.0", "0.0"))
    assert not changes(suite, "dpo", here / "conf" / "other.py", JUDGE)
    assert not changes(suite, "dpo", here / "conf" / "other.toml", 'kind = "pool"\n')


def test_a_toml_behind_a_toml_counts_and_so_does_what_it_names(here: Path):
    edited(here / "conf" / "inner.toml", 'kind = "judge"\nask = "question.jinja"\nlabels = ["A", "B"]\n')
    edited(here / "conf" / "question.jinja", "Which is better?")
    suite = outer(here, "inner.toml")
    assert changes(suite, "dpo", here / "conf" / "inner.toml", 'kind = "judge"\n')
    assert changes(suite, "dpo", here / "conf" / "question.jinja", "Which is worse?")


def test_a_judges_checkpoint_counts_by_its_files_and_an_engine_by_its_name(here: Path):
    edited(here / "conf" / "strong" / "config.json", "{}")
    edited(here / "conf" / "cdr.toml", 'kind = "cdr-policies"\nstrong = "strong"\nweak = "strong"\n')
    suite = replace(SUITE, evaluator="conf/cdr.toml")
    assert changes(suite, "dpo", here / "conf" / "strong" / "weights.safetensors", "retrained under the same name")
    assert cell_key(SUITE, "dpo", "vllm:m@1") != cell_key(SUITE, "dpo", "vllm:m@2")


def test_a_helper_module_that_a_method_imports_counts_and_one_that_it_does_not_import_does_not(here: Path):
    edited(here / "key_deep.py", "RATE = 1\n")
    edited(here / "key_helper.py", "from key_deep import RATE\n\n\ndef step():\n    return RATE\n")
    edited(here / "mine.py", METHOD.format(helper="key_helper"))
    suite = replace(SUITE, ranked=("sft", "mine.py"))
    assert changes(suite, "mine.py", here / "mine.py", METHOD.format(helper="key_helper") + "\n\nX = 1\n")
    assert changes(suite, "mine.py", here / "key_helper.py", "def step():\n    return 2\n")
    assert changes(suite, "mine.py", here / "key_deep.py", "RATE = 2\n")
    assert not changes(suite, "dpo", here / "key_helper.py", "def step():\n    return 3\n")
    assert not changes(suite, "mine.py", here / "key_unused.py", "RATE = 2\n")


def test_a_package_of_the_users_counts_with_its_relative_imports(here: Path):
    edited(here / "key_pack" / "__init__.py", "")
    edited(here / "key_pack" / "deep.py", "RATE = 1\n")
    edited(here / "key_pack" / "method.py", "from .deep import RATE\n" + METHOD.format(helper=".deep"))
    suite = replace(SUITE, ranked=("sft", "key_pack.method:train"))
    assert changes(suite, "key_pack.method:train", here / "key_pack" / "deep.py", "RATE = 2\n")


def test_a_world_of_the_users_and_a_file_that_its_options_name_count(here: Path):
    edited(
        here / "world.py",
        "from pasture.simulators.exact.world import ExactWorld\n\n\ndef make(**options):\n    return ExactWorld()\n",
    )
    edited(here / "prompts.jsonl", "{}\n")
    suite = replace(SUITE, world="world.py:make", world_options={"prompts_file": "prompts.jsonl"})
    assert changes(suite, "dpo", here / "world.py", "def make(**options):\n    return None\n")
    assert changes(suite, "dpo", here / "prompts.jsonl", '{"prompt": 1}\n')


def test_a_data_file_that_the_users_python_names_counts(here: Path):
    edited(here / "rules.json", "{}")
    edited(here / "judge.py", 'import json\nRULES = json.load(open("rules.json"))\n' + JUDGE)
    suite = replace(SUITE, evaluator="judge.py:judge")
    assert changes(suite, "dpo", here / "rules.json", '{"longer": true}')


def test_a_text_that_is_only_a_slash_or_dots_does_not_name_the_folders_above(here: Path):
    edited(here / "below" / "judge.toml", 'kind = "flip"\nrate = 0.1\ninner = "longest"\nname = ".."\n')
    edited(here / "other.txt", "a")
    (here / "here").mkdir()
    os.chdir(here / "here")
    sources = Sources()
    for text in ("/", "..", ".", "../"):
        sources.add_reference(text, Path())
    sources.add_file(here / "below" / "judge.toml")
    assert {path.name for path in sources.files} & {"other.txt"} == set()
    assert len(list(sources.files)) < 500  # and "/" is not searched


def test_of_pasture_a_cell_depends_on_what_it_imports_and_on_nothing_else():
    sources = Sources()
    for registry, name in ((METHODS, "dpo"), (ANNOTATORS, "pool"), (WORLDS, "exact")):
        sources.add_entry(registry, name)
    sources.add_module("pasture.benchmarks.ranking.cell")
    found = {path.relative_to(ROOT).as_posix() for path in sources.files}
    assert {"methods/pairwise/dpo.py", "annotators/scripted/pairs.py", "core/seeds.py", "annotators/wrappers/flip.py"} <= found
    assert {"simulators/exact/world.py", "simulators/noise.py"} <= found
    assert {"benchmarks/ranking/cell.py", "methods/training/optimise.py", "eval/win_rates/pairing.py"} <= found
    rooms = [ROOT / "annotators" / room for room in ("judges", "panels", "systems")]
    others = {path.relative_to(ROOT).as_posix() for room in rooms for path in room.rglob("*.py")}
    tables = {
        "annotators/table.py",
        "annotators/scripted/__init__.py",
        "methods/__init__.py",
        "simulators/simulators.toml",
        "annotators/annotators.toml",
    }
    assert not found & (others | tables | {"methods/online/ppo.py"})
    foreign = ("report/", "cli/", "engines/vllm", "simulators/text", "benchmarks/ranking/suites")
    assert not [each for each in found if each.startswith(foreign)]


def test_how_much_of_a_suite_is_run_and_what_is_only_shown_change_no_key():
    key = cell_key(SUITE, "dpo")
    assert cell_key(replace(SUITE, ranked=("dpo",), seeds=9, abstained=0.9), "dpo") == key
    assert cell_key(replace(SUITE, methods=SUITE.methods | {"ppo": {"epochs": 1}}), "dpo") == key
    assert cell_key(replace(SUITE, methods=SUITE.methods | {"sft": {"epochs": 1}}), "dpo") != key
    for change in (
        {"labels": 9},
        {"flip": 0.1},
        {"evaluator": "gold"},
        {"samples": 3},
        {"eval_prompts": 9},
        {"world_options": {"seed": 1}},
    ):
        assert cell_key(replace(SUITE, **change), "dpo") != key


def test_a_file_that_is_not_python_or_nested_without_end_has_no_imports(here: Path):
    edited(here / "judge.py", "def judge(:\n")
    edited(here / "conf" / "loop.toml", 'kind = "swap"\ninner = "loop.toml"\n')
    cell_key(replace(SUITE, evaluator="judge.py:judge", feedback="conf/loop.toml"), "dpo")
