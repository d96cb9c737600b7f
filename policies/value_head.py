"""A value model: the policy's network with a linear head on every state, started at zero.

It is saved as an ordinary one-label sequence classifier, which is how the field ships reward models; the head has no bias."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.errors import InputError
from ..core.records import Completion
from .checkpoints import load_pretrained, save_checkpoint, saved_settings
from .decoding import batches
from .lora import Lora, merged, trainable, trainable_copy, with_adapters
from .prompt_encoding import PromptEncoder


class CausalLMValueModel:
    """Implements `core.protocols.ValueModel`. model: a one-label sequence classifier whose head is called `score`."""

    def __init__(self, model: Any, encoder: PromptEncoder, *, lora: Lora | None = None, control: int | None = None) -> None:
        model.score.float()
        self.lora = lora
        self.model = (with_adapters(model, lora, "SEQ_CLS", ["score"]) if lora else model).eval()
        self.encoder = encoder
        self.control = control

    @staticmethod
    def of(
        policy: Any, encoder: PromptEncoder, rng: np.random.Generator, *, lora: Lora | None = None, control: int | None = None
    ) -> CausalLMValueModel:
        """A fresh value model from a policy's causal LM; `rng` draws the start of its adapters, where there are adapters."""
        from transformers import AutoModelForSequenceClassification

        start = merged(policy, lora)
        backbone = start.base_model if lora else copy.deepcopy(start.base_model).float()  # see `trainable_copy`
        backbone.requires_grad_(True)
        fresh = lora and replace(lora, seed=int(rng.integers(2**31)))
        config = copy.deepcopy(start.config)
        config.num_labels = 1
        try:
            with torch.device("meta"):
                model = AutoModelForSequenceClassification.from_config(config)
        except ValueError as error:
            wrong = f"transformers has no sequence classifier of the type {config.model_type!r}, so it has no value model"
            raise InputError(f"{wrong}; use a decoder such as Llama, Qwen, Mistral or Gemma") from error
        if not isinstance(getattr(model, "score", None), torch.nn.Linear):
            what = f"the classifier of {config.model_type!r} has no linear head called 'score'"
            raise InputError(f"{what}; use a decoder such as Llama")
        setattr(model, model.base_model_prefix, backbone)
        model.score = torch.nn.Linear(model.score.in_features, 1, bias=False, device=backbone.device, dtype=backbone.dtype)
        torch.nn.init.zeros_(model.score.weight)
        return CausalLMValueModel(model, encoder, lora=fresh, control=control)

    @staticmethod
    def load(folder: str | Path, *, device: str = "cpu", dtype: str = "float32") -> CausalLMValueModel:
        """What `save` wrote, or any one-label sequence classifier with a bias-free head. Raises InputError where there is none."""
        from transformers import AutoModelForSequenceClassification

        model, tokenizer = load_pretrained(AutoModelForSequenceClassification, folder, device, dtype)
        if model.config.num_labels != 1 or not hasattr(model, "score"):
            what = f"the checkpoint {str(folder)!r} has {model.config.num_labels} labels"
            raise InputError(f"{what}; a value model has one, and a head called 'score'")
        saved = saved_settings(folder)
        return CausalLMValueModel(model, PromptEncoder(tokenizer, model.config), lora=saved.lora, control=saved.control)

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        """(values [N, T + 1], mask [N, T + 1]): before each token, and after the last; 0 and False where there is none."""
        pairs = [(self.encoder.prompt(each.prompt, self.control), self.encoder.answer(each)) for each in completions]
        states = max((len(answer) for _, answer in pairs), default=0) + 1
        values_NT = torch.zeros(len(pairs), states, device=self.model.device)
        mask_NT = torch.zeros_like(values_NT, dtype=torch.bool)
        classifier = self.model.get_base_model() if self.lora else self.model
        for chunk, batch in batches(pairs, self.encoder.pad, self.model, 1, last_state=True):
            hidden_NLD = classifier.base_model(input_ids=batch.ids_NL, use_cache=False).last_hidden_state
            values_M = classifier.score(hidden_NLD[batch.row_M, batch.column_M].float())[:, 0]
            place = (torch.tensor(chunk, device=values_M.device)[batch.row_M], batch.place_M)
            values_NT = values_NT.index_put(place, values_M)
            mask_NT[place] = True
        return values_NT, mask_NT

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        """The value after each answer's last token, [N]."""
        values_NT, mask_NT = self.state_values(completions)
        return values_NT.gather(1, mask_NT.sum(dim=1, keepdim=True) - 1)[:, 0]

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return trainable(self.model, self.lora)

    def copy(self) -> CausalLMValueModel:
        made = copy.copy(self)
        made.model = trainable_copy(self.model, self.lora)
        return made

    def save(self, folder: Path) -> None:
        """An ordinary checkpoint of a one-label sequence classifier, adapters merged in, with its tokenizer.

        transformers takes the score at the last token that is not padding. Where the tokenizer's padding may end an answer (it is
        the end of sequence, say), or the model does not know it, the checkpoint names none, and transformers then scores one text
        at a time, and says so."""
        model, pad = merged(self.model, self.lora), self.encoder.tokenizer.pad_token_id
        is_free = pad is not None and pad not in self.encoder.ends and pad < model.get_input_embeddings().weight.shape[0]
        model.config.get_text_config().pad_token_id = pad if is_free else None
        save_checkpoint(folder, model, self.encoder.tokenizer, self.lora, control=self.control)
