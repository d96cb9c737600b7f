"""Any OpenAI-compatible server (hosted APIs, vLLM's own server) as an engine: many requests at once, paced by the server.

The key is read from the environment when it is needed and is kept nowhere. Departs from openai's own client in its retries:
they are paced together, and an answer that came is billed and is not bought again."""

import asyncio
import contextlib
import hashlib
import json
import os
import queue
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import InputError
from ...core.requests import Request
from ..models import cache_folder
from .calls import Calling, Calls, Outcome
from .prices import is_local, prices_for

HOSTED = "https://api.openai.com/v1"
BATCH_DISCOUNT = 0.5
SERVERS = ("openai", "vllm")
# Fields of the body that no `extra` may change:
OURS = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "n", "logprobs", "top_logprobs", "stream"})


class OpenAIEngine:
    """Serves `model` from the server at `base_url`.

    base_url: ends in the API's root (`https://api.openai.com/v1`, `http://localhost:8000/v1`); blank is OPENAI_BASE_URL, or
        OpenAI. key_variable: the environment variable that holds the key; a server on this computer needs none.
    server: `openai`, or `vllm` for vLLM's own server, which also carries on an open turn and scores continuations.
    prices: dollars per million prompt and completion tokens. price_table: a TOML laid over `prices.toml` beside this file; blank is
        the file that PASTURE_PRICES names. A model in none is an InputError, but on this computer it is free.
    batch: the batch API, at half the price and within a day. poll: seconds between looks at a batch. batch_folder: where open
        batches are noted, so that a run that was killed picks them up; blank is a folder of the cache.
    concurrency: requests under way at once, at most. timeout: seconds an attempt. attempts, patience: attempts a request, and
        seconds from its first one on; what comes to an end first ends it as an EngineError. backoff: seconds before the second.
    limit_field: what the server calls the most tokens of an answer; blank is `max_completion_tokens` at OpenAI, else `max_tokens`.
    extra: fields of the body that are added, replaced, or (None) left out, such as {"reasoning_effort": "minimal"}.
    name: the identity in store keys, in place of one made of the model and the address."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "",
        key_variable: str = "OPENAI_API_KEY",
        server: str = "openai",
        prices: Sequence[float] | None = None,
        price_table: Path | str | None = None,
        batch: bool = False,
        poll: float = 30.0,
        batch_folder: Path | str | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        attempts: int = 6,
        patience: float = 300.0,
        backoff: float = 0.5,
        extra: Mapping[str, Any] | None = None,
        limit_field: str = "",
        name: str = "",
    ) -> None:
        if server not in SERVERS:
            raise InputError(f"the server is {server!r}; it is one of: {', '.join(SERVERS)}")
        if concurrency < 1 or attempts < 1 or not all(each > 0 for each in (timeout, patience, backoff, poll)):
            why = f"concurrency={concurrency}, attempts={attempts}, timeout={timeout}, patience={patience}, backoff={backoff}"
            raise InputError(f"{why}, poll={poll}: at least one request at once and one attempt, and seconds that are more than 0")
        self.base_url, where = _address(base_url or os.environ.get("OPENAI_BASE_URL") or HOSTED)
        host = urlsplit(self.base_url).hostname or ""
        if not re.fullmatch(r"[A-Za-z_]\w*", key_variable, re.ASCII):
            raise InputError("key_variable is not a name of an environment variable; the key itself is never an option")
        self._variable = key_variable
        self._key_from = key_variable if re.fullmatch("[A-Z0-9_]+", key_variable) else "variable named by key_variable"
        self._is_local = is_local(host)
        self._key()
        full = prices_for(model, host, prices, price_table)
        self.prices = (full[0] * BATCH_DISCOUNT, full[1] * BATCH_DISCOUNT) if batch else full
        self._is_batched = batch
        notes = Path(batch_folder) if batch_folder is not None else cache_folder() / "batches"
        field = limit_field or ("max_completion_tokens" if self.base_url == HOSTED else "max_tokens")
        added = dict(extra or {})
        for name_of_field in sorted((OURS | {field}) & set(added)):
            what = f"extra has the field {name_of_field!r}, which the engine sets itself and the budget counts on"
            raise InputError(f"{what}; leave it out")
        if not name:
            kind = "openai" if server == "openai" else f"openai-{server}"
            name = f"{kind}:{model}@{where}"
            if added:
                name += "/" + hashlib.blake2b(json.dumps(added, sort_keys=True).encode(), digest_size=4).hexdigest()
        self.name = name
        of_server = (self.name, self.base_url, self._key_from, model, server, field, added)
        self._how = Calling(*of_server, concurrency, timeout, attempts, patience, backoff, notes, poll)

    def __repr__(self) -> str:
        return f"OpenAIEngine({self.name!r})"

    def generate(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """As each is answered. Raises InputError where the key is missing or is refused."""
        if not requests:
            return
        key = self._key()
        if self._is_batched:
            from .batch import batched

            yield from batched(self._how, requests, key)
        else:
            yield from _from_thread(lambda put: self._answers(requests, key, put))

    async def _answers(self, requests: Sequence[Request], key: str, put: Any) -> None:
        from .client import async_client

        waiting = iter(enumerate(requests))
        async with async_client(self.base_url, key) as client:
            calls = Calls(client, self._how, key)

            async def work() -> None:
                for index, request in waiting:
                    put((index, await calls.answer(request)))

            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._how.concurrency, len(requests))):
                        group.create_task(work())
            except BaseExceptionGroup as failed:
                raise failed.exceptions[0] from None

    def _key(self) -> str:
        """The key, from the environment. A server on this computer may have none; the client wants some text."""
        key = os.environ.get(self._variable, "").strip()
        if not key and not self._is_local:
            raise InputError(f"the environment has no {self._key_from}, the key for {self.base_url}; export it and run again")
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"the key in {self._key_from} has characters that no key has; look for a slip of the pen")
        return key or "none"


def _from_thread(answers: Any) -> Iterator[Outcome]:
    """What `answers(put)`, a coroutine in a thread and event loop of its own, puts; in the caller's thread, as it comes. The
    caller may have an event loop of its own, and may stop before the end, which calls off what is under way."""
    found: queue.SimpleQueue[Outcome | BaseException | None] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(answers(found.put))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # noqa: BLE001 (it is raised again in the caller's thread)
            found.put(error)
        finally:
            found.put(None)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=run, name="pasture-openai", daemon=True)
    thread.start()
    try:
        while (outcome := found.get()) is not None:
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        if not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it has just closed
                loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _address(url: str) -> tuple[str, str]:
    """The root without a slash at its end, and what of it names the server. No error repeats it: it may hold a key."""
    try:
        parts = urlsplit(url.rstrip("/"))
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of brackets or a port
        parts = is_address = None
    if not (parts and is_address):
        raise InputError("the base_url is not an address; it is like http://localhost:8000/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError("the base_url holds a user, a query or a fragment; keys come from the environment alone")
    return url.rstrip("/"), (parts.netloc + parts.path).removesuffix("/v1")
