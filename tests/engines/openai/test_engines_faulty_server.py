"""What a faulty or hostile server sends: redirects, endless and inflating bodies, huge numbers, broken text, the caller's key."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from pasture.annotators import make_annotator
from pasture.annotators.judges.judge import Judge
from pasture.annotators.runner import annotate
from pasture.core.errors import EngineError
from pasture.core.files.feedback import write_feedback
from pasture.core.records import Abstention, Comparison, Completion, Message, Prompt
from pasture.core.requests import MOST_TOKENS, Reply, Request, Sampling
from pasture.core.store import Store
from pasture.engines import make_engine
from pasture.engines.openai import client
from pasture.engines.openai.redaction import redacted

KEY = "sk-live-0123456789/abcdef"
QUICK = {"timeout": 5.0, "attempts": 2, "patience": 10.0, "backoff": 0.02}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path / "cache"))


def outcome(at: Any, request: Request | None = None, **options: Any) -> Reply | Exception:
    engine = make_engine("openai", "m", base_url=at.url, **(QUICK | options))
    ((_, found),) = engine.generate([request or Request((Message("user", "secret question"),))])
    return found


def pair() -> Comparison:
    return Comparison(Completion(Prompt("number 000"), "one"), Completion(Prompt("number 000"), "another"))


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("how", [{}, {"server": "vllm", "scores": True}, {"batch": True}])
def test_no_redirect_is_followed(chat_server, status: int, how: dict[str, Any]):
    other = chat_server()
    to = {"location": other.url + "/chat/completions"}
    server = chat_server(lambda path, body, server: chat_server.answer(status, {}, to))
    options = {name: value for name, value in how.items() if name != "scores"}
    asked = Request((Message("user", "q"),), continuation="so") if "scores" in how else None
    found = outcome(server, asked, **options)
    assert isinstance(found, EngineError)
    assert not other.bodies
    assert len(server.bodies) == 1
    assert "batch" in how or "give that as base_url" in str(found)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(b"x" * 2**27), {"content-encoding": "gzip"}),
        (gzip.compress(gzip.compress(b"x" * 2**24) * 1000), {"content-encoding": "gzip, gzip"}),
        (b'{"choices": "' + b"x" * (client.MOST_BYTES + 1) + b'"}', {}),
        (b"garbage", {"content-encoding": "gzip"}),
        (b"x" * 100, {"content-encoding": "br"}),
    ],
    ids=["inflating", "twice inflated", "long", "garbage", "an encoding that was not asked for"],
)
def test_an_answer_that_is_too_long_fails_its_request_and_is_billed_once(chat_server, status: int, body: bytes, headers):
    server = chat_server(lambda path, asked, server: chat_server.answer(status, body, headers))
    found = outcome(server)
    assert isinstance(found, EngineError)
    assert (found.usage is not None) is (status == 200)
    assert len(server.bodies) == (1 if status == 200 else 2)  # what was answered is billed, and not bought again


def test_an_answer_in_gzip_is_read(chat_server):
    def respond(path: str, body: Any, server: Any) -> Any:
        return chat_server.answer(body=gzip.compress(json.dumps(server.chat(body)).encode()), headers={"content-encoding": "gzip"})

    found = outcome(chat_server(respond))
    assert isinstance(found, Reply)
    assert found.text


def good_but(**changed: Any) -> dict[str, Any]:
    choice = {"message": {"content": "fine"}, "finish_reason": "stop", **changed.pop("choice", {})}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}, **changed}


def huge(text: str) -> bytes:
    return text.replace('"HUGE"', "9" * 400).replace('"LONG"', "9" * 5000).encode()


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *(("prompt_tokens", number) for number in ('"HUGE"', '"LONG"', str(2**62), str(MOST_TOKENS + 1))),
        *(("completion_tokens", number) for number in (str(2**64), "1e400", "-1", "true")),
    ],
)
def test_token_counts_that_cannot_be_are_counted_at_the_most(chat_server, tmp_path: Path, number: str, field: str):
    body = huge(json.dumps(good_but()).replace(f'"{field}": {3 if field.startswith("p") else 2}', f'"{field}": {number}'))
    server = chat_server(lambda path, asked, server: chat_server.answer(body=body))
    engine = make_engine("openai", "m", base_url=server.url, **QUICK)
    with Store(tmp_path / "s.sqlite") as store:
        said = annotate([pair()], make_annotator("verdict"), engine=engine, store=store)
        assert said.usage.requests == store.paid.requests == 1
        assert 0 < store.paid.prompt_tokens < 10_000


@pytest.mark.parametrize("number", ['-"HUGE"', '"HUGE"', '-"LONG"', "1e400", "NaN", "-1e400"])
def test_huge_numbers_among_log_probabilities_are_no_traceback(chat_server, number: str):
    top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": "N"}, {"token": "The", "logprob": "N"}]
    body = huge(json.dumps(good_but(choice={"logprobs": {"content": [{"top_logprobs": top}]}})).replace('"N"', number))
    server = chat_server(lambda path, asked, server: chat_server.answer(body=body))
    said = annotate([pair()], Judge(), engine=make_engine("openai", "m", base_url=server.url, **QUICK)).results[0]
    assert isinstance(said, Abstention) or said.p_left == 1.0


@pytest.mark.parametrize("status", [200, 400, 500])
def test_halves_of_surrogate_pairs_reach_no_output(chat_server, tmp_path: Path, status: int):
    half = "half \ud83d of a pair"
    body = good_but(choice={"message": {"content": half}}) if status == 200 else {"error": {"message": half}}
    server = chat_server(lambda path, asked, server: chat_server.answer(status, body))
    said = annotate([pair().left], make_annotator("critic"), engine=make_engine("openai", "m", base_url=server.url, **QUICK))
    found = outcome(server)
    shown = found.text if isinstance(found, Reply) else str(found)
    assert "half \ufffd of a pair" in shown
    write_feedback(tmp_path / "out.jsonl", said.results)
    Reply(half).text.encode()
    str(EngineError(half)).encode()


def escaped(text: str, form: str) -> str:
    return "".join(form.format(ord(each)) for each in text)


SAID = [
    f"you sent {KEY}.",
    f"you sent {KEY[:12]}... and",
    f"...{KEY[9:]}",
    KEY.replace("/", "\\/"),
    escaped(KEY, "\\u{:04x}"),
    KEY.replace("l", "\\u006C"),
    escaped(KEY, "\\\\u{:04X}"),
    KEY.replace("-", "%2D").replace("/", "%2f"),
    escaped(KEY, "&#{};"),
    escaped(KEY, "&#x{:x};"),
    escaped(KEY, "\\x{:02x}"),
    f"{KEY}{KEY} {KEY[3:]}",
]


@pytest.mark.parametrize("said", SAID)
def test_a_key_is_blotted_out_in_part_and_escaped(said: str):
    shown = redacted(f"So \\n é {said} it is.", KEY)
    assert shown.startswith("So \\n é ")
    assert shown.endswith(" it is.")
    assert "[key]" in shown
    assert "012345" not in shown
    assert "30" not in shown.lower().replace("0030", "30")


@pytest.mark.parametrize("text", ["", "a \\u0041 %41 &#65; text", "sk-live", "0123456", KEY[::-1]])
def test_a_text_without_the_key_stays_as_it_is(text: str):
    assert redacted(text, KEY) == text
    assert redacted(f"EMPTY {text}", "EMPTY") == f"EMPTY {text}"


@pytest.mark.parametrize("said", SAID)
def test_a_key_that_comes_back_reaches_no_output_and_no_store(chat_server, tmp_path: Path, said: str):
    critique = json.dumps({"critique": said, "spans": [], "polarity": "praise"})
    for content in (critique, critique.replace("\\\\", "\\")):
        body = good_but(choice={"message": {"content": content}})
        for raw in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False).encode("utf-16")):
            server = chat_server(lambda path, asked, server, raw=raw: chat_server.answer(body=raw))
            engine = make_engine("openai", "m", base_url=server.url, **QUICK)
            with Store(tmp_path / "s.sqlite") as store:
                found = annotate([pair().left], make_annotator("critic"), engine=engine, store=store)
            write_feedback(tmp_path / "out.jsonl", found.results)
            told = f"{found!r}{(tmp_path / 'out.jsonl').read_text()}"
            told += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("s.sqlite*"))
            assert KEY[:10] not in told
            assert KEY[9:] not in told
            assert "012345" not in told
            (tmp_path / "s.sqlite").unlink(missing_ok=True)


def test_a_label_is_asked_with_its_bound_and_mass(chat_server):
    top = [{"token": token, "logprob": math.log(p)} for token, p in (("I", 0.98), ("Sorry", 0.01), ("A", 1e-5))]
    body = good_but(choice={"logprobs": {"content": [{"top_logprobs": top}]}})
    server = chat_server(lambda path, asked, server: chat_server.answer(body=body))
    found = outcome(server, Request((Message("user", "q"),), Sampling(max_tokens=1, labels=("A", "B"))))
    assert isinstance(found, Reply)
    assert found.label_logprobs == pytest.approx({"A": math.log(1e-5), "B": math.log(5e-6)})
