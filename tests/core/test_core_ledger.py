"""The budget is never passed, and what is left of it is used."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.ledger import Budget, Ledger, approximate_tokens, most_tokens
from pasture.core.records import Message
from pasture.core.requests import Reply, Request, Sampling


def request(text: str = "hello", max_tokens: int = 1) -> Request:
    return Request((Message("user", text),), Sampling(max_tokens=max_tokens))


def test_a_reply_is_charged_by_the_token():
    ledger = Ledger(prices=(2.0, 10.0))
    # 1000 prompt tokens at 2 dollars a million, 100 completion tokens at 10: .002 + .001
    assert ledger.charge(Reply("x", prompt_tokens=1000, completion_tokens=100)).dollars == pytest.approx(0.003)
    assert ledger.usage.requests == 1
    assert ledger.usage.dollars == pytest.approx(0.003)


def test_the_worst_case_is_bytes_and_all_the_tokens_allowed():
    # 5 bytes of "hello" + 32 around each of one message and a default system message = 69 tokens; 7 out
    assert Ledger(prices=(1e6, 0.0)).worst_case(request()) == 69
    assert Ledger(prices=(0.0, 1e6)).worst_case(request(max_tokens=7)) == 7


def test_an_estimate_counts_all_that_is_billed_and_generates_as_much_as_the_worst_case():
    turns = (Message("user", "q" * 40),)
    for sampling, prompt, answer in (
        (Sampling(7), 10, 7),
        (Sampling(7, schema="s" * 20), 15, 7),
        (Sampling(7, choices=("yes", "maybe")), 10, 32 + 5),  # a choice is not bound by max_tokens
        (Sampling(7, labels=("A", "B"), schema="s" * 20), 30, 7 + 1),  # asked twice
        (Sampling(7, labels=("A", "B"), choices=("A", "B")), 20, 32 + 1 + 1),
    ):
        asked = Request(turns, sampling)
        assert approximate_tokens(asked) == (prompt, answer)
        assert most_tokens(asked)[1] == answer
    assert approximate_tokens(Request(turns, continuation="c" * 9)) == (10 + 3, 3)


@settings(deadline=None)
@given(st.floats(0, 1e-3), st.lists(st.tuples(st.text(max_size=80), st.floats(0, 1), st.floats(0, 1)), max_size=30))
def test_no_sequence_of_purchases_passes_the_budget(dollars: float, wishes: list[tuple[str, float, float]]):
    ledger = Ledger(Budget(dollars=dollars), (1.0, 4.0))
    for text, prompt_share, answer_share in wishes:
        wanted = request(text, 20)
        if ledger.affordable([wanted]):
            most = len(text.encode("utf-8", "surrogatepass")) + 64
            ledger.charge(Reply("", prompt_tokens=int(prompt_share * most), completion_tokens=int(answer_share * 20)))
        assert ledger.usage.dollars <= dollars


def test_a_limit_of_requests_counts_those_sent():
    ledger = Ledger(Budget(requests=3))
    assert ledger.affordable([request()] * 5) == 3
    ledger.charge(Reply(""))
    assert ledger.affordable([request()] * 5) == 2
    ledger.charge(Reply(""))
    ledger.charge(Reply(""))
    assert "the budget of 3 requests is used up" in str(ledger.exceeded(request()))


def test_a_negative_budget_is_refused():
    with pytest.raises(InputError, match="the budget of dollars is -1"):
        Budget(dollars=-1)
    with pytest.raises(InputError, match="the budget of dollars is nan"):
        Budget(dollars=float("nan"))
