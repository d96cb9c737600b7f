"""OpenAI's batch API: half the price, an answer within a day, and a note of every open batch so that it is paid for once.

A batch is noted under its id, with the keys of its requests, as soon as it is made. A later run that wants one of those keys
waits for that batch in place of making another; whatever is not in any goes into new ones. A note whose answers were read
stays until the next run, with the keys that were answered, so that a kill between reading and keeping them loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import EngineError, InputError
from ...core.files.writing import write_atomically
from ...core.requests import Reply, Request
from .calls import Calling, Outcome, body_of
from .redaction import redacted, shown
from .wire import chat_reply

ENDPOINT = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
MOST_SECONDS = 26 * 3600.0  # a batch ends within a day; two hours more are a server that has forgotten it
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
TRIES = 4  # attempts of openai's own client at what costs nothing: uploads, looks and downloads
MOST_ANSWERED = 2**30  # bytes of a file of answers


@dataclass(frozen=True, slots=True)
class Note:
    """One batch that was made, and the keys of its requests in hexadecimal."""

    path: Path
    engine: str
    id: str
    keys: frozenset[str]
    is_read: bool = False

    def write(self) -> None:
        held = {"engine": self.engine, "id": self.id, "is_read": self.is_read, "keys": sorted(self.keys)}
        write_atomically(self.path, json.dumps(held) + "\n")

    @classmethod
    def read(cls, path: Path) -> Note:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, held["engine"], held["id"], frozenset(held["keys"]), held["is_read"])
        except (ValueError, KeyError, TypeError) as error:
            what = f"{str(path)!r} is not a note of a batch ({error})"
            raise InputError(f"{what}; move it away, or give another batch_folder") from error

    def close(self, answered: frozenset[str]) -> None:
        """Leaves word of what was answered, once: a second reading is the last."""
        self.path.unlink(missing_ok=True)
        if answered and not self.is_read:
            replace(self, keys=answered, is_read=True).write()


def batched(how: Calling, requests: Sequence[Request], key: str) -> Iterator[Outcome]:
    """Outcomes of `requests`, batch by batch as each ends. A line that failed fails alone."""
    import openai

    from .client import client

    wanted: dict[str, list[int]] = {}
    for index, request in enumerate(requests):
        wanted.setdefault(request.key(how.engine).hex(), []).append(index)
    with client(how.base_url, key, retries=TRIES, timeout=how.timeout, most=MOST_ANSWERED) as opened:
        try:
            yield from _Batches(how, opened, key, requests, wanted).answers()
        except openai.AuthenticationError as error:
            raise InputError(f"the server refuses the key in {how.key_from} (401): {shown(error, key)}") from None


class _Batches:
    """wanted: the places in `requests` that have each request's key."""

    def __init__(self, how: Calling, client: Any, key: str, requests: Sequence[Request], wanted: Mapping[str, list[int]]) -> None:
        self._how, self._client, self._key, self._requests, self._wanted = how, client, key, requests, wanted

    def answers(self) -> Iterator[Outcome]:
        notes = self._open_notes()
        noted = frozenset().union(*(note.keys for note in notes))
        lines: dict[str, str] = {}
        for key, indices in self._wanted.items():
            if key in noted:
                continue
            request = self._requests[indices[0]]
            try:
                if request.continuation is not None:
                    raise EngineError("a batch scores no continuations; leave `batch` out, with server='vllm'")
                asked = {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body_of(request, self._how)}
                lines[key] = json.dumps(asked)
            except EngineError as error:
                yield from self._all([key], error)
        for part in _parts(lines):  # all are made before the first is waited for
            try:
                notes.append(self._make(part))
            except EngineError as error:
                yield from self._all(part, error)
        for note in notes:
            yield from self._read(note)

    def _all(self, keys: Iterable[str], outcome: Reply | Exception) -> Iterator[Outcome]:
        """One outcome for all requests of these keys."""
        return ((index, outcome) for key in keys for index in self._wanted[key])

    def _open_notes(self) -> list[Note]:
        """The batches that hold something wanted. Those whose answers were read before, and are not missed, are forgotten."""
        found: list[Note] = []
        for path in sorted(self._how.batch_folder.glob("*.json")):
            note = Note.read(path)
            if note.engine != self._how.engine:
                continue
            if note.keys & self._wanted.keys():
                found.append(note)
            elif note.is_read:
                path.unlink(missing_ok=True)
        return found

    def _make(self, lines: dict[str, str]) -> Note:
        """A new batch of these lines. Raises EngineError where the server makes none."""
        import openai

        once = self._client.with_options(max_retries=0)  # a second try might make, and bill, a second batch
        try:
            upload = self._client.files.create(file=("pasture.jsonl", "\n".join(lines.values()).encode()), purpose="batch")
            batch = once.batches.create(input_file_id=upload.id, endpoint=ENDPOINT, completion_window="24h")
        except openai.AuthenticationError:
            raise
        except openai.APIError as error:
            raise EngineError(f"the server made no batch: {shown(error, self._key)}") from error
        name = "".join(each for each in batch.id if each.isalnum() or each in "-_")
        note = Note(self._how.batch_folder / f"{name}.json", self._how.engine, batch.id, frozenset(lines))
        note.write()
        return note

    def _read(self, note: Note) -> Iterator[Outcome]:
        """The outcomes of one batch, once it has ended."""
        import openai

        left = [key for key in self._wanted if key in note.keys]
        try:
            batch = self._ended(note)
            lines = [line for file in (batch.output_file_id, batch.error_file_id) if file for line in self._lines(file)]
        except openai.AuthenticationError:
            raise
        except (openai.APIError, TimeoutError) as error:
            why = f"the batch {note.id} could not be read, and is picked up by the next run"
            if isinstance(error, openai.NotFoundError):
                note.path.unlink(missing_ok=True)
                why = f"the server does not know the batch {note.id}, whose note is taken away"
            yield from self._all(left, EngineError(f"{why}: {shown(error, self._key)}"))
            return
        missing = dict.fromkeys(left)
        answered: set[str] = set()
        for line in lines:
            key = line.get("custom_id")
            if key in missing:
                del missing[key]
                outcome = self._outcome(line, self._requests[self._wanted[key][0]])
                if isinstance(outcome, Reply):
                    answered.add(key)
                yield from self._all([key], outcome)
        told = "; ".join(str(each.message) for each in (batch.errors.data or [])) if batch.errors else ""
        because = f": {shown(told, self._key)}" if told else ""
        why = EngineError(f"the batch {note.id} ended as {batch.status!r} without an answer to this request{because}")
        yield from self._all(missing, why)
        note.close(frozenset(answered))

    def _ended(self, note: Note) -> Any:
        began = time.monotonic()
        while (batch := self._client.batches.retrieve(note.id)).status not in ENDED:
            if time.monotonic() - began > MOST_SECONDS:
                raise TimeoutError(f"it is {batch.status!r} after {MOST_SECONDS / 3600:.0f} hours")
            time.sleep(self._how.poll)
        return batch

    def _lines(self, file: str) -> list[dict[str, Any]]:
        text = redacted(self._client.files.content(file).read().decode("utf-8-sig", "replace"), self._key)
        found: list[dict[str, Any]] = []
        for line in text.split("\n"):
            try:
                each = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a line that was cut: its request has no answer, and is said to have none
            if isinstance(each, dict):
                found.append(each)
        return found

    def _outcome(self, line: dict[str, Any], request: Request) -> Reply | EngineError:
        response = line.get("response")
        if not isinstance(response, dict) or response.get("status_code") != 200:
            return EngineError(f"the batch could not answer: {shown(line.get('error') or response, self._key)}")
        try:
            return chat_reply(json.dumps(response.get("body")), request, self._how.server)
        except EngineError as error:
            return error


def _parts(lines: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The lines, as many together as a batch takes."""
    part: dict[str, str] = {}
    size = 0
    for key, line in lines.items():
        if part and (len(part) == MOST_REQUESTS or size + len(line.encode()) > MOST_BYTES):
            yield part
            part, size = {}, 0
        part[key] = line
        size += len(line.encode()) + 1
    if part:
        yield part
