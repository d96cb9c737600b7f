"""Trains the text world's language model from scratch: a small Llama that answers in fluent sentences, half of the time right.

It learns answers of mixed, on average mediocre quality, so that there is something left to learn from feedback."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.files.writing import cached_folder
from ...core.records import Completion
from ...core.seeds import digest, rng_for, seed_for
from ...engines.models import cache_folder
from .answers import compose
from .grammar import CLAUSES, QUESTIONS, SENTENCES, parse_instruction
from .prompts import draw_prompts

if TYPE_CHECKING:
    from ...policies.causal_lm import CausalLMPolicy

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
REPORTED = 16  # steps from one report of progress to the next
MADE_BY = ("grammar.py", "grammar.toml", "prompts.py", "answers.py", "pretraining.py")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the base model is and how it is trained; every field is part of the cache's key."""

    hidden: int = 128
    layers: int = 2
    heads: int = 4
    ffn: int = 256
    init: float = 0.08
    answers: int = 10240
    clean: float = 0.7
    """The first answers, as a part of all, are without fault: what is wished is learned from them, much sooner than from
    mixed ones. How often it is heeded is learned from the rest."""
    best: float = 0.9
    """Quality (see `answers.compose`) of the others at most; it is drawn uniformly from 0."""
    batch: int = 16
    learning_rate: float = 3e-3
    warmup: int = 30
    weight_decay: float = 0.01


def build_tokenizer() -> Any:
    """A word-level tokenizer with a chat template, over every word that the grammar can say."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    clauses = [said for options in CLAUSES.values() for said in options.values()]
    words = sorted({word for text in [*SENTENCES, *QUESTIONS, *clauses, "-\n"] for word in re.findall(_TOKEN, text)})
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


def pretrain(recipe: Recipe, seed: int, on_progress: OnProgress | None = None) -> CausalLMPolicy:
    """A freshly trained policy. Uses torch's current number of threads."""
    import torch

    from ...policies.causal_lm import CausalLMPolicy

    tokenizer = build_tokenizer()
    model = build_model(recipe, tokenizer, seed)
    policy = CausalLMPolicy(model, tokenizer, controls=CONTROLS, max_new_tokens=MAX_NEW_TOKENS)
    batches = _batches(recipe, seed)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    optimizer = torch.optim.AdamW(policy.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(batches), recipe.warmup))
    losses: list[float] = []
    for step, batch in enumerate(batches, start=1):
        scores = policy.token_scores(batch)
        loss = -scores.logprobs_NT.sum() / scores.mask_NT.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if step % REPORTED == 0 or step == len(batches):
            log.debug("step %d of %d, loss %.3f", step, len(batches), np.mean(losses))
            if on_progress:
                on_progress(step, len(batches), float(np.mean(losses)))
            losses.clear()
    return policy


def _batches(recipe: Recipe, seed: int) -> list[list[Completion]]:
    """One answer to each prompt, faultless ones first; batches hold texts of like length, since padding costs as much as
    words, and are shuffled within pools of sixteen."""
    prompts, rng = draw_prompts(seed, "pretraining", recipe.answers), rng_for(seed, "text", "pretraining")
    mixed = rng.uniform(0.0, recipe.best, len(prompts))
    quality = np.where(np.arange(len(prompts)) < recipe.clean * len(prompts), 1.0, mixed)
    asked = zip(prompts, quality.tolist(), strict=True)
    corpus = [Completion(prompt, compose(parse_instruction(prompt.text), each, rng)) for prompt, each in asked]
    batches: list[list[Completion]] = []
    for start in range(0, len(corpus), 16 * recipe.batch):
        pool = sorted(corpus[start : start + 16 * recipe.batch], key=lambda each: len(each.prompt.text) + len(each.text))
        rows = [pool[k : k + recipe.batch] for k in range(0, len(pool), recipe.batch)]
        batches += [rows[k] for k in rng.permutation(len(rows))]
    return batches


def _rate(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine to a twentieth."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def base_checkpoint(seed: int, on_progress: OnProgress | None = None, recipe: Recipe | None = None) -> Path:
    """The folder of the base policy of this seed: from the cache, or trained into it. Its name is a hash of the recipe and of
    the source of all that makes it, so that a changed grammar or tokenizer is never met with an old model."""
    recipe = recipe or Recipe()
    source = [(Path(__file__).parent / part).read_text(encoding="utf-8") for part in MADE_BY]
    name = f"text-{digest(repr(recipe), seed, *source).hex()[:16]}"

    def make(folder: Path) -> None:
        start = time.monotonic()
        log.info("training the text world's language model, once, into %s", cache_folder())
        pretrain(recipe, seed, on_progress).save(folder)
        log.info("trained it in %.0f s", time.monotonic() - start)

    return cached_folder(cache_folder() / "worlds" / name, make)
