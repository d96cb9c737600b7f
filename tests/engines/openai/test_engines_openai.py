"""An OpenAI-compatible server that refuses, lies, breaks off and hangs, and what comes of it: nothing lost, paid twice or told."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pasture.annotators.judges.judge import Judge
from pasture.annotators.runner import annotate
from pasture.core.errors import EngineError, InputError
from pasture.core.ledger import Budget, most_tokens
from pasture.core.manifest import write_manifest
from pasture.core.records import Abstention, Comparison, Completion, Message, Preference, Prompt, Reason, Usage
from pasture.core.requests import Reply, Request, Sampling
from pasture.core.store import Store
from pasture.engines import make_engine
from pasture.engines.openai.engine import OpenAIEngine
from pasture.engines.openai.wire import chat_body, label_logprobs

KEY = "sk-live-0123456789abcdef"
QUICK = {"timeout": 1.5, "attempts": 2, "patience": 5.0, "backoff": 0.02}


def ask(text: str, continuation: str | None = None, **sampling) -> Request:
    return Request((Message("user", text),), Sampling(**sampling), continuation)


def pairs(count: int) -> list[Comparison]:
    prompts = [Prompt(f"number {k:03d}") for k in range(count)]
    return [Comparison(Completion(p, "one"), Completion(p, "another")) for p in prompts]


def number_of(body: dict) -> int:
    return int(body["messages"][-1]["content"].split("number ")[1][:3])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("OPENAI_BASE_URL", "PASTURE_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PASTURE_CACHE", str(tmp_path / "cache"))


KINDS = (
    "fine", "429", "500", "no json", "cut", "nan", "no choices", "two choices", "hang", "null", "always 500", "filtered", "empty",
    "400", "late", "not an object",
)  # fmt: skip
ANSWERED = {"fine", "429", "500"}
FREE = {"hang", "always 500", "400"}  # never answered with a 200, so never billed


def nasty(chat_server):
    """A server that treats request k as KINDS[k % 16] says."""
    answer = chat_server.answer
    seen: Counter[int] = Counter()

    def respond(path: str, body, server):
        number = number_of(body)
        seen[number] += 1
        good = server.chat(body)
        choice = good["choices"][0]
        match KINDS[number % len(KINDS)]:
            case "429":
                return answer(429, {"error": {"message": "slow down"}}, {"retry-after": "0.1"}) if seen[number] == 1 else None
            case "500":
                return answer(500, b"<html>oops</html>", {"content-type": "text/html"}) if seen[number] == 1 else None
            case "no json":
                return answer(body=json.dumps(good).encode()[:-40])
            case "cut":
                return answer(body=good, cut=25)
            case "nan":
                for each in choice["logprobs"]["content"][0]["top_logprobs"]:
                    each["logprob"] = math.nan
            case "no choices":
                good["choices"] = []
            case "two choices":
                good["choices"] = [choice, choice]
            case "hang":
                return answer(500, {}, hang=60)
            case "null":
                choice["logprobs"] = None
            case "always 500":
                return answer(500, {"error": {"message": "no luck"}})
            case "filtered":
                choice["finish_reason"] = "content_filter"
            case "empty":
                choice |= {"logprobs": None, "message": {"role": "assistant", "content": None}}
            case "400":
                return answer(400, {"error": {"message": "I do not like it"}})
            case "late":
                return answer(body=good, cut=25) if seen[number] == 1 else None
            case "not an object":
                return answer(body=[good])
        return answer(body=good)

    return chat_server(respond)


def test_a_nasty_server_ends_in_verdicts_and_counted_abstentions_and_nothing_is_paid_twice(chat_server, tmp_path: Path):
    server, items = nasty(chat_server), pairs(64)
    engine = make_engine("openai", "m", base_url=server.url, prices=(1.0, 2.0), **QUICK)
    with Store(tmp_path / "s.sqlite") as store:
        began = time.monotonic()
        said = annotate(items, Judge(), engine=engine, store=store)
        assert time.monotonic() - began < 15
        for number, result in enumerate(said.results):
            kind = KINDS[number % len(KINDS)]
            assert isinstance(result, Preference) == (kind in ANSWERED), (kind, result)
            assert result.usage.requests == (kind not in FREE), (kind, result.usage)
            if isinstance(result, Abstention):
                assert result.reason is (Reason.UNPARSABLE if kind in ("nan", "null") else Reason.ENGINE_FAILED), kind
        assert len(said.preferences) + sum(said.reasons.values()) == 64
        assert set(server.billed.values()) == {1}
        assert said.usage.requests == store.paid.requests == sum(server.billed.values()) == 64 - 12
        each = sum((result.usage for result in said.results), Usage())
        assert (said.usage.requests, said.usage.prompt_tokens) == (each.requests, each.prompt_tokens)
        assert said.usage.dollars == pytest.approx(each.dollars)
        assert said.usage.prompt_tokens >= server.prompt_tokens
        assert said.usage.dollars == pytest.approx(said.usage.prompt_tokens * 1e-6 + said.usage.completion_tokens * 2e-6)
        assert len(store) == len(said.preferences)

        paid, server.respond = dict(server.billed), None
        server.bodies.clear()
        again = annotate(items, Judge(), engine=engine, store=store)
        assert len(again.preferences) == 64
        asked = {number_of(body) for _, body in server.bodies}
        assert asked == {k for k in range(64) if KINDS[k % len(KINDS)] not in ANSWERED}
        assert len(server.bodies) == len(asked) == again.usage.requests
        assert all(server.billed[body] == 1 for body in paid if KINDS[number_of(json.loads(body)) % len(KINDS)] in ANSWERED)


def test_a_billed_answer_of_no_use_counts_against_the_budget(chat_server):
    server = chat_server(lambda path, body, server: chat_server.answer(body=b"{"))
    engine = make_engine("openai", "m", base_url=server.url, prices=(1e6, 0.0), **QUICK)
    items = pairs(8)
    worst = most_tokens(Judge().request(items[0]))[0]
    said = annotate(items, Judge(), engine=engine, budget=Budget(dollars=3.5 * worst))
    assert sum(server.billed.values()) == 3
    assert said.usage.dollars == pytest.approx(3 * worst)
    assert said.reasons == {"engine failed": 3, "over budget": 5}


def test_the_first_of_two_calls_is_charged_where_the_second_fails(chat_server):
    def respond(path, body, server):
        top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.0}]
        labels = {"logprobs": {"content": [{"top_logprobs": top}]}, "message": {"content": "A"}, "finish_reason": "stop"}
        whole = {"choices": [labels], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}
        return chat_server.answer(body=whole) if body.get("logprobs") else chat_server.answer(status=400)

    engine = OpenAIEngine("m", base_url=chat_server(respond).url, **QUICK)
    ((_, error),) = engine.generate([ask("q", labels=("A", "B"), choices=("A", "B"))])
    assert isinstance(error, EngineError)
    assert error.usage == Usage(1, 0, 7, 1)


def test_of_duplicates_one_is_charged_for_an_answer_of_no_use(chat_server):
    server = chat_server(lambda path, body, server: chat_server.answer(body=b"{"))
    said = annotate(pairs(1) * 3, Judge(), engine=make_engine("openai", "m", base_url=server.url))
    assert sorted(result.usage.requests for result in said.results) == [0, 0, 1]
    assert said.usage.requests == sum(server.billed.values()) == 1


def test_a_server_that_never_answers_is_given_up_in_bounded_time(chat_server):
    server = chat_server(lambda path, body, server: chat_server.answer(500, {}, hang=60))
    engine = OpenAIEngine("m", base_url=server.url, timeout=0.1, attempts=2, patience=1.0, backoff=0.01, concurrency=8)
    began = time.monotonic()
    found = dict(engine.generate([ask(f"q{k}") for k in range(500)]))
    assert time.monotonic() - began < 10
    assert len(found) == 500
    assert all(isinstance(each, EngineError) and each.usage is None for each in found.values())
    assert "no answer in 0.1 s; gave up after 2 attempts" in str(found[0])
    assert "taken for dead" in str(found[499])


def test_no_server_at_all_is_an_error_a_request():
    engine = OpenAIEngine("m", base_url="http://127.0.0.1:9/v1", **QUICK)
    (_, error), = engine.generate([ask("q")])  # fmt: skip
    assert "no connection" in str(error)
    assert "gave up after 2 attempts" in str(error)


def test_the_requests_under_way_are_bounded_and_duplicates_are_one_call(chat_server):
    def slowly(path, body, server):
        time.sleep(0.05)  # so that a busy machine has them under way together too

    server = chat_server(slowly)
    engine = make_engine("openai", "m", base_url=server.url, concurrency=6)
    annotate(pairs(40) * 3, Judge(), engine=engine)
    assert len(server.bodies) == 40
    assert 4 <= server.most_under_way <= 6


def test_the_servers_account_is_kept_and_few_calls_are_refused(chat_server):
    window = {"ends": 0.0, "left": 0}

    def limited(path, body, server):
        with server.lock:
            now = time.monotonic()
            if now >= window["ends"]:
                window.update(ends=now + 0.5, left=20)
            window["left"] -= 1
            left, reset = window["left"], window["ends"] - now
        told = {"x-ratelimit-limit-requests": "20", "x-ratelimit-remaining-requests": str(max(left, 0))}
        told["x-ratelimit-reset-requests"] = f"{reset * 1000:.0f}ms"
        if left < 0:
            return chat_server.answer(429, {"error": {"message": "too many"}}, told | {"retry-after": f"{reset:.3f}"})
        return chat_server.answer(body=server.chat(body), headers=told)

    server = chat_server(limited)
    engine = make_engine("openai", "m", base_url=server.url, attempts=5, backoff=0.02)
    began = time.monotonic()
    found = dict(engine.generate([ask(f"q{k}", max_tokens=2) for k in range(100)]))
    assert all(isinstance(each, Reply) for each in found.values())
    assert server.statuses[200] == 100
    assert server.statuses[429] <= 10  # 16 at once, again and again, would be refused some 80 times
    assert time.monotonic() - began < 6  # 100 calls at 20 a half second are 2 s at the least


def test_a_server_that_says_nothing_of_its_limits_is_not_stormed(chat_server):
    def narrow(path, body, server):
        if server.under_way > 3:
            return chat_server.answer(429, {"error": {"message": "too many"}}, {"retry-after-ms": "50"})
        time.sleep(0.05)
        return None

    server = chat_server(narrow)
    engine = make_engine("openai", "m", base_url=server.url, attempts=8, backoff=0.02, concurrency=64)
    found = dict(engine.generate([ask(f"q{k}", max_tokens=2) for k in range(100)]))
    assert all(isinstance(each, Reply) for each in found.values())
    assert server.statuses[429] < 40  # 64 at once are refused over 60 times


def test_a_wait_that_is_longer_than_the_patience_fails_at_once(chat_server):
    server = chat_server(
        lambda path, body, server: chat_server.answer(429, {"error": {"message": "later"}}, {"retry-after": "3600"})
    )
    began = time.monotonic()
    found = dict(OpenAIEngine("m", base_url=server.url, patience=5).generate([ask(f"q{k}") for k in range(20)]))
    assert time.monotonic() - began < 2
    assert all(isinstance(each, EngineError) for each in found.values())
    assert "asks to wait 3600 s" in str(found[19])


def test_the_key_is_told_to_nobody(chat_server, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)

    def echo(path, body, server):
        number = number_of(body)
        if number == 0:
            return chat_server.answer(400, {"error": {"message": f"{'x' * 290} {KEY} is no good"}})
        if number == 1:
            return chat_server.answer(500, f"key {KEY}".encode())
        if number == 2:
            return chat_server.answer(body={"choices": [], "note": KEY, "error": f"{KEY} again"})
        good = server.chat(body)
        good["choices"][0]["message"]["content"] = f"you sent {KEY}"
        return chat_server.answer(body=good)

    server = chat_server(echo)
    engine = make_engine("openai", "m", base_url=server.url, **QUICK)
    with Store(tmp_path / "s.sqlite") as store:
        said = annotate(pairs(6), Judge(), engine=engine, store=store)
    manifest = write_manifest(tmp_path / "m.json", engine=engine.name, said=repr(said), given=repr(vars(engine)))
    assert server.keys == {f"Bearer {KEY}"}
    told = f"{said!r} {engine!r} {vars(engine)!r} {engine.name} {manifest.read_text()} {caplog.text}"
    told += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("s.sqlite*"))
    assert "[key]" in told
    assert KEY not in told
    assert KEY[:12] not in told  # nor a piece, where the text was cut


def test_a_refused_key_stops_the_run_and_names_the_variable(chat_server, monkeypatch: pytest.MonkeyPatch):
    server = chat_server(lambda path, body, server: chat_server.answer(401, {"error": {"message": f"Incorrect key: {KEY}"}}))
    with pytest.raises(InputError, match=r"refuses the key in OPENAI_API_KEY \(401\): Incorrect key: \[key\]"):
        list(OpenAIEngine("m", base_url=server.url).generate([ask("q")] * 20))
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="the environment has no OPENAI_API_KEY"):
        OpenAIEngine("gpt-4o-mini")
    monkeypatch.setenv("MY_KEY", "sk-ü")
    with pytest.raises(InputError, match="the key in MY_KEY has characters"):
        OpenAIEngine("gpt-4o-mini", key_variable="MY_KEY")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"base_url": each}, "keys come from the environment")
            for each in ("http://me:sk-secret@localhost/v1", "https://x.y/v1?api-key=sk-secret", "https://x.y/v1#sk-secret")
        ),
        *(
            ({"base_url": each}, "the base_url is not an address; it is like")
            for each in (
                "me:sk-secret@x.y/v1", "http:///v1?key=sk-secret", "https://me:sk-secret@/v1", "https://x.y:sk-secret/v1",
                "https://[sk-secret/v1", "sk-secret",
            )
        ),
        ({"key_variable": "sk-proj-secret"}, "key_variable is not a name of an environment variable; the key itself is never"),
        ({"key_variable": "gsk_secret"}, "the environment has no variable named by key_variable"),
    ],
)  # fmt: skip
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(options: dict[str, str], message: str):
    with pytest.raises(InputError, match=message) as caught:
        OpenAIEngine("gpt-4o-mini", **options)
    assert "secret" not in str(caught.value)


def test_a_caller_that_stops_early_calls_off_what_is_under_way(chat_server):
    def slowly(path, body, server):
        server.released.wait(0.05)

    server = chat_server(slowly)
    replies = OpenAIEngine("m", base_url=server.url, concurrency=2).generate([ask(f"q{k}") for k in range(200)])
    next(replies)
    replies.close()
    time.sleep(0.5)  # what was on the wire arrives
    asked = len(server.bodies)
    time.sleep(0.5)
    assert len(server.bodies) == asked < 20


def test_it_can_be_asked_from_within_a_running_event_loop(chat_server):
    engine = OpenAIEngine("m", base_url=chat_server().url)

    async def inside():
        return dict(engine.generate([ask("q")]))

    assert isinstance(asyncio.run(inside())[0], Reply)


def test_structured_answers_are_sent_in_the_servers_own_form_and_verified(chat_server):
    schema = {"type": "object", "properties": {"verdict": {"type": "string", "enum": ["A", "B"]}}, "required": ["verdict"]}
    closed = schema | {"additionalProperties": False}
    requests = [ask("q", choices=("red", "blue")), ask("q", schema=json.dumps(schema)), ask("q", schema=json.dumps(closed))]
    server = chat_server()
    found = dict(OpenAIEngine("m", base_url=server.url).generate(requests))
    assert found[0].text in ("red", "blue")
    assert json.loads(found[1].text)["verdict"] in ("A", "B")
    forms = [body["response_format"]["json_schema"] for _, body in sorted(server.bodies, key=str)]
    assert sorted(form["strict"] for form in forms) == [False, True, True]  # hosted APIs enforce closed objects alone
    own = chat_server(lambda path, body, server: chat_server.answer(body=_saying("purple")))
    ((_, error),) = OpenAIEngine("m", base_url=own.url, server="vllm").generate(requests[:1])
    assert own.bodies[0][1]["structured_outputs"] == {"choice": ["red", "blue"]}
    assert "'purple', which is none of the choices ['red', 'blue']" in str(error)
    assert error.usage == Usage(1, 0, 7, 3)


def _saying(text: str) -> dict:
    message = {"message": {"content": text}, "finish_reason": "stop"}
    return {"choices": [message], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def test_a_continuation_is_scored_by_vllms_server_and_refused_by_others(chat_server):
    server = chat_server()
    ((_, reply),) = OpenAIEngine("m", base_url=server.url, server="vllm").generate([ask("the cat", " sat on it")])
    echo = server.bodies[-1][1]
    # -1 - token / 1000 for each of the three words that were scored, as the server computes it
    assert reply.logprob == pytest.approx(sum(-1 - token / 1000 for token in echo["prompt"][2:]))
    assert (reply.prompt_tokens, reply.completion_tokens, reply.text) == (2, 3, "")
    ((_, error),) = OpenAIEngine("m", base_url=server.url).generate([ask("the cat", " sat")])
    assert "give server='vllm'" in str(error)


def test_the_body_says_what_was_asked_and_extra_fields_win(chat_server):
    server = chat_server()
    engine = OpenAIEngine("m", base_url=server.url, extra={"temperature": None, "reasoning_effort": "none"})
    for seed in (4, 4, 5):
        list(engine.generate([ask("q", max_tokens=3, temperature=0.7, top_p=0.9, seed=seed, stop=("x",))]))
    body, *others = (body for _, body in server.bodies)
    seed, same, another = (each.pop("seed") for each in (body, *others))
    assert seed == same != another
    assert all(type(each) is int and 0 <= each < 2**31 for each in (seed, another))
    assert others == [body, body]
    asked = {"model": "m", "messages": [{"role": "user", "content": "q"}], "max_tokens": 3, "top_p": 0.9, "stop": ["x"]}
    assert body == asked | {"reasoning_effort": "none"}
    assert engine.name.startswith(f"openai:m@127.0.0.1:{server.url.split(':')[2][:-3]}/")
    assert engine.name != OpenAIEngine("m", base_url=server.url).name


def test_what_no_such_server_is_asked_fails_alone(chat_server):
    bad = {
        1: (Request(()), "no messages"),
        2: (Request((Message("user", "q"), Message("assistant", "well"))), "open turn"),
        3: (Request((Message("user", "q"),), model="weak"), "serves one model"),
        4: (ask("q", labels=("A", " A")), "differ by spaces alone"),
        5: (ask("q", schema="{"), "not JSON"),
        6: (ask("q", choices=("yes", "")), "is empty"),
    }
    found = dict(OpenAIEngine("m", base_url=chat_server().url).generate([ask("q"), *(each for each, _ in bad.values())]))
    assert isinstance(found[0], Reply)
    for index, (_, message) in bad.items():
        assert message in str(found[index])
        assert found[index].usage is None


def test_a_batch_costs_half_and_a_killed_run_picks_it_up(chat_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    flaky = {"fails": True}

    def respond(path, body, server):
        if path == "/batch-line" and number_of(body) == 3 and flaky["fails"]:
            return chat_server.answer(500, {"error": {"message": f"no luck with {KEY}"}})
        return None

    server, items = chat_server(respond), pairs(10)

    def batching():
        return make_engine(
            "openai", "m", base_url=server.url, batch=True, poll=0.01, prices=(2.0, 8.0), batch_folder=tmp_path / "b"
        )

    assert batching().prices == (1.0, 4.0)
    with Store(tmp_path / "s.sqlite") as store:
        with monkeypatch.context() as patched:
            patched.setattr("pasture.engines.openai.batch.time.sleep", _interrupt)
            with pytest.raises(Interrupted):
                list(batching().generate([Judge().request(item) for item in items]))
        assert len(server.batches) == 1
        said = annotate(items, Judge(), engine=batching(), store=store)
        assert len(server.batches) == 1
        assert [isinstance(each, Preference) for each in said.results] == [k != 3 for k in range(10)]
        assert "no luck with [key]" in said.abstentions[0].detail
        assert said.usage.requests == sum(server.billed.values()) == 9
        flaky["fails"] = False
        again = annotate(items, Judge(), engine=batching(), store=store)
        assert len(again.preferences) == 10
        assert (len(server.batches), again.usage.requests) == (2, 1)
        assert [len(json.loads(note.read_text())["keys"]) for note in (tmp_path / "b").glob("*.json")] == [1]
    assert set(server.billed.values()) == {1}


class Interrupted(Exception):
    pass


def _interrupt(seconds: float) -> None:
    raise Interrupted


def test_a_batch_that_the_server_refuses_fails_its_requests_and_leaves_no_note(chat_server, tmp_path: Path):
    def respond(path, body, server):
        return chat_server.answer(400, {"error": {"message": "no batches here"}}) if path == "/batches" else None

    engine = make_engine("openai", "m", base_url=chat_server(respond).url, batch=True, poll=0.01, batch_folder=tmp_path)
    found = dict(engine.generate([ask("q"), ask("q", "said")]))
    assert "no batches here" in str(found[0])
    assert "scores no continuations" in str(found[1])
    assert not list(tmp_path.glob("*.json"))


def first_token(**logprobs: float | None) -> dict[str, Any]:
    """The log-probabilities of a first token, as a server gives them."""
    return {"content": [{"top_logprobs": [{"token": token, "logprob": number} for token, number in logprobs.items()]}]}


def test_a_label_that_is_not_among_the_alternatives_is_bounded_strictly_below_them():
    sure = label_logprobs(first_token(A=-0.001, The=-9.5, It=-11.0), ("A", "B"))
    assert sure == {"A": -0.001, "B": pytest.approx(-11.0 + math.log(0.5))}  # half of what the least of them has
    alone = label_logprobs(first_token(A=math.log(0.9)), ("A", "B"))
    assert alone["B"] == pytest.approx(math.log(0.05))  # half of what is left over
    rounded = label_logprobs(first_token(A=0.0, The=-9.0), ("A", "B"))
    assert rounded["B"] == pytest.approx(-9.0 + math.log(0.5))
    refusal = label_logprobs(first_token(I=-0.001, Sorry=-8.0, A=-15.0), ("A", "B"))
    assert refusal["B"] < refusal["A"]  # no tie out of ignorance; and no vote, for want of mass
    assert label_logprobs(first_token(The=-0.1, It=-3.0), ("A", "B")) == {}
    assert label_logprobs(first_token(A=-0.1, It=float("nan")), ("A", "B")) == {"A": -0.1}
    assert label_logprobs(first_token(A=-0.1, B=None), ("A", "B")) == {"A": -0.1}
    assert label_logprobs(first_token(A=-0.1, B=float("nan"), It=-2.0), ("A", "B")) == {"A": -0.1}


@pytest.mark.parametrize("server", ["openai", "vllm"])
@pytest.mark.parametrize(
    "mark",
    [
        "<|im_end|>",
        "</s>",
        "[/INST]",
        "[/SYSTEM_PROMPT]",
        "<｜Assistant｜>",
        "<｜end▁of▁sentence｜>",
        "<end_of_turn>",
        "<</SYS>>",
        "[|user|]",
    ],
)
def test_marks_of_turns_in_an_answer_are_broken_up_for_every_server(server: str, mark: str):
    (shown,) = chat_body(Request((Message("user", f"x {mark}\n <b>[1] a < b | c"),)), "m", server, "max_tokens")["messages"]
    assert mark not in shown["content"]
    assert shown["content"].replace(" ", "") == f"x{mark}\n<b>[1]a<b|c"
    assert "<b>[1] a < b | c" in shown["content"]


def test_extra_fields_may_not_pass_the_budget(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-of-your-business")
    with pytest.raises(InputError, match="'max_tokens', which the engine sets itself"):
        make_engine("openai", "m", base_url="http://127.0.0.1:1/v1", extra={"max_tokens": 10_000})
    with pytest.raises(InputError, match="'max_output', which the engine sets itself"):
        make_engine("openai", "m", base_url="http://127.0.0.1:1/v1", limit_field="max_output", extra={"max_output": 99_999})


def test_a_label_that_has_all_of_the_probability_leaves_next_to_nothing_for_the_other():
    found = label_logprobs({"content": [{"top_logprobs": [{"token": "A", "logprob": -0.0}]}]}, ("A", "B"))
    assert found["A"] == 0.0
    assert found["B"] < math.log(1e-3)
