"""What a language-model policy cannot work with is one InputError, with a way out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.records import Completion, Message, Prompt
from pasture.policies.causal_lm import CausalLMPolicy
from pasture.policies.lora import Lora
from pasture.policies.value_head import CausalLMValueModel

GIVEN = [Completion(Prompt("Say 1."), "1 1")]

Make = Callable[..., CausalLMPolicy]


@pytest.fixture
def make(byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]) -> Make:
    def made(family: str = "llama", *, tied: bool = False, template: str | None = None, **options: Any) -> CausalLMPolicy:
        tokenizer = byte_tokenizer(template=template)
        return CausalLMPolicy(tiny_model(family, tokenizer, tied=tied), tokenizer, max_new_tokens=4, **options)

    return made


@pytest.mark.parametrize("targets", [("lm_head",), ("embed_tokens",), ("q_proj", "lm_head"), ("embed_tokens", "lm_head")], ids=str)
def test_adapters_of_tied_weights_are_refused_and_of_untied_ones_are_saved_as_they_are(
    make: Make, targets: tuple[str, ...], tmp_path: Path
) -> None:
    lora = Lora(rank=2, targets=targets)
    with pytest.raises(InputError, match="weights that another module shares"):
        make(tied=True, lora=lora)
    policy = make(lora=lora)
    for parameter in policy.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(0))
    policy.save(tmp_path)
    loaded = CausalLMPolicy.load(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.token_scores(GIVEN).logprobs_NT, policy.token_scores(GIVEN).logprobs_NT, atol=1e-3, rtol=0
        )
    assert loaded.lora == lora


def test_adapters_of_all_linear_layers_may_stand_beside_tied_embeddings(make: Make, tmp_path: Path) -> None:
    policy = make(tied=True, lora=Lora(rank=2))
    for parameter in policy.parameters():
        parameter.data.normal_(std=0.3, generator=torch.Generator().manual_seed(0))
    policy.save(tmp_path)
    with torch.no_grad():
        scores = [each.token_scores(GIVEN).logprobs_NT for each in (CausalLMPolicy.load(tmp_path), policy)]
    torch.testing.assert_close(*scores, atol=1e-3, rtol=0)


@pytest.mark.parametrize("targets", ["no_such_layer", ("no_such_layer",), ("input_layernorm",)], ids=str)
def test_targets_that_cannot_be_adapted_are_refused(make: Make, targets: Any) -> None:
    with pytest.raises(InputError, match="LoRA cannot adapt"):
        make(lora=Lora(targets=targets))


@pytest.mark.parametrize("lora", [{"rank": 0}, {"alpha": float("nan")}, {"alpha": float("inf")}], ids=str)
def test_settings_of_adapters_are_checked(lora: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"rank|alpha"):
        Lora(**lora)


def test_an_architecture_without_a_key_value_cache_is_refused(make: Make) -> None:
    with pytest.raises(InputError, match=r"MambaForCausalLM is not a causal language model with a key-value cache.* use a decoder"):
        make("mamba")


def test_an_encoder_and_decoder_is_refused(byte_tokenizer: Callable[..., Any]) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = byte_tokenizer()
    model = T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    with pytest.raises(InputError, match="is not a causal language model"):
        CausalLMPolicy(model, tokenizer)


def test_tokens_that_the_model_does_not_know_are_refused(make: Make) -> None:
    policy = make()
    value = policy.value_model(np.random.default_rng(0))
    for token in (-1, 257, 2**40):
        for scored in (policy.token_scores, value.scores):
            with pytest.raises(InputError, match=f"a token {token}, and the model knows 257"):
                scored([Completion(Prompt("x"), "", (3, token))])
    policy.tokenizer.add_tokens(["<new>"])
    with pytest.raises(InputError, match="a token 257, and the model knows 257"):
        policy.sample([Prompt("a <new> b")], 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="resize_token_embeddings"):
        policy.token_scores([Completion(Prompt("x"), "<new>")])


STRICT = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ m['role'] + m['content'] + eos_token }}{% endfor %}"
)


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_turns_that_a_template_refuses_are_an_error_with_its_words(make: Make, role: str) -> None:
    prompt = Prompt("x", history=(Message(role, "y"),))
    policy = make(template=STRICT)
    with pytest.raises(InputError, match="chat template refuses the turns"):
        policy.sample([prompt], 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="chat template refuses the turns"):
        policy.token_scores([Completion(prompt, "z")])


@pytest.mark.parametrize("template", ["{{ messages[7] }}", "{{ 1 / 0 }}", "{% for %}", "{{ messages | sum }}"])
def test_a_broken_template_is_an_input_error(make: Make, template: str) -> None:
    with pytest.raises(InputError, match=r"template|no tokens at all"):
        make(template=template).sample([Prompt("x")], 1, np.random.default_rng(0))


@pytest.fixture
def saved(make: Make, tmp_path: Path) -> Path:
    make(controls=2).with_control(1).save(tmp_path)
    return tmp_path


def test_settings_come_back(saved: Path) -> None:
    loaded = CausalLMPolicy.load(saved)
    assert (loaded.control, loaded.controls, loaded.max_new_tokens) == (1, 2, 4)


VALUES: list[Any] = ["x", 1.5, True, -1, [], {"rank": 0}, {"rank": "x"}, {"unknown": 1}, 10**400]


@pytest.mark.parametrize("key", ["lora", "control", "controls", "max_new_tokens", "unknown"])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:12])
def test_a_wrong_setting_is_refused(saved: Path, key: str, value: Any) -> None:
    settings = json.loads((saved / "pasture.json").read_text(encoding="utf-8"))
    (saved / "pasture.json").write_text(json.dumps(settings | {key: value}), encoding="utf-8")
    with pytest.raises(InputError):
        CausalLMPolicy.load(saved)


BYTES = [b"", b"{", b"\xff", b"[" * 100_000, b"null", b"[1]", b"NaN"]


@pytest.mark.parametrize("name", ["pasture.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", BYTES, ids=range(len(BYTES)))
def test_a_broken_file_of_a_checkpoint_is_an_input_error(saved: Path, name: str, content: bytes) -> None:
    (saved / name).write_bytes(content)
    with pytest.raises(InputError):
        CausalLMPolicy.load(saved)


@pytest.mark.parametrize(
    "options", [{"dtype": "float33"}, {"dtype": "int8"}, {"device": "nowhere"}, {"device": "cuda:99"}], ids=str
)
def test_a_type_or_device_that_does_not_exist_is_refused(saved: Path, options: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"float33|int8|nowhere|cuda:99"):
        CausalLMPolicy.load(saved, **options)


@pytest.mark.parametrize("load", [CausalLMPolicy.load, CausalLMValueModel.load], ids=["policy", "value model"])
def test_code_in_a_folder_is_not_run_and_pickles_are_not_read(saved: Path, load: Callable[..., Any], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (saved / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\nclass OwnConfig: pass\n")
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    classes = ("AutoModelForCausalLM", "AutoModelForSequenceClassification")
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", **dict.fromkeys(classes, "own.Own")}}
    (saved / "config.json").write_text(json.dumps(config | own), encoding="utf-8")
    with pytest.raises(InputError, match="auto_map"):
        load(saved)
    (saved / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (saved / "model.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match="pickled"):
        load(saved)
    assert not ran.exists()


def test_a_kill_while_a_policy_is_written_leaves_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = CausalLMPolicy.load(saved)
    before = {path.name: path.read_bytes() for path in saved.iterdir()}

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(policy.tokenizer, "save_pretrained", killed)
    with pytest.raises(KeyboardInterrupt):
        policy.save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_a_smaller_model_saved_over_a_sharded_one_is_what_is_loaded(make: Make, tmp_path: Path) -> None:
    policy = make()
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"old")
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    policy.save(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.safetensors*")) == ["model.safetensors"]
    assert CausalLMPolicy.load(tmp_path).vocabulary == policy.vocabulary


def test_a_folder_that_cannot_be_written_is_one_error(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        make().save(tmp_path / "file" / "policy")


@pytest.mark.parametrize("value", ["x", [], {}], ids=str)
def test_a_tokenizers_setting_of_a_wrong_type_is_an_input_error(saved: Path, value: Any) -> None:
    path = saved / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"model_max_length": value}), encoding="utf-8")
    with pytest.raises(InputError, match="no checkpoint could be loaded"):
        CausalLMPolicy.load(saved)
