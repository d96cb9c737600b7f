"""The calls of one run to an OpenAI-compatible server: paced, tried again where nothing was answered, and bounded in time.

What was answered (200) is billed, so it is never asked twice in a run, of use or not. A refusal (429, 5xx), a broken connection
and a silence cost nothing, as far as a caller can know, and are tried again."""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import EngineError, InputError
from ...core.language_models.prompts import TURNS, broken_up
from ...core.ledger import approximate_tokens
from ...core.records import Usage
from ...core.requests import Reply, Request
from ...core.seeds import seed_for
from .pacing import Pace, Turn, backoff, retry_after
from .redaction import redacted, shown
from .wire import chat_body, chat_reply, most_usage, parsed, score_reply, useless

AGAIN = frozenset({408, 409, 425, 429})  # statuses, besides 500 and more, after which a request may be sent once more
BUSY = frozenset({429, 503, 529})  # statuses that ask all callers to hold back
LONGEST_BACKOFF = 30.0

Outcome = tuple[int, Reply | Exception]


@dataclass(frozen=True, slots=True)
class Calling:
    """How a server is called; see `OpenAIEngine` for the meaning of each."""

    engine: str  # its name
    base_url: str
    key_from: str
    model: str
    server: str
    limit_field: str  # what it calls the most tokens of an answer
    extra: Mapping[str, Any]
    concurrency: int
    timeout: float
    attempts: int
    patience: float  # seconds for all attempts
    backoff: float
    batch_folder: Path
    poll: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that brought no answer. busy: the server asks all callers to hold back for `wait` seconds."""

    why: str
    may_repeat: bool = True
    wait: float | None = None
    busy: bool = False


class Calls:
    """Answers requests over `client`, an `openai.AsyncOpenAI` that itself retries nothing."""

    def __init__(self, client: Any, how: Calling, key: str) -> None:
        self._client, self._how, self._key = client, how, key
        self._pace = Pace(how.concurrency)
        self._heard = time.monotonic()
        self._failures = 0

    async def answer(self, request: Request) -> Reply | EngineError:
        """The reply, or why there is none. Raises InputError where the server refuses the key, which no request survives."""
        try:
            if request.continuation is not None:
                return await self._score(request, request.continuation)
            if request.sampling.labels and (request.sampling.choices or request.sampling.schema):
                return await self._chat_twice(request)
            return await self._chat(request)
        except EngineError as error:
            return error

    async def _chat(self, request: Request) -> Reply:
        raw = await self._post("chat/completions", body_of(request, self._how), request)
        return chat_reply(raw, request, self._how.server)

    async def _chat_twice(self, request: Request) -> Reply:
        """Labels and a structured answer in a call each, because a grammar masks the labels' log-probabilities."""
        sampling = request.sampling
        labels = await self._chat(replace(request, sampling=replace(sampling, choices=(), schema="", max_tokens=1)))
        try:
            answer = await self._chat(replace(request, sampling=replace(sampling, labels=())))
        except EngineError as error:
            first = Usage(1, 0, labels.prompt_tokens, labels.completion_tokens)
            raise EngineError(str(error), first if error.usage is None else first + error.usage) from None
        prompt, completion = (getattr(labels, each) + getattr(answer, each) for each in ("prompt_tokens", "completion_tokens"))
        return Reply(answer.text, answer.finish_reason, labels.label_logprobs, None, prompt, completion)

    async def _score(self, request: Request, said: str) -> Reply:
        """The continuation's log-likelihood: its tokens after the prompt's, echoed by the completions endpoint."""
        if self._how.server != "vllm":
            what = "hosted APIs give no log-probabilities of a given text"
            raise EngineError(f"{what}; give server='vllm' where the server is vLLM's, or use the engine vllm or transformers")
        if not said:
            raise EngineError("the continuation is empty; it has at least one token")
        turns = body_of(Request(request.messages, model=request.model), self._how)
        chat = {name: turns[name] for name in ("messages", "continue_final_message", "add_generation_prompt") if name in turns}
        prompt = await self._tokens({"add_generation_prompt": True, **chat}, request)
        tokens = await self._tokens({"prompt": broken_up(said, TURNS), "add_special_tokens": False}, request)
        echo = {"model": self._how.model, "prompt": prompt + tokens, "echo": True, "logprobs": 0, "max_tokens": 0, "temperature": 0}
        raw = await self._post("completions", echo, request)
        return score_reply(raw, request, len(prompt), len(tokens))

    async def _tokens(self, body: dict[str, Any], request: Request) -> list[int]:
        address = f"{self._how.base_url.removesuffix('/v1')}/tokenize"  # vLLM's, beside `/v1`
        raw = await self._post(address, {"model": self._how.model, **body}, request)
        tokens = parsed(raw, request).get("tokens")
        if not isinstance(tokens, list) or not all(type(each) is int for each in tokens):
            raise EngineError(f"the server's /tokenize gives no tokens: {shown(raw, self._key)}")
        return tokens

    async def _post(self, path: str, body: dict[str, Any], request: Request) -> str:
        """The body of an answered call. Raises EngineError where there is none in `attempts` and `patience` seconds."""
        how = self._how
        tokens = float(sum(approximate_tokens(request)))
        began: float | None = None
        failure = Failure("it was not asked")
        for attempt in range(how.attempts):
            left = how.patience - (0.0 if began is None else time.monotonic() - began)
            if left <= 0 or (failure.wait or 0) > left:
                break
            if failure.wait and not failure.busy:
                await asyncio.sleep(failure.wait)
            turn = await self._pace.turn(tokens, left)
            began = began or time.monotonic()
            answer = await self._attempt(path, body, request, turn, min(how.timeout, left), attempt)
            if isinstance(answer, str):
                return answer
            failure = answer
            if not failure.may_repeat:
                raise EngineError(failure.why)
        else:
            attempt = how.attempts
        raise EngineError(f"{failure.why}; gave up after {attempt} attempts in {time.monotonic() - (began or 0):.1f} s")

    async def _attempt(
        self, path: str, body: dict[str, Any], request: Request, turn: Turn, timeout: float, attempt: int
    ) -> str | Failure:
        """One call, from its turn's beginning to its end."""
        import openai

        from .client import httpx

        headers: Mapping[str, str] | None = None
        answered = False
        failure: Failure | None = None
        try:
            if time.monotonic() - self._heard > 2 * self._how.patience:
                return Failure(f"the server has answered nothing for {2 * self._how.patience:.0f} s and is taken for dead", False)
            async with asyncio.timeout(timeout):
                # Its body is read later, as by `with_streaming_response` of openai's client: to tell a broken answer from none.
                raw_response = {"headers": {"X-Stainless-Raw-Response": "stream"}}
                response = await self._client.post(path, body=body, cast_to=httpx.Response, options=raw_response)
                async with aclosing(response):
                    answered, headers = True, response.headers
                    raw = await response.aread()
            self._heard = time.monotonic()
            return redacted(raw.decode("utf-8-sig", "replace"), self._key)
        except openai.APIStatusError as error:
            headers = error.response.headers
            failure = self._refusal(error, attempt)
            return failure
        except Exception as error:  # what a broken body raises is the HTTP library's, and openai has had two of them
            if answered:
                why = f"it broke off ({type(error).__name__}: {shown(error, self._key)})"
                raise useless(why, most_usage(request)) from None
            if not isinstance(error, openai.APIConnectionError | TimeoutError | httpx.HTTPError):
                raise
            is_late = isinstance(error, TimeoutError | openai.APITimeoutError)
            cause = shown(error.__cause__ or error, self._key)
            why = f"no answer in {timeout:.1f} s" if is_late else f"no connection ({cause})"
            failure = Failure(f"the server gave {why}", wait=self._backoff(attempt))
            return failure
        finally:
            refused = failure.wait if failure and failure.busy else None
            await self._pace.done(turn, headers, answered=answered, refused=refused)

    def _refusal(self, error: Any, attempt: int) -> Failure:
        status = error.status_code
        told = error.body.get("message") if isinstance(error.body, dict) else None
        said = shown(told or "", self._key) or shown(error.response.text, self._key)
        if status == 401:
            raise InputError(f"the server refuses the key in {self._how.key_from} (401): {said}")
        why = f"the server answered {status}: {said}"
        if 300 <= status < 400:
            why = f"the server sends on to another address ({status}), which is not followed; give that as base_url"
        is_out = getattr(error, "code", None) == "insufficient_quota"
        if is_out or not (status in AGAIN or status >= 500):
            self._heard = time.monotonic()
            return Failure(why, may_repeat=False)
        asked = retry_after(error.response.headers)
        return Failure(why, wait=self._backoff(attempt) if asked is None else asked, busy=status in BUSY)

    def _backoff(self, attempt: int) -> float:
        self._failures += 1
        jitter = seed_for(attempt, "jitter", os.getpid(), self._failures) / 2**31
        return backoff(attempt, self._how.backoff, LONGEST_BACKOFF, jitter)


def body_of(request: Request, how: Calling) -> dict[str, Any]:
    """The chat body with the caller's `extra` fields laid over it; None takes a field out."""
    body = chat_body(request, how.model, how.server, how.limit_field) | dict(how.extra)
    return {name: value for name, value in body.items() if value is not None}
