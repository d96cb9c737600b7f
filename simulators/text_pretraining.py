"""Trains the text world's language model from scratch: a small Llama that answers in fluent sentences, half of the time right.

It learns answers of mixed, on average mediocre quality, so that there is something left to learn from feedback.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.records import Completion, Prompt
from ..core.seeds import rng_for, seed_for
from .text_answers import compose
from .text_grammar import CLAUSES, SENTENCES, parse_instruction, questions

if TYPE_CHECKING:
    from ..policies.causal_lm import CausalLMPolicy

CONTROLS = 8
MAX_NEW_TOKENS = 32
SPECIAL = ("<pad>", "</s>", "<unk>", "<|user|>", "<|assistant|>", *(f"<|control_{k}|>" for k in range(CONTROLS)))
CHAT_TEMPLATE = (
    "{% for turn in messages %}{% if turn.role == 'assistant' %}<|assistant|>{{ turn.content }}</s>"
    "{% else %}<|user|>{{ turn.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_TOKEN = r"\n|\w+|[^\w\s]"
OnProgress = Callable[[int, int, float], None]
"""(step, steps, mean loss in nats a token since the last call)."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the base model is and how it is trained; every field is part of the cache's key."""

    hidden: int = 128
    layers: int = 2
    heads: int = 4
    ffn: int = 256
    init: float = 0.08
    answers: int = 16384
    epochs: int = 2
    batch: int = 64
    learning_rate: float = 4e-3
    warmup: int = 30
    weight_decay: float = 0.01
    clean: float = 0.7
    lowest_quality: float = 0.0
    highest_quality: float = 0.9


def build_tokenizer() -> Any:
    """A word-level tokenizer with a chat template, over every word that the grammar can say."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    clauses = [said for options in CLAUSES.values() for said in options.values()]
    words = sorted({word for text in [*SENTENCES, *questions(), *clauses, "-\n"] for word in re.findall(_TOKEN, text)})
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate([*SPECIAL, *words])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), behavior="removed", invert=True)  # pyright: ignore[reportAttributeAccessIssue]
    joins = [(" \n", "\n"), ("\n ", "\n"), *((f" {mark}", mark) for mark in ".,!?")]
    tokenizer.decoder = decoders.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse(), *(decoders.Replace(a, b) for a, b in joins)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=list(SPECIAL[3:]),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def build_model(recipe: Recipe, tokenizer: Any, seed: int) -> Any:
    """The untrained Llama, its weights drawn from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.ffn,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=recipe.init,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "text", "weights"))
        return LlamaForCausalLM(config)


def pretrain(recipe: Recipe, prompts: Sequence[Prompt], seed: int, on_progress: OnProgress | None = None) -> CausalLMPolicy:
    """A policy trained on one answer of random quality to each prompt. Uses torch's current number of threads."""
    import torch

    from ..policies.causal_lm import CausalLMPolicy

    tokenizer = build_tokenizer()
    policy = CausalLMPolicy(build_model(recipe, tokenizer, seed), tokenizer, controls=CONTROLS, max_new_tokens=MAX_NEW_TOKENS)
    rng = rng_for(seed, "text", "pretraining")
    clean = int(recipe.clean * len(prompts))
    corpus = [_answer(prompt, 1.0 if k < clean else rng.uniform(recipe.lowest_quality, recipe.highest_quality), rng) for k, prompt in enumerate(prompts)]
    steps = recipe.epochs * (len(corpus) // recipe.batch)
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, recipe.warmup))
    losses: list[float] = []
    start = time.monotonic()
    for step, batch in enumerate(_batches(corpus, recipe, rng), start=1):
        scores = policy.token_scores(batch)
        loss = -scores.logprobs_NT.sum() / scores.mask_NT.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if step % 16 == 0 or step == steps:
            _report(step, steps, float(np.mean(losses)), on_progress)
            losses.clear()
    log.info("trained the text world's language model in %.0f s", time.monotonic() - start)
    return policy


def _answer(prompt: Prompt, quality: float, rng: np.random.Generator) -> Completion:
    return Completion(prompt, compose(parse_instruction(prompt.text), quality, rng))


def _rate(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine to a twentieth."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * (step - warmup) / max(steps - warmup, 1)))


def _batches(corpus: Sequence[Completion], recipe: Recipe, rng: np.random.Generator) -> Iterator[list[Completion]]:
    """Every epoch in a new order; batches hold texts of like length, since padding costs as much as words."""
    size = [len(each.prompt.text.split()) + len(each.text.split()) for each in corpus]
    usable = len(corpus) // recipe.batch * recipe.batch
    for _ in range(recipe.epochs):
        clean = int(recipe.clean * len(corpus))
        order = np.concatenate([rng.permutation(clean), clean + rng.permutation(len(corpus) - clean)])[:usable]
        pools = [sorted(order[k : k + 16 * recipe.batch], key=lambda k: size[k]) for k in range(0, usable, 16 * recipe.batch)]
        batches = [pool[k : k + recipe.batch] for pool in pools for k in range(0, len(pool), recipe.batch)]
        for k in (q for i in range(0, len(batches), 16) for q in i + rng.permutation(len(batches[i : i + 16]))):
            yield [corpus[j] for j in batches[k]]


def _report(step: int, steps: int, loss: float, on_progress: OnProgress | None) -> None:
    log.debug("step %d of %d, loss %.3f", step, steps, loss)
    if on_progress:
        on_progress(step, steps, loss)
