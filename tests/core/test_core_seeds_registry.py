"""Draws depend on their keys alone; names are found, or refused with a way out."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from pasture.annotators import make_annotator
from pasture.core.errors import InputError, UnknownName
from pasture.core.files.writing import write_atomically
from pasture.core.manifest import manifest, write_manifest
from pasture.core.registry import Entry, Registry, load_target
from pasture.core.seeds import digest, rng_for, seed_for
from pasture.engines import make_engine

TABLE = {"dumps": Entry("json:dumps", "writes JSON"), "loads": Entry("json:loads", "reads JSON")}


def test_the_same_keys_draw_the_same_and_others_do_not():
    assert rng_for(1, "a", 2).random() == rng_for(1, "a", 2).random()
    draws = [rng_for(1, "a", 2), rng_for(2, "a", 2), rng_for(1, "b", 2), rng_for(1, "a", "2"), rng_for(1, "a2")]
    assert len({each.random() for each in draws}) == len(draws)


def test_keys_are_told_apart_by_where_they_end():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("x", "") != digest("x")


@given(st.lists(st.text() | st.integers() | st.booleans()))
def test_a_digest_is_of_kind_length_and_bytes_of_each_key(keys):
    parts = []
    for key in keys:
        said = str(key).encode("utf-8", "surrogatepass")
        parts += [b"s" if isinstance(key, str) else b"i", str(len(said)).encode(), b":", said]
    assert digest(*keys) == hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def test_keys_of_stores_stay_what_they_are():
    assert digest("request", 7, "plain").hex() == "925bae9c90a4569de95a804d50a3c119"
    assert digest("request", 7, "na\u00efve \ud800").hex() == "c6aebac482fd61a505d451b0dd4db94c"


def test_draws_of_neighbouring_keys_look_independent():
    draws = [rng_for(0, "pair", k).random() for k in range(4000)]
    mean = sum(draws) / len(draws)
    assert abs(mean - 0.5) < 4 * (1 / 12 / 4000) ** 0.5
    lagged = sum((a - 0.5) * (b - 0.5) for a, b in itertools.pairwise(draws)) / len(draws) * 12
    assert abs(lagged) < 4 / 4000**0.5


def test_integer_seeds_fit_in_31_bits():
    assert all(0 <= seed_for(0, k) < 2**31 for k in range(100))


def test_a_built_in_is_found_by_name_and_an_own_one_by_module_and_file(tmp_path: Path):
    registry = Registry("serialiser", TABLE)
    assert registry.load("dumps")([1]) == "[1]"
    assert registry.load("json:loads")("[1]") == [1]
    own = tmp_path / "mine.py"
    own.write_text("def twice(x):\n    return 2 * x\n")
    assert registry.load(f"{own}:twice")(2) == 4
    assert load_target(str(own)).twice(3) == 6


def test_an_unknown_name_gets_the_known_ones_and_a_guess():
    with pytest.raises(UnknownName, match=r"no serialiser is called 'dump'; known: dumps, loads. Did you mean 'dumps'\?"):
        Registry("serialiser", TABLE).load("dump")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("json:nothing", "'json' has no 'nothing'"),
        ("no_such_module:x", "no module 'no_such_module'"),
        ("missing.py:x", "no file 'missing.py'"),
    ],
)
def test_a_target_that_is_not_there_is_an_input_error(name: str, says: str):
    with pytest.raises(InputError, match=says):
        Registry("serialiser", TABLE).load(name)


def test_a_module_that_lacks_a_package_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="'needy' needs the package 'no_such_package'"):
        load_target("needy:x")


def test_a_file_that_fails_to_load_is_not_kept(tmp_path: Path):
    broken = tmp_path / "broken_file.py"
    broken.write_text("raise RuntimeError('no')\n")
    with pytest.raises(InputError, match=r"RuntimeError: no, in .*broken_file.py, line 1"):
        load_target(str(broken))
    assert "pasture_file_broken_file" not in sys.modules


def test_a_manifest_holds_versions_and_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    text = write_manifest(tmp_path / "deep" / "manifest.json", seed=3).read_text()
    assert '"seed": 3' in text
    assert "sk-very-secret" not in text
    assert manifest()["versions"]["numpy"]


def test_an_atomic_write_leaves_no_draft_behind(tmp_path: Path):
    write_atomically(tmp_path / "a.txt", "one")
    write_atomically(tmp_path / "a.txt", "two")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "two"


def test_an_error_crosses_processes_with_its_message():
    error = UnknownName("method", "dpoo", ["dpo"])
    crossed = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(crossed, InputError)
    assert str(crossed) == str(error)


@pytest.mark.parametrize(
    ("code", "named", "expected"),
    [
        ("def __getattr__(name):\n    raise ValueError('no')\n", "judge", "ValueError: no, in "),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\n\n\nraise E\n", "judge", "E: its text cannot"),
    ],
)
def test_a_file_whose_attributes_or_errors_raise_is_refused_with_its_line(tmp_path: Path, code: str, named: str, expected: str):
    path = tmp_path / f"raising{len(code)}.py"
    path.write_text(code)
    with pytest.raises(InputError) as caught:
        load_target(f"{path}:{named}")
    assert expected in str(caught.value)
    assert f"in {path}, line " in str(caught.value)


@pytest.mark.parametrize("make", [make_annotator, make_engine])
def test_a_class_whose_name_raises_is_refused_with_its_line(tmp_path: Path, make: Callable[[str], object]):
    path = tmp_path / f"{make.__name__}_raising.py"
    path.write_text(
        "class Nameless:\n    @property\n    def name(self):\n        raise ValueError('none')\n\n"
        "    async def annotate(self, item, ask, rng):\n        pass\n"
    )
    with pytest.raises(InputError, match=r"fails: ValueError: none, in .*_raising\.py, line 4$"):
        make(f"{path}:Nameless")
