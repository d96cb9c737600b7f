"""Saved tabular policies are read as text from a stranger: whatever is wrong with a file is one InputError."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.core.records import Message, Prompt
from pasture.policies.tabular import ResponseTable, TabularPolicy, TabularValueModel

PROMPTS = (Prompt("one"), Prompt("two", history=(Message("user", "hi"), Message("assistant", "yes"))))


def made() -> TabularPolicy:
    rng = np.random.default_rng(0)
    policy = TabularPolicy(ResponseTable.of(PROMPTS, rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))), controls=2)
    policy.theta.data += 1.0
    return policy


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    made().with_control(1).save(tmp_path)
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        TabularPolicy.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_policy_without_control_codes_comes_back(tmp_path: Path) -> None:
    policy = TabularPolicy(made().table, controls=0)
    policy.save(tmp_path)
    assert TabularPolicy.load(tmp_path).controls == 0


BYTES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    b"1" * 5000,
    b"null",
    b"3",
    b"[]",
    b"{}",
    b'"x"',
    b"NaN",
    b"\x00" * 100,
    b"[1e999]",
]


@pytest.mark.parametrize("name", ["policy.json", "policy.npz"])
@pytest.mark.parametrize("content", BYTES, ids=range(len(BYTES)))
def test_a_file_of_something_else_is_refused(saved: Path, name: str, content: bytes) -> None:
    (saved / name).write_bytes(content)
    assert name in refused(saved)


VALUES: list[Any] = [None, 3, -1, 1.5, float("nan"), 10**400, True, "", "x", "\ud800", [], [1], {}, {"a": 1}, [[[]]]]


@pytest.mark.parametrize("key", ["code", "log_linear", "prompts"])
@pytest.mark.parametrize("value", [*VALUES, "missing"], ids=str)
def test_a_wrong_value_of_a_key_is_refused(saved: Path, key: str, value: Any) -> None:
    if (key, str(value)) in {("code", "None"), ("log_linear", "True")}:
        return
    facts = json.loads((saved / "policy.json").read_text(encoding="utf-8")) | {key: value}
    if value == "missing":
        del facts[key]
    (saved / "policy.json").write_text(json.dumps(facts), encoding="utf-8")
    assert refused(saved)


@pytest.mark.parametrize("key", ["id", "text", "history", "more"])
@pytest.mark.parametrize(
    "value", [None, 3, float("nan"), {"a": 1}, [[]], [["robot", "x"]], [["user"]], [["user", 3]], True], ids=str
)
def test_a_wrong_value_within_a_prompt_is_refused(saved: Path, key: str, value: Any) -> None:
    facts = json.loads((saved / "policy.json").read_text(encoding="utf-8"))
    facts["prompts"][1][key] = value
    (saved / "policy.json").write_text(json.dumps(facts), encoding="utf-8")
    assert "policy.json" in refused(saved)


def test_a_prompt_that_stands_twice_and_a_prompt_too_few_are_refused(saved: Path) -> None:
    facts = json.loads((saved / "policy.json").read_text(encoding="utf-8"))
    for prompts in ([facts["prompts"][0]] * 2, facts["prompts"][:1]):
        (saved / "policy.json").write_text(json.dumps(facts | {"prompts": prompts}), encoding="utf-8")
        assert "table" in refused(saved)


def rewritten(folder: Path, arrays: dict[str, Any], save: Callable[..., None] = np.savez) -> None:
    with np.load(folder / "policy.npz") as stored:
        held = {name: stored[name] for name in stored.files} | arrays
    save(folder / "policy.npz", **{name: array for name, array in held.items() if array is not None})


BROKEN: dict[str, Any] = {
    "missing": None,
    "pickled": np.array([{"a": 1}], dtype=object),
    "text": np.array(["x"] * 4),
    "short floats": np.zeros(4, dtype=np.float32),
    "whole numbers": np.zeros(4, dtype=np.int64),
    "complex": np.zeros(4, dtype=complex),
    "big endian": np.zeros(4, dtype=">f8"),
    "no dimension": np.array(1.0),
    "other length": np.zeros(5),
    "another dimension": np.zeros((4, 1)),
    "empty": np.zeros(0),
    "nan": np.array([0.0, np.nan, 0.0, 0.0]),
    "infinite": np.array([0.0, np.inf, 0.0, 0.0]),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("name", ["theta", "deltas", "features", "reference_logits"])
def test_an_array_that_no_policy_has_is_refused(saved: Path, name: str, what: str) -> None:
    array = BROKEN[what]
    if array is not None and array.ndim == 1 and not array.dtype.hasobject and what != "other length":
        with np.load(saved / "policy.npz") as stored:
            shape = stored[name].shape
        array = array if what == "empty" else np.resize(array, shape).astype(array.dtype)
    rewritten(saved, {name: array})
    assert refused(saved)


def test_an_archive_that_inflates_is_refused_before_it_does(saved: Path) -> None:
    rewritten(saved, {"theta": np.zeros(2**20)}, np.savez_compressed)
    assert "compressed" in refused(saved)


def test_a_header_that_claims_gigabytes_is_refused_before_they_are_reserved(saved: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(saved / "policy.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {"theta.npy": header.getvalue() + bytes(32)}
    with zipfile.ZipFile(saved / "policy.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "1099511627776" in refused(saved)


def test_a_flipped_byte_or_a_cut_gives_an_error_or_the_same_policy(saved: Path) -> None:
    expected = made().probabilities(PROMPTS).detach().numpy()
    whole = (saved / "policy.npz").read_bytes()
    outcomes = set()
    for place in range(0, len(whole), 7):
        for broken in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]):
            (saved / "policy.npz").write_bytes(broken)
            try:
                loaded = TabularPolicy.load(saved)
            except InputError:
                outcomes.add("refused")
            else:  # a byte that says nothing, such as a date
                outcomes.add("same")
                np.testing.assert_array_equal(loaded.with_control(None).probabilities(PROMPTS).detach().numpy(), expected)
    assert "refused" in outcomes


def test_nothing_that_is_not_finite_is_saved(tmp_path: Path) -> None:
    policy = made()
    policy.theta.data[0] = float("nan")
    with pytest.raises(InputError, match="'theta' is not finite"):
        policy.save(tmp_path)
    value = made().value_model(np.random.default_rng(0))
    value.after.data[0] = float("inf")
    with pytest.raises(InputError, match="'after' is not finite"):
        value.save(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        made().save(tmp_path / "file" / "policy")


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_value_models_files_are_read_as_carefully(tmp_path: Path, value: Any) -> None:
    made().value_model(np.random.default_rng(0)).save(tmp_path)
    (tmp_path / "value_model.json").write_text(json.dumps({"prompts": value}), encoding="utf-8")
    with pytest.raises(InputError, match="value_model"):
        TabularValueModel.load(tmp_path)
