"""A checkpoint's folder is data: no code in it runs, no pickle is read, and what cannot be loaded is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pasture.core.errors import InputError
from pasture.core.language_models.checkpoints import load
from pasture.engines.models import resolve_model
from pasture.policies.causal_lm import CausalLMPolicy


def families():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM, AutoTokenizer


def test_a_folder_with_code_of_its_own_is_refused_and_the_code_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match="code of its own in auto_map"):
        load(*families(), tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt", "epoch=3.ckpt"])
def test_pickled_weights_are_refused_in_a_sentence(tmp_path: Path, name: str):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / name).write_bytes(b"garbage")
    for door in (lambda: load(*families(), tmp_path), lambda: resolve_model(str(tmp_path)), lambda: CausalLMPolicy.load(tmp_path)):
        with pytest.raises(InputError, match=rf"pickled \({name}\).*safetensors"):
            door()


@pytest.mark.parametrize(
    "config",
    ["", "[]", '{"model_type": "llama"}', '{"model_type": 7}', "[" * 100_000, '{"model_type": "llama", "hidden_size": "x"}'],
)
def test_a_damaged_folder_is_one_sentence(tmp_path: Path, config: str):
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match="no checkpoint could be loaded"):
        load(*families(), tmp_path)
