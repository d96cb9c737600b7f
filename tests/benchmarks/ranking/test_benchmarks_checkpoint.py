"""A folder of a trained policy comes from a stranger: whatever is wrong with a file of it is one InputError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pasture.benchmarks.ranking.checkpoint import load_policy, load_value_model, read_manifest
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.online.best_of_n import FiniteBestOfN
from pasture.methods.rewards.reward_model import LogRatio
from pasture.simulators.exact.world import ExactWorld

GOOD = {"method": "dpo", "world": "exact"}
WRONG: list[Any] = [None, 3, 1e999, True, [], ["exact"], {}, "", "nowhere", "\ud800", "os:system", "exact-x.py:World", "x" * 5000]


@pytest.mark.parametrize("world", WRONG, ids=lambda value: str(value)[:20])
def test_a_manifests_world_is_a_registered_name(tmp_path: Path, world: Any) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(GOOD | {"world": world}), encoding="utf-8")
    with pytest.raises(InputError, match="manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("method", [None, 3, 1e999, [], {}], ids=str)
def test_a_manifests_method_is_text(tmp_path: Path, method: Any) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(GOOD | {"method": method}), encoding="utf-8")
    with pytest.raises(InputError, match="`method`"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b"null", b"[]", b"3", b'"x"'], ids=range(9))
def test_a_manifest_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_manifest_that_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(GOOD), encoding="utf-8")
    assert read_manifest(tmp_path) == GOOD


@pytest.fixture
def chooser() -> FiniteBestOfN:
    policy = ExactWorld(0, prompts=10, responses=4, features=3).base_policy(0)
    return FiniteBestOfN(policy, LogRatio(policy.copy(), policy, 0.5), 3)


BROKEN = [b"", b"x", b"nan", b"inf", b"1e999", b"\xff", b"3 4", b"9" * 5000]


def test_a_best_of_n_over_a_log_ratio_comes_back(tmp_path: Path, chooser: FiniteBestOfN) -> None:
    chooser.save(tmp_path)
    loaded = load_policy(tmp_path)
    prompts = chooser.base.table.prompts  # pyright: ignore[reportAttributeAccessIssue]
    assert loaded.sample(prompts, 2, rng_for(0)) == chooser.sample(prompts, 2, rng_for(0))


@pytest.mark.parametrize("content", [*BROKEN, b"0", b"-2", b"1.5"], ids=range(len(BROKEN) + 3))
def test_a_broken_n_is_refused(tmp_path: Path, chooser: FiniteBestOfN, content: bytes) -> None:
    chooser.save(tmp_path)
    (tmp_path / "n.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"n\.txt"):
        load_policy(tmp_path)


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_scale_is_refused(tmp_path: Path, chooser: FiniteBestOfN, content: bytes) -> None:
    chooser.save(tmp_path)
    (tmp_path / "reward" / "scale.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"scale\.txt"):
        load_value_model(tmp_path / "reward")


def test_an_empty_folder_holds_no_policy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no policy"):
        load_policy(tmp_path)
