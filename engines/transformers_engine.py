"""A causal language model from transformers, in batches: the engine that runs everywhere, and the measure of the others.

Each request draws from a generator of its own, keyed on its seed and content, so that neither its place in a batch nor its
neighbours change an answer (up to rounding: padding moves logits by some 1e-6 in float32, more in bfloat16). `choices` are
scored whole, and drawn by softmax(log-likelihood / temperature), the likeliest at temperature 0; the end of the sequence
counts only where one choice begins another. A `schema` is not enforced: the text is free, and its reader must bear that."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from ..core.errors import InputError
from ..core.language_models.checkpoints import load
from ..core.requests import Reply, Request
from ..core.seeds import rng_for
from .chat import ChatTokenizer, Prepared, draw_keys, rendered_requests
from .decoding import Halt, SamplingProcessor, cut_at_stop
from .models import model_identity, resolve_model

WINDOW = 1024  # requests that are tokenised and sorted by length together


class TransformersEngine:
    """Serves a checkpoint folder, `smollm2-135m`, or a hub id (see `models.resolve_model`).

    device: `cpu`, `cuda`, ...; None takes the GPU where there is one. dtype: float32 on a CPU and bfloat16 elsewhere.
    batch_size: requests a batch, at most. batch_tokens: padded prompt tokens a batch, at most (one request always fits).
    max_model_len: tokens of prompt and answer; None is what the model was made for.
    thinking: let the model think before it answers in words, where its chat template knows of that; a label is read at once."""

    def __init__(
        self,
        model: str,
        *,
        device: str | None = None,
        dtype: str | None = None,
        batch_size: int = 64,
        batch_tokens: int = 32768,
        max_model_len: int | None = None,
        thinking: bool = False,
    ) -> None:
        if batch_size < 1 or batch_tokens < 1:
            raise InputError(f"batch_size={batch_size}, batch_tokens={batch_tokens}: both are at least 1")
        folder = resolve_model(model)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        kind = dtype or ("float32" if self.device.type == "cpu" else "bfloat16")
        if kind not in ("float32", "bfloat16", "float16"):
            raise InputError(f"dtype is {kind!r}; expected float32, bfloat16 or float16")
        self.name = f"transformers:{model_identity(model, folder)}/{kind}" + ("/thinking" if thinking else "")
        self.prices = (0.0, 0.0)
        self.batch_size, self.batch_tokens = batch_size, batch_tokens
        loaded, tokenizer = load(AutoModelForCausalLM, AutoTokenizer, folder, dtype=getattr(torch, kind))
        self.model = loaded.to(self.device).eval()
        self.chat = ChatTokenizer(tokenizer, thinking=thinking)
        known = int(getattr(self.model.config, "max_position_embeddings", 0)) or 2**20
        if max_model_len is not None and not 1 < max_model_len <= known:
            raise InputError(f"max_model_len is {max_model_len}; this model reads 2 to {known} tokens")
        self.max_model_len = max_model_len or known
        ends = self.model.generation_config.eos_token_id
        ends = self.chat.tokenizer.eos_token_id if ends is None else ends
        self.ends = [] if ends is None else list(ends) if isinstance(ends, (list, tuple)) else [int(ends)]
        known_tokens = len(self.model.get_input_embeddings().weight)  # transformers gives Qwen tokenizers a padding of their own
        self.pad = next((t for t in (self.chat.tokenizer.pad_token_id, *self.ends) if t is not None and t < known_tokens), 0)
        # The checkpoint's own sampling defaults (a repetition penalty, a top-p) would change answers unseen.
        self.model.generation_config = GenerationConfig(pad_token_id=self.pad, eos_token_id=self.ends or None)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        """Batch by batch, long prompts first, so that the largest batch comes first."""
        rendered, failed = rendered_requests(self.chat, requests)
        yield from failed
        for start in range(0, len(rendered), WINDOW):
            ready, failed = self.chat.prepare(rendered[start : start + WINDOW], self.max_model_len)
            yield from failed
            for batch in self._batches(ready):
                yield from self._answers(batch)

    def _batches(self, ready: list[Prepared]) -> Iterator[list[Prepared]]:
        def kind(each: Prepared) -> tuple[int, int]:
            return (0, 0) if each.said else (1, 0) if each.choices else (2, -self._room(each))

        for _, group in itertools.groupby(sorted(ready, key=lambda each: (kind(each), -each.longest(), each.index)), kind):
            batch: list[Prepared] = []
            for each in group:
                if batch and (len(batch) == self.batch_size or (len(batch) + 1) * batch[0].longest() > self.batch_tokens):
                    yield batch
                    batch = []
                batch.append(each)
            yield batch

    def _answers(self, batch: list[Prepared]) -> Iterator[tuple[int, Reply]]:
        if batch[0].said:
            scores = self._loglikelihoods([(each.prompt, each.said) for each in batch])
            for each, score in zip(batch, scores, strict=True):
                yield each.index, Reply("", "stop", {}, score, len(each.prompt), len(each.said))
        elif batch[0].choices:
            yield from self._chosen(batch)
        else:
            yield from self._generated(batch)

    @torch.inference_mode()
    def _loglikelihoods(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        """Natural log-likelihood of each second given its first, summed over tokens."""
        kept = max(len(said) for _, said in pairs) + 1
        ids_NT, mask_NT = self._padded([prompt + said for prompt, said in pairs])
        places_NT = (mask_NT.cumsum(-1) - 1).clamp(min=0)
        inputs = {"input_ids": ids_NT, "attention_mask": mask_NT, "position_ids": places_NT}
        logits_NKV = self.model(**inputs, logits_to_keep=kept, use_cache=False).logits
        scores: list[float] = []
        for row, (_, said) in enumerate(pairs):
            logprobs_TV = logits_NKV[row, -len(said) - 1 : -1].float().log_softmax(-1)
            scores.append(float(logprobs_TV.gather(1, torch.tensor(said, device=self.device)[:, None]).double().sum()))
        return scores

    def _chosen(self, batch: list[Prepared]) -> Iterator[tuple[int, Reply]]:
        labelled = [each for each in batch if each.labels]
        labels = iter(self._decode(labelled, new_tokens=1)[1] if labelled else [])
        ended = [{choice: [*ids, *self._closing(each)] for choice, ids in each.choices.items()} for each in batch]
        pairs = [(each.prompt, ids) for each, texts in zip(batch, ended, strict=True) for ids in texts.values()]
        size = max(1, min(self.batch_size, self.batch_tokens // max(each.longest() for each in batch)))
        scores = iter([score for k in range(0, len(pairs), size) for score in self._loglikelihoods(pairs[k : k + size])])
        for each, texts in zip(batch, ended, strict=True):
            choice = list(texts)[self._pick(each.request, np.array([next(scores) for _ in texts]))]
            logprobs = next(labels) if each.labels else {}
            yield each.index, Reply(choice, "stop", logprobs, None, len(each.prompt), len(texts[choice]))

    def _closing(self, each: Prepared) -> list[int]:
        """The end-of-sequence token, where without it a choice could not lose to a longer one that it begins."""
        texts = list(each.choices.values())
        is_ambiguous = any(a is not b and b[: len(a)] == a for a in texts for b in texts)
        return self.ends[:1] if is_ambiguous else []

    def _pick(self, request: Request, scores: np.ndarray) -> int:
        temperature = request.sampling.temperature
        if temperature == 0:
            return int(scores.argmax())
        weights = np.exp((scores - scores.max()) / temperature)
        return int(rng_for(request.sampling.seed, *draw_keys(request)).choice(len(scores), p=weights / weights.sum()))

    def _generated(self, batch: list[Prepared]) -> Iterator[tuple[int, Reply]]:
        for each, said, logprobs in zip(batch, *self._decode(batch, new_tokens=self._room(batch[0])), strict=True):
            end = next((k for k, token in enumerate(said) if token in self.ends), None)
            said = said if end is None else said[: end + 1]
            text, count = cut_at_stop(self.chat.decode, said, each.request.sampling.stop)
            reason = "length" if end is None and count is None else "stop"
            yield each.index, Reply(text, reason, logprobs, None, len(each.prompt), count or len(said))

    @torch.inference_mode()
    def _decode(self, batch: list[Prepared], new_tokens: int) -> tuple[list[list[int]], list[dict[str, float]]]:
        """(tokens said, log-probabilities of the labels), by row."""
        ids_NT, mask_NT = self._padded([each.prompt for each in batch])
        requests = [each.request for each in batch]
        sampler = SamplingProcessor(batch, [rng_for(each.sampling.seed, *draw_keys(each)) for each in requests])
        halt = Halt(self.chat.decode, [each.sampling for each in requests], ids_NT.shape[1])
        inputs = {"input_ids": ids_NT, "attention_mask": mask_NT, "max_new_tokens": new_tokens}
        out_NT = self.model.generate(**inputs, do_sample=False, logits_processor=[sampler], stopping_criteria=[halt])
        return out_NT[:, ids_NT.shape[1] :].tolist(), sampler.label_logprobs

    def _padded(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and mask, padded on the left so that every row ends in the same column."""
        width = max(map(len, rows))
        ids_NT = torch.tensor([[self.pad] * (width - len(row)) + row for row in rows], device=self.device)
        mask_NT = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return ids_NT, mask_NT

    def _room(self, each: Prepared) -> int:
        """How many tokens the answer may have; alike in a batch of answers."""
        return min(each.request.sampling.max_tokens, self.max_model_len - len(each.prompt))
