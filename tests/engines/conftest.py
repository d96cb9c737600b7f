"""A random two-layer Llama with a word-level tokenizer, as an ordinary checkpoint folder; and a server that speaks OpenAI's API
and misbehaves to order."""

from __future__ import annotations

import json
import math
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

WORDS = (
    "A B Apple the a cat dog sat ran on mat and is red blue sky sea who what when where better answer yes no user system "
    "assistant : < > one two three four five six seven eight nine ten Apple pie"
)
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "{{ '< ' + message['role'] + ' > ' + message['content'] + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '< assistant > ' }}{% endif %}"
)


@pytest.fixture(scope="session")
def build_checkpoint(tiny) -> Callable[..., Path]:
    """build_checkpoint(folder, seed=0, chat_template=TEMPLATE): writes a tiny model."""

    def build(folder: Path, seed: int = 0, chat_template: str | None = TEMPLATE) -> Path:
        special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<end>"}
        tokenizer = tiny.tokenizer(WORDS.split(), **special)
        tokenizer.chat_template = chat_template
        tokenizer.save_pretrained(folder)
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
        config = tiny.config(tokenizer, num_hidden_layers=2, max_position_embeddings=128, **sizes)
        tiny.model(config, 0.35, seed).save_pretrained(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def tiny_checkpoint(build_checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_engine(tiny_checkpoint: Path):
    from pasture.engines import make_engine

    return make_engine("transformers", str(tiny_checkpoint), batch_size=4)


class Answer(NamedTuple):
    """What a server of tests sends: a status, a body (JSON, or bytes as they are), headers; `cut` closes the connection after so
    many bytes of the body; `hang` seconds pass first."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})
    cut: int | None = None
    hang: float = 0.0


class ChatServer:
    """A small OpenAI-compatible server on a real socket. `respond(path, body, server) -> Answer | None` misbehaves first; where it
    gives None, a model that answers by hash does. `billed` counts the answered (200) chat calls by their body."""

    VOCABULARY = ("A", "B", "yes", "no", " yes")

    def __init__(self, respond: Callable[..., Answer | None] | None = None) -> None:
        self.respond = respond
        self.billed: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.prompt_tokens = self.completion_tokens = 0
        self.bodies: list[tuple[str, Any]] = []
        self.keys: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.handle(self)

            def do_GET(self) -> None:
                server.handle(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: Any) -> None:
                pass  # callers that hang up are a part of the tests

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    def handle(self, call: BaseHTTPRequestHandler) -> None:
        raw = call.rfile.read(int(call.headers.get("content-length") or 0))
        is_json = "json" in (call.headers.get("content-type") or "")
        body = json.loads(raw) if is_json and raw else raw
        path = call.path.removeprefix("/v1")
        with self.lock:
            self.bodies.append((path, body))
            self.keys.add(call.headers.get("authorization") or "")
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = (self.respond and self.respond(path, body, self)) or self.answer(path, body)
            if answer.hang:
                self.released.wait(answer.hang)
            self.send(call, answer, path, raw)
        finally:
            with self.lock:
                self.under_way -= 1

    def send(self, call: BaseHTTPRequestHandler, answer: Answer, path: str, asked: bytes) -> None:
        raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        with self.lock:
            self.statuses[answer.status] += 1
            if answer.status == 200 and path == "/chat/completions":
                self.billed[asked.decode()] += 1
                usage = answer.body.get("usage", {}) if isinstance(answer.body, dict) else {}
                self.prompt_tokens += usage.get("prompt_tokens", 0)
                self.completion_tokens += usage.get("completion_tokens", 0)
        call.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers, "content-length": str(len(raw))}.items():
            call.send_header(name, value)
        call.end_headers()
        call.wfile.write(raw[: answer.cut])
        if answer.cut is not None:
            call.close_connection = True

    def answer(self, path: str, body: Any) -> Answer:
        """A well-behaved server's answer."""
        if path == "/chat/completions":
            return Answer(body=self.chat(body))
        if path == "/tokenize":
            text = body.get("prompt") or " ".join(each["content"] for each in body["messages"])
            return Answer(body={"tokens": [zlib.crc32(word.encode()) % 1000 for word in text.split()]})
        if path == "/completions":
            scores = [None, *(-1.0 - token / 1000 for token in body["prompt"][1:])]
            usage = {"prompt_tokens": len(scores), "completion_tokens": 0}
            return Answer(body={"choices": [{"text": "", "logprobs": {"token_logprobs": scores}}], "usage": usage})
        return self.batch_call(path, body)

    def chat(self, body: Any) -> dict[str, Any]:
        seed = repr((body["messages"], body.get("seed"))).encode()
        words = [f"w{zlib.crc32(seed + bytes([k])) % 50}" for k in range(body.get("max_tokens") or body["max_completion_tokens"])]
        text, choice = " ".join(words[:12]), {"index": 0, "finish_reason": "stop", "logprobs": None}
        if body.get("logprobs"):
            weights = [1 + zlib.crc32(seed + word.encode()) % 9 for word in self.VOCABULARY]
            top = [
                {"token": word, "logprob": math.log(weight / sum(weights)), "bytes": None}
                for word, weight in zip(self.VOCABULARY, weights, strict=True)
            ]
            choice["logprobs"] = {"content": [{"token": top[0]["token"], "top_logprobs": top[: body["top_logprobs"]]}]}
            text = top[0]["token"]
        form = body.get("response_format")
        if form:
            wanted = form["json_schema"]["schema"]["properties"]
            text = json.dumps(
                {name: each.get("enum", [1])[zlib.crc32(seed) % len(each.get("enum", [1]))] for name, each in wanted.items()}
            )
        if "structured_outputs" in body:
            choices = body["structured_outputs"]["choice"]
            text = choices[zlib.crc32(seed) % len(choices)]
        usage = {"prompt_tokens": sum(len(each["content"].split()) + 3 for each in body["messages"])}
        usage["completion_tokens"] = len(text.split())
        return {"id": "x", "choices": [choice | {"message": {"role": "assistant", "content": text}}], "usage": usage}

    def batch_call(self, path: str, body: Any) -> Answer:
        """Files and batches: a batch is done at the second look."""
        if path == "/files":
            held = next(part for part in body.split(b"\r\n\r\n") if part.startswith(b'{"custom_id"')).split(b"\r\n--")[0]
            name = f"file-{len(self.files)}"
            self.files[name] = held
            return Answer(
                body={"id": name, "object": "file", "bytes": len(held), "filename": "x", "purpose": "batch", "created_at": 0}
            )
        if path == "/batches":
            made = {
                "id": f"batch_{len(self.batches)}",
                "object": "batch",
                "status": "in_progress",
                "created_at": 0,
                **body,
                "looks": 0,
            }
            self.batches[made["id"]] = made
            return Answer(body=made)
        if path.startswith("/batches/"):
            made = self.batches.get(path.removeprefix("/batches/"))
            if made is None:
                return Answer(404, {"error": {"message": "no such batch"}})
            made["looks"] += 1
            if made["looks"] == 2:
                made |= {"status": "completed", "output_file_id": f"out-{made['id']}"}
                self.files[made["output_file_id"]] = b"\n".join(
                    map(self.batch_line, self.files[made["input_file_id"]].splitlines())
                )
            return Answer(body=made)
        name = path.removeprefix("/files/").removesuffix("/content")
        return Answer(body=self.files[name], headers={"content-type": "application/octet-stream"})

    def batch_line(self, line: bytes) -> bytes:
        asked = json.loads(line)
        answer = (self.respond and self.respond("/batch-line", asked["body"], self)) or self.answer(
            "/chat/completions", asked["body"]
        )
        if answer.status == 200:
            self.billed[json.dumps(asked["body"])] += 1
        response = {"status_code": answer.status, "body": answer.body}
        return json.dumps({"id": "r", "custom_id": asked["custom_id"], "response": response, "error": None}).encode()


@pytest.fixture
def chat_server():
    """Makes servers (see `ChatServer`) that end with the test."""
    made: list[ChatServer] = []

    def make(respond: Callable[..., Answer | None] | None = None) -> ChatServer:
        made.append(ChatServer(respond))
        return made[-1]

    make.answer = Answer
    yield make
    for each in made:
        each.close()
