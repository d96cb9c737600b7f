"""What the headers of a server mean, what hosted models cost, and what can be read out of an answer, by hand."""

from __future__ import annotations

import asyncio
import json
import math
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import EngineError, InputError
from pasture.core.ledger import most_tokens
from pasture.core.records import Message
from pasture.core.requests import Request, Sampling
from pasture.engines.openai.engine import OpenAIEngine
from pasture.engines.openai.pacing import Account, Pace, backoff, retry_after, seconds
from pasture.engines.openai.prices import is_local, prices_for
from pasture.engines.openai.wire import chat_reply, label_logprobs


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("12", 12),
        ("0.5", 0.5),
        ("120ms", 0.12),
        ("1m2.5s", 62.5),
        ("6m0s", 360),
        ("1h", 3600),
        ("soon", None),
        ("", None),
        ("5s!", None),
    ],
)
def test_seconds_are_read_as_servers_write_them(told, meant):
    assert seconds(told) == meant


def test_retry_after_is_seconds_milliseconds_or_a_date():
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": "7", "retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert 50 < retry_after({"retry-after": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))}) < 61
    assert retry_after({"retry-after": "later"}) is None
    assert retry_after({}) is None


def test_the_backoff_doubles_up_to_its_most_and_loses_at_most_half_to_jitter():
    assert [backoff(k, 0.5, 3.0, 0.0) for k in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff(1, 0.5, 3.0, 0.5) == 0.75  # 1 * (1 - .25)


def test_an_account_takes_off_what_was_spent_since_and_lets_old_news_pass():
    account = Account()
    first, second, third = (account.spend(1) for _ in range(3))
    limits = {"x-ratelimit-limit-requests": "10", "x-ratelimit-reset-requests": "2s"}
    account.tell(limits | {"x-ratelimit-remaining-requests": "8"}, "requests", second, now=0.0)
    assert account.left == 7  # 8 when the second was taken up, and the third was sent since
    account.tell(limits | {"x-ratelimit-remaining-requests": "9"}, "requests", first, now=0.1)
    assert account.left == 7
    account.tell(limits | {"x-ratelimit-remaining-requests": "0"}, "requests", third, now=0.5)
    assert account.wait(1, now=1.0) == 1.5  # renewed at 0.5 + 2
    assert account.wait(1, now=2.5) == 0.0
    assert account.left == 10
    account.tell(limits | {"x-ratelimit-remaining-requests": "0"}, "requests", third, now=2.6)  # of before it was renewed
    assert account.left == 10


def test_a_request_that_is_larger_than_the_whole_account_goes_when_it_is_full():
    account = Account()
    told = {"x-ratelimit-limit-tokens": "100", "x-ratelimit-remaining-tokens": "60", "x-ratelimit-reset-tokens": "3s"}
    account.tell(told, "tokens", account.spend(40), now=0.0)
    assert account.wait(500, now=1.0) == 2.0
    assert account.wait(500, now=3.0) == 0.0


def test_requests_under_way_double_a_round_until_the_first_refusal_halve_and_then_grow_by_one_a_round():
    async def story() -> list[float]:
        pace, widths = Pace(8), []
        for refused in (None, None, 0.01, None):
            turn = await pace.turn(1, 10)
            await pace.done(turn, {}, answered=refused is None, refused=refused)
            widths.append(pace.width)
        return widths

    assert asyncio.run(story()) == [5, 6, 3, 3 + 1 / 3]


def test_a_turn_ends_while_others_wait_for_it():
    async def story() -> float:
        pace = Pace(1)
        turn = await pace.turn(1, 10)
        waiting = asyncio.create_task(pace.turn(1, 10))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await pace.done(turn, refused=0.05)
        began = time.monotonic()
        await waiting
        return time.monotonic() - began

    assert 0.03 < asyncio.run(story()) < 1


def first_token(*pairs: tuple[str, object]) -> dict:
    return {"content": [{"top_logprobs": [{"token": token, "logprob": number} for token, number in pairs]}]}


def test_a_label_is_read_with_or_without_a_space_and_the_two_add_up():
    found = label_logprobs(
        first_token(("A", math.log(0.5)), (" A", math.log(0.25)), (" B", math.log(0.2)), ("Answer", -9.0)), ["A", "B"]
    )
    assert found == pytest.approx({"A": math.log(0.75), "B": math.log(0.2)})


@pytest.mark.parametrize("number", [math.nan, None, "x", 3.0, True, math.inf])
def test_a_number_that_is_no_log_probability_leaves_its_label_out(number):
    assert label_logprobs(first_token(("A", number), ("B", -1.0)), ["A", "B"]) == {"B": -1.0}
    assert label_logprobs(first_token(("A", -0.1), (" A", number)), ["A"]) == {}


@pytest.mark.parametrize(
    "found", [None, {}, {"content": None}, {"content": []}, {"content": [{}]}, {"content": [{"top_logprobs": [7]}]}, []]
)
def test_missing_log_probabilities_leave_all_labels_out(found):
    assert label_logprobs(found, ["A", "B"]) == {}


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "logprobs", "top_logprobs", "token", "error", "finish_reason"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(anything, st.sampled_from([Sampling(), Sampling(labels=("A", "B")), Sampling(choices=("yes", "no"))]))
def test_whatever_comes_is_a_reply_or_an_engine_error(found, sampling):
    request = Request((Message("user", "q"),), sampling)
    try:
        reply = chat_reply(json.dumps(found), request, "openai")
    except EngineError:
        return
    assert reply.text or reply.label_logprobs
    assert all(value <= 0 for value in reply.label_logprobs.values())


def test_an_answer_that_tells_no_usage_is_counted_at_its_most():
    request = Request((Message("user", "hello"),), Sampling(max_tokens=9))
    reply = chat_reply(json.dumps({"choices": [{"message": {"content": "hi"}}]}), request, "openai")
    assert (reply.prompt_tokens, reply.completion_tokens) == most_tokens(request) == (5 + 64, 9)  # 5 bytes, two messages' room


def test_prices_come_from_the_option_the_users_table_the_shipped_one_or_are_nothing_at_home(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("PASTURE_PRICES", raising=False)
    assert prices_for("gpt-4o-mini", "api.openai.com") == (0.15, 0.60)
    assert prices_for("gpt-4o-mini-2024-07-18", "api.openai.com") == (0.15, 0.60)
    assert prices_for("gpt-4o-2024-05-13", "api.openai.com") == (5.0, 15.0)
    assert prices_for("anything", "localhost") == prices_for("anything", "127.0.0.1") == (0.0, 0.0)
    assert prices_for("anything", "localhost", prices=[1, 2]) == (1.0, 2.0)
    own = tmp_path / "prices.toml"
    own.write_text('["api.openai.com"]\n"gpt-4o-mini" = [1, 3]\n["gpu.example"]\n"m" = [0, 0]\n')
    monkeypatch.setenv("PASTURE_PRICES", str(own))
    assert prices_for("gpt-4o-mini", "api.openai.com") == (1.0, 3.0)
    assert prices_for("gpt-4o", "api.openai.com") == (2.5, 10.0)
    assert prices_for("m", "gpu.example") == (0.0, 0.0)
    assert prices_for("m", "gpu.example", table=own) == (0.0, 0.0)
    with pytest.raises(InputError, match=r"no price is known for 'mm' on 'gpu.example'.*give prices=.*PASTURE_PRICES"):
        prices_for("mm", "gpu.example")
    with pytest.raises(InputError, match="it is two numbers"):
        prices_for("m", "localhost", prices=[1])
    own.write_text("[")
    with pytest.raises(InputError, match=r"prices.toml' cannot be read"):
        prices_for("m", "gpu.example")


def test_only_this_computer_is_local():
    assert all(map(is_local, ["localhost", "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0"]))
    assert not any(map(is_local, ["localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1", ""]))


def test_options_out_of_range_are_named():
    for wrong in ({"concurrency": 0}, {"attempts": 0}, {"timeout": 0}, {"patience": -1}, {"backoff": math.nan}):
        with pytest.raises(InputError, match="more than 0"):
            OpenAIEngine("m", base_url="http://localhost:1/v1", **wrong)
    with pytest.raises(InputError, match="it is one of: openai, vllm"):
        OpenAIEngine("m", base_url="http://localhost:1/v1", server="azure")
    with pytest.raises(InputError, match="it is like http://localhost:8000/v1"):
        OpenAIEngine("m", base_url="localhost:8000")
