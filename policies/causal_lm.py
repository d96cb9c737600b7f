"""A policy that is a causal language model: any Hugging Face checkpoint, whole or through LoRA adapters.

KL is estimated from samples, Rao-Blackwellised: at each sampled state the divergence of the two next-token distributions is
exact, and their sum is averaged over the samples. That is unbiased, never negative, and varies less than log-ratios do."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.errors import InputError
from ..core.protocols import Policy, TokenScores
from ..core.records import Completion, Prompt
from .checkpoints import load_pretrained, save_checkpoint, saved_settings
from .decoding import Batch, answer_logits, batches, check_tokens, context, sample_tokens
from .lora import Lora, merged, trainable, trainable_copy, with_adapters
from .prompt_encoding import PromptEncoder, control_text
from .value_head import CausalLMValueModel

MOST_ROWS = 512  # answers sampled at once


class CausalLMPolicy:
    """Implements `core.protocols.Policy`.

    model: a transformers causal LM, taken over, not copied. lora: settings of new adapters to train in place of the
    model's own parameters. controls: how many control codes there are; code k is the text `<|control_k|>` before the
    prompt. max_new_tokens: where answers are cut, in tokens."""

    def __init__(
        self, model: Any, tokenizer: Any, *, lora: Lora | None = None, controls: int = 8, max_new_tokens: int = 64
    ) -> None:
        if max_new_tokens < 1:
            raise InputError(f"max_new_tokens is {max_new_tokens}; it is at least 1")
        if controls < 0:
            raise InputError(f"controls is {controls}; it is a count of control codes, 0 or more")
        if not _reads_on(model):
            what = f"{type(model).__name__} is not a causal language model with a key-value cache, which policies sample by"
            raise InputError(f"{what}; use a decoder such as Llama, Qwen, Mistral, Gemma or GPT-2")
        self.lora = lora
        self.model = (with_adapters(model, lora, "CAUSAL_LM") if lora else model).eval()
        self.encoder = PromptEncoder(tokenizer, model.generation_config)
        self.max_new_tokens = max_new_tokens
        self.control: int | None = None
        self.controls = controls

    @staticmethod
    def load(
        source: str | Path,
        *,
        lora: Lora | None = None,
        controls: int | None = None,
        max_new_tokens: int | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> CausalLMPolicy:
        """A policy from a checkpoint's folder or hub name. Settings not given are those that `save` wrote, else 8 controls,
        64 tokens and no adapters. dtype: float32, bfloat16 or float16, in which the policy answers; it is trained in float32.
        Raises InputError where there is no such checkpoint."""
        from transformers import AutoModelForCausalLM

        model, tokenizer = load_pretrained(AutoModelForCausalLM, source, device, dtype)
        saved = saved_settings(source)
        controls = saved.controls if controls is None else controls
        max_new_tokens = saved.max_new_tokens if max_new_tokens is None else max_new_tokens
        policy = CausalLMPolicy(model, tokenizer, lora=lora or saved.lora, controls=controls, max_new_tokens=max_new_tokens)
        return policy.with_control(saved.control)

    @property
    def tokenizer(self) -> Any:
        return self.encoder.tokenizer

    def sample(
        self, prompts: Sequence[Prompt], n: int, rng: np.random.Generator, temperature: float = 1.0
    ) -> list[list[Completion]]:
        """n answers to each prompt, `tokens` set, cut at `max_new_tokens` and where the model's context ends.

        temperature: 0 or more, 0 is greedy. Raises InputError for a prompt that leaves no room for an answer."""
        if not temperature >= 0:
            raise InputError(f"the temperature is {temperature}; it is 0 (greedy) or more")
        if n < 1:
            raise InputError(f"{n} answers per prompt were asked for; ask for at least 1")
        encoded = [self.encoder.prompt(prompt, self.control) for prompt in prompts]
        check_tokens(encoded, self.model)
        rooms = [self._room(prompt, len(ids)) for prompt, ids in zip(prompts, encoded, strict=True)]
        order = sorted(range(len(prompts)), key=lambda k: len(encoded[k]))  # alike in length, so that little is padding
        step, ends = max(MOST_ROWS // n, 1), self.encoder.ends
        answers: list[list[Completion]] = [[] for _ in prompts]
        for start in range(0, len(order), step):
            chosen = order[start : start + step]
            read, room, seed = [encoded[k] for k in chosen], [rooms[k] for k in chosen], int(rng.integers(2**63))
            rows = sample_tokens(self.model, read, n, room, temperature=temperature, ends=ends, pad=self.encoder.pad, seed=seed)
            for k, group in zip(chosen, range(0, len(rows), n), strict=True):
                answers[k] = [Completion(prompts[k], self.encoder.text(row), tuple(row)) for row in rows[group : group + n]]
        return answers

    def token_scores(self, completions: Sequence[Completion]) -> TokenScores:
        """Log-probabilities, entropies and mask, [N, T], at temperature 1. A completion without `tokens` is its text's tokens and
        what closes an answer: the chat template's end of turn, or the end of sequence."""
        places: list[tuple[torch.Tensor, torch.Tensor]] = []
        values: list[tuple[torch.Tensor, torch.Tensor]] = []
        for chunk, batch in self._batches(completions):
            logprobs_MV = torch.log_softmax(answer_logits(self.model, batch), dim=-1)
            entropies_M = -(logprobs_MV.exp() * logprobs_MV).sum(dim=-1)
            values.append((logprobs_MV.gather(1, batch.target_M[:, None])[:, 0], entropies_M))
            places.append((torch.tensor(chunk, device=self.model.device)[batch.row_M], batch.place_M))
        place = (torch.cat([row for row, _ in places]), torch.cat([place for _, place in places]))
        empty_NT = values[0][0].new_zeros(len(completions), int(place[1].max()) + 1)
        logprobs_NT, entropies_NT = (empty_NT.index_put(place, torch.cat(each)) for each in zip(*values, strict=True))
        mask_NT = torch.zeros_like(empty_NT, dtype=torch.bool)
        mask_NT[place] = True
        return TokenScores(logprobs_NT, entropies_NT, mask_NT)

    def kl(self, reference: Policy, completions: Sequence[Completion]) -> float:
        """KL(self || reference) in nats per answer, 0 or more, averaged over `completions`, which are this policy's samples.
        Raises InputError where the reference is not a language model of the same vocabulary."""
        if not isinstance(reference, CausalLMPolicy) or reference.vocabulary != self.vocabulary:
            raise InputError(
                f"KL is between policies of one vocabulary, here {self.vocabulary} tokens, and the reference is "
                f"{type(reference).__name__}{getattr(reference, 'vocabulary', '')}; give a copy of the policy that training "
                "started from"
            )
        total = 0.0
        with torch.no_grad():
            for chunk, batch in self._batches(completions):
                theirs = Batch.of(reference._pairs([completions[k] for k in chunk]), reference.encoder.pad, reference.model.device)
                logp_MV = torch.log_softmax(answer_logits(self.model, batch), dim=-1)
                logq_MV = torch.log_softmax(answer_logits(reference.model, theirs), dim=-1)
                total += float((logp_MV.exp() * (logp_MV - logq_MV)).sum(dtype=torch.float64))
        return max(total / len(completions), 0.0)  # rounding alone can pass below

    @property
    def vocabulary(self) -> int:
        """How many tokens the output layer knows."""
        return self.model.get_output_embeddings().weight.shape[0]

    def with_control(self, code: int | None) -> CausalLMPolicy:
        if code is not None:
            if not 0 <= code < self.controls:
                raise InputError(f"there is no control code {code}; this policy has {self.controls}, from 0")
            self.encoder.check_control(code)
        view = copy.copy(self)
        view.control = code
        return view

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return trainable(self.model, self.lora)

    def copy(self) -> CausalLMPolicy:
        """An independent copy, what is trained of it in float32 (16 bytes per weight with AdamW's states): steps at the usual rates
        are smaller than bfloat16 can tell, and overflow in float16."""
        made = copy.copy(self)
        made.model = trainable_copy(self.model, self.lora)
        return made

    def value_model(self, rng: np.random.Generator) -> CausalLMValueModel:
        return CausalLMValueModel.of(self.model, self.encoder, rng, lora=self.lora, control=self.control)

    def save(self, folder: Path) -> None:
        """An ordinary checkpoint with its tokenizer, adapters merged in, what ends its answers in the generation config, and this
        policy's settings in `pasture.json`. Raises InputError for weights that are not finite.

        A policy with adapters resumes on the merged weights with fresh adapters, which compute the same. The control
        code of a view is kept in the settings; other programs must write its text before their prompts."""
        settings = {"control": self.control, "controls": self.controls, "max_new_tokens": self.max_new_tokens}
        model = merged(self.model, self.lora)
        model.generation_config.eos_token_id = sorted(self.encoder.ends)
        save_checkpoint(folder, model, self.tokenizer, self.lora, **settings)

    def save_adapter(self, folder: Path) -> None:
        """The adapters alone, in PEFT's format, for a server that holds the starting checkpoint (vLLM's LoRA requests)."""
        if self.lora is None:
            raise InputError("this policy has no adapters to save; load it with lora=Lora(), or use save")
        self.model.save_pretrained(folder)

    def _room(self, prompt: Prompt, used: int) -> int:
        """How many tokens an answer may have after the `used` ones of its prompt, so that it can be scored under any code."""
        limit = context(self.model)
        if used >= limit:
            what = f"a prompt has {used} tokens, and the model reads {limit}, at least one for the answer included"
            raise InputError(f"{what}; shorten it")
        if limit - used < self.max_new_tokens + len(control_text(self.controls)):
            coded = max((len(self.encoder.prompt(prompt, code)) for code in range(self.controls)), default=0)
            used = max(used, min(coded, limit - 1))
        return min(self.max_new_tokens, limit - used)

    def _pairs(self, completions: Sequence[Completion]) -> list[tuple[Sequence[int], Sequence[int]]]:
        return [(self.encoder.prompt(each.prompt, self.control), self.encoder.answer(each)) for each in completions]

    def _batches(self, completions: Sequence[Completion]) -> Iterator[tuple[list[int], Batch]]:
        return batches(self._pairs(completions), self.encoder.pad, self.model, self.vocabulary)


def _reads_on(model: Any) -> bool:
    """Whether it carries a text on by a key-value cache, as `sample_tokens` asks of it."""
    own = model.get_base_model() if hasattr(model, "get_base_model") else model
    takes = inspect.signature(own.forward).parameters.keys()
    # what is stateful (Mamba and its hybrids) keeps states that cannot be copied for several answers, nor padded on the left
    is_stateful = getattr(own, "_is_stateful", False)
    return {"past_key_values", "logits_to_keep"} <= takes and hasattr(own, "generation_config") and not is_stateful
