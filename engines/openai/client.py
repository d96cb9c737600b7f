"""openai's client, kept from what a faulty or hostile server may do: it follows no redirect and reads no endless answer."""

import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai

httpx: Any = sys.modules[openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
"""openai's HTTP library: httpx2, and httpx before its version 3."""
MOST_BYTES = 2**23  # of an answer, inflated; one of 32,000 tokens has some 2**18
HEADERS = {"accept-encoding": "gzip"}


def async_client(base_url: str, key: str) -> openai.AsyncOpenAI:
    """A client that retries nothing and has no clock: each attempt is timed as a whole by its caller, and a second clock would cut
    off the first one's tidying up."""

    async def bound(response: Any) -> None:
        _bound(response, MOST_BYTES)

    http = openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [bound]})
    options = {"max_retries": 0, "timeout": None, "default_headers": HEADERS}
    return openai.AsyncOpenAI(api_key=key, base_url=base_url, http_client=http, **options)


def client(base_url: str, key: str, *, retries: int, timeout: float, most: int) -> openai.OpenAI:
    """most: bytes of an answer."""
    http = openai.DefaultHttpxClient(follow_redirects=False, event_hooks={"response": [lambda each: _bound(each, most)]})
    options = {"max_retries": retries, "timeout": timeout, "default_headers": HEADERS}
    return openai.OpenAI(api_key=key, base_url=base_url, http_client=http, **options)


def _bound(response: Any, most: int) -> None:
    response.stream = _Bounded(response.stream, response.headers.pop("content-encoding", "identity"), most)


class _Bounded(httpx.AsyncByteStream, httpx.SyncByteStream):
    """A body, inflated, up to `most` bytes; then it raises httpx.ReadError."""

    def __init__(self, stream: Any, encoding: str, most: int) -> None:
        self._stream, self._encoding, self._left = stream, encoding.strip().lower(), most
        self._inflater = zlib.decompressobj(47) if self._encoding in ("gzip", "x-gzip", "deflate") else None  # either's header

    def _take(self, raw: bytes) -> bytes:
        if self._inflater is None and self._encoding not in ("identity", ""):
            raise httpx.ReadError(f"the answer is encoded as {self._encoding[:20]!r}, and only gzip was asked for")
        try:
            taken = self._inflater.decompress(raw, self._left + 1) if self._inflater else raw
        except zlib.error as error:
            raise httpx.ReadError(f"the answer cannot be inflated ({error})") from None
        self._left -= len(taken)
        if self._left < 0:
            raise httpx.ReadError("the answer is longer than any that was asked for")
        return taken

    def __iter__(self) -> Iterator[bytes]:
        yield from map(self._take, self._stream)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for raw in self._stream:
            yield self._take(raw)

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()
