"""A GGUF file of the Llama architecture, rewritten as an ordinary Hugging Face checkpoint in bfloat16.

llama.cpp stores the rows of the query and key projections in another order (its rotary embedding pairs neighbours, the
Hugging Face one pairs halves); that is undone here. Departs from transformers' own GGUF loading, whose weights it equals bit
for bit, in its tokenizer: digits are split one by one, as the model was trained."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL = 3  # the token type of special tokens in GGUF


def convert(source: Path, target: Path) -> Path:
    """Writes the checkpoint at `target` and returns it; where it stands already, nothing is done. It appears whole or not at all,
    and of two processes that convert at once one wins. Raises InputError for a file that is not a Llama with a GPT-2 style
    tokenizer, and where the folder cannot be written (a full disk)."""
    if target.is_dir():
        return target
    from gguf import GGUFReader

    reader = GGUFReader(source)
    fields = [name for name in reader.fields if name.startswith(("general.", "llama.", "tokenizer."))]
    facts: dict[str, Any] = {name: reader.fields[name].contents() for name in fields}
    found = (facts.get("general.architecture"), facts.get("tokenizer.ggml.model"), facts.get("tokenizer.ggml.pre"))
    if found != ("llama", "gpt2", "smollm"):
        raise InputError(f"{source} holds {found}; only ('llama', 'gpt2', 'smollm') is converted: give a Hugging Face checkpoint")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True) as folder:
            draft = Path(folder) / target.name
            draft.mkdir()
            _write_tokenizer(facts, draft)
            _write_model(reader, facts, draft)
            draft.rename(target)
    except OSError as error:
        if not target.is_dir():  # else another process was first
            what = f"cannot write the converted model to {target.parent} ({error.strerror or error})"
            raise InputError(f"{what}; it needs about 300 MB: make room, or set PASTURE_CACHE to another folder") from error
    return target


def _write_model(reader: Any, facts: dict[str, Any], folder: Path) -> None:
    import torch
    from gguf import dequantize
    from safetensors.torch import save_file
    from transformers import GenerationConfig, LlamaConfig

    heads, kv_heads = facts["llama.attention.head_count"], facts["llama.attention.head_count_kv"]
    state: dict[str, torch.Tensor] = {}
    for tensor in reader.tensors:
        weights = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        if ".attn_q." in tensor.name or ".attn_k." in tensor.name:
            weights = unpermuted(weights, heads if ".attn_q." in tensor.name else kv_heads)
        *block, part = tensor.name.removesuffix(".weight").split(".")  # blk.LAYER.PART, or PART
        name = (f"model.layers.{block[1]}." if block else "") + NAMES[part]
        state[f"{name}.weight"] = torch.from_numpy(np.array(weights)).to(torch.bfloat16)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    names = {"bos": "bos", "eos": "eos", "pad": "padding"}
    ids = {f"{name}_token_id": facts[f"tokenizer.ggml.{theirs}_token_id"] for name, theirs in names.items()}
    config = LlamaConfig(
        vocab_size=facts["llama.vocab_size"],
        hidden_size=facts["llama.embedding_length"],
        intermediate_size=facts["llama.feed_forward_length"],
        num_hidden_layers=facts["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=facts["llama.context_length"],
        rms_norm_eps=facts["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": facts["llama.rope.freq_base"]},
        tie_word_embeddings="lm_head.weight" not in state,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        **ids,
    )
    config.save_pretrained(folder)
    GenerationConfig(**ids).save_pretrained(folder)


def unpermuted(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows [heads * 2 * half, ...] from llama.cpp's order (2k, 2k + 1 are a rotary pair) to Hugging Face's (k, half + k)."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, half, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def _write_tokenizer(facts: dict[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = facts["tokenizer.ggml.tokens"]
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in facts["tokenizer.ggml.merges"])]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    types = facts["tokenizer.ggml.token_type"]
    special = [AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens(special)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[facts["tokenizer.ggml.bos_token_id"]],
        eos_token=tokens[facts["tokenizer.ggml.eos_token_id"]],
        unk_token=tokens[facts["tokenizer.ggml.unknown_token_id"]],
        pad_token=tokens[facts["tokenizer.ggml.padding_token_id"]],
        chat_template=facts["tokenizer.chat_template"],
        model_max_length=facts["llama.context_length"],
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)
