"""An engine that answers from a Python function: for tests, for rule-based work, and to time everything but a model."""

import hashlib
import inspect
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..core.errors import EngineError, InputError
from ..core.registry import load_target
from ..core.requests import Reply, Request
from .openai.prices import price_pair

Respond = Callable[[Request], Reply | str]

GARBLED = "\ufffd\x00garbled"


def answer_by_hash(request: Request) -> Reply:
    """The default: an answer that depends on the request alone, spread as evenly as a hash. Labels share a probability of 1 by
    weights in [1, 256]; a choice is the heaviest of them; a continuation has -1 to -2 nats per word. Tokens are counted as
    words."""
    hasher = hashlib.blake2b(digest_size=16)
    words = 0
    for turn in request.messages:
        hasher.update(f"{turn.role}\0{turn.content}\0".encode("utf-8", "surrogatepass"))
        words += turn.content.count(" ") + 1
    sampling = request.sampling
    if sampling.temperature > 0:
        hasher.update(str(sampling.seed).encode())
    if request.continuation is not None:
        hasher.update(request.continuation.encode("utf-8", "surrogatepass"))
        spoken = max(len(request.continuation.split()), 1)
        return Reply("", logprob=-spoken * (1 + hasher.digest()[0] / 256), prompt_tokens=words, completion_tokens=spoken)
    drawn = hasher.digest()
    text = f"answer {drawn[:4].hex()}"
    if sampling.choices:
        text = max(zip(_weights(drawn, sampling.choices), sampling.choices, strict=True))[1]
    logprobs: dict[str, float] = {}
    if sampling.labels:
        weights = _weights(drawn, sampling.labels)
        total = math.log(sum(weights))
        logprobs = {label: math.log(weight) - total for label, weight in zip(sampling.labels, weights, strict=True)}
        text = text if sampling.choices else max(logprobs, key=logprobs.__getitem__)
    return Reply(text, label_logprobs=logprobs, prompt_tokens=words, completion_tokens=text.count(" ") + 1)


def _weights(drawn: bytes, names: Sequence[str]) -> list[int]:
    return [1 + drawn[k % len(drawn)] for k in range(len(names))]


class ScriptedEngine:
    """Answers by `respond(request) -> Reply | str`, which raises EngineError to fail one request; other errors are bugs and
    pass through. A `schema` is the function's to follow; `answer_by_hash` does not.

    model: `module:function` or `path/to/file.py:function` in place of `respond`; blank answers by hash.
    name: the identity in store keys; by default the function's name and a hash of its source, so that an edited function
        is another model. Give one where the function depends on more than its source.
    prices: dollars per million prompt and completion tokens. latency: seconds to wait before each chunk of `chunk_size` answers.
    fail_every, garble_every: every k-th request of this engine's life fails, or gets an unreadable text and no
        log-probabilities; 0 is never.
    journal: a file that gets one line, the request's key in hexadecimal, for each answer *before* it is handed over; it is
        appended to, so that several processes and lives share it."""

    def __init__(
        self,
        model: str = "",
        *,
        respond: Respond | None = None,
        name: str = "",
        prices: tuple[float, float] = (0.0, 0.0),
        latency: float = 0.0,
        chunk_size: int = 256,
        fail_every: int = 0,
        garble_every: int = 0,
        journal: Path | str | None = None,
    ) -> None:
        if model and respond is not None:
            raise InputError(f"both a model ({model!r}) and a function to respond were given; give one of them")
        if latency < 0 or chunk_size < 1 or fail_every < 0 or garble_every < 0:
            what = f"latency={latency}, chunk_size={chunk_size}, fail_every={fail_every}, garble_every={garble_every}"
            raise InputError(f"{what}: expected no negative number, and a chunk of at least 1")
        self.respond: Respond = respond or (load_target(model, "scripted answer") if model else answer_by_hash)
        if not callable(self.respond):
            raise InputError(f"{model!r} is not a function; expected respond(request) -> Reply or str")
        self.name = name or f"scripted:{_function_identity(self.respond)}"
        self.prices = price_pair(prices, "the option `prices`")
        self.latency, self.chunk_size = latency, chunk_size
        self.fail_every, self.garble_every = fail_every, garble_every
        self.answered = 0
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if journal is not None else None

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        """Answers in order, one at a time."""
        for index, request in enumerate(requests):
            if self.latency and index % self.chunk_size == 0:
                time.sleep(self.latency)
            self.answered += 1
            yield index, self._answer(request)

    def _answer(self, request: Request) -> Reply | EngineError:
        if self.fail_every and self.answered % self.fail_every == 0:
            return EngineError(f"scripted failure of request {self.answered} (fail_every={self.fail_every})")
        if self.garble_every and self.answered % self.garble_every == 0:
            reply = Reply(GARBLED, completion_tokens=1)
        else:
            try:
                said = self.respond(request)
            except EngineError as error:
                return error
            reply = Reply(said, completion_tokens=len(said.split())) if isinstance(said, str) else said
        if self._journal is not None:
            os.write(self._journal, request.key(self.name).hex().encode() + b"\n")
        return reply

    def close(self) -> None:
        """Closes the journal."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None


def _function_identity(respond: Respond) -> str:
    label = f"{getattr(respond, '__module__', '')}.{getattr(respond, '__qualname__', type(respond).__qualname__)}"
    try:
        source = inspect.getsource(respond)  # pyright: ignore[reportArgumentType]
    except (OSError, TypeError):
        return label  # built at run time: its name is all there is
    return f"{label}@{hashlib.blake2b(source.encode(), digest_size=4).hexdigest()}"
