"""The runner asks once, keeps what it paid for, and gives every item its answer, in order."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import AnnotatorFailed, annotate, price
from pasture.core.errors import EngineError, InputError, StoreError
from pasture.core.ledger import Budget
from pasture.core.records import Abstention, Comparison, Completion, Message, Preference, Prompt, Rating, Reason, Usage
from pasture.core.requests import Reply, Request
from pasture.core.store import Paid, Store


def p_lefts(annotations: Any) -> list[float]:
    return [each.p_left for each in annotations.results]


def test_results_keep_the_order_and_the_duplicates_of_the_items(fake_engine, some_pairs):
    pairs = some_pairs(5)
    items = [pairs[2], pairs[0], pairs[2], pairs[4], pairs[2]]
    engine = fake_engine()
    said = annotate(items, make_annotator("judge"), engine=engine)
    assert [each.comparison for each in said.results] == items
    assert p_lefts(said) == pytest.approx([0.8] * 5)
    assert len(engine.asked) == 3
    # 3 requests of 10 tokens at 1 dollar a million and 1 token at 2: 3 * 12e-6
    assert said.usage == Usage(3, 2, 30, 3, pytest.approx(36e-6))
    assert sum((each.usage for each in said.results), Usage()) == said.usage


@pytest.mark.parametrize("window", [1, 2, 7, 4096])
def test_the_window_changes_nothing(fake_engine, some_pairs, window):
    items = some_pairs(20) * 2
    noisy = make_annotator("flip", inner="judge", rate=0.25)
    one = annotate(items, noisy, engine=fake_engine(), seed=3)
    other = annotate(items, noisy, engine=fake_engine(), seed=3, window=window)
    assert p_lefts(one) == p_lefts(other)
    assert one.usage.requests == other.usage.requests


def test_waiting_requests_go_out_in_one_batch_in_prefix_order(fake_engine, some_pairs):
    engine = fake_engine()
    annotate(list(reversed(some_pairs(12))), make_annotator("swap", inner="judge"), engine=engine)
    assert [len(batch) for batch in engine.batches] == [24]
    texts = [request.messages[-1].content for request in engine.asked]
    assert texts == sorted(texts)


def test_a_rerun_asks_nothing_and_says_the_same(fake_engine, some_pairs, tmp_path: Path):
    with Store(tmp_path / "s.sqlite") as store:
        one = annotate(some_pairs(9), make_annotator("judge"), engine=fake_engine(), store=store)
    engine = fake_engine(lambda request: pytest.fail("asked again"))
    with Store(tmp_path / "s.sqlite") as store:
        two = annotate(some_pairs(9), make_annotator("judge"), engine=engine, store=store)
        assert store.paid.requests == 9
    assert p_lefts(one) == p_lefts(two)
    assert two.usage == Usage(cached=9)


def test_a_reply_is_in_the_store_before_the_annotator_sees_it(fake_engine, some_pairs, tmp_path: Path):
    path = tmp_path / "s.sqlite"
    seen: list[int] = []

    async def watcher(comparison: Comparison, ask: Any) -> float:
        await ask(Request((Message("user", comparison.left.text),)))
        with Store(path) as other:
            seen.append(len(other))
        return 0.0

    with Store(path) as store:
        annotate(some_pairs(3), make_annotator(watcher), engine=fake_engine(), store=store, window=1)
    assert seen == [1, 2, 3]


def test_a_failed_request_is_an_abstention_and_is_never_kept(fake_engine, some_pairs):
    def respond(request: Request) -> Reply | Exception:
        if "question 1" in request.messages[-1].content:
            return EngineError("too long")
        return ValueError("bug") if "question 2" in request.messages[-1].content else prefers_b()

    with Store() as store:
        said = annotate(some_pairs(4), make_annotator("judge"), engine=fake_engine(respond), store=store)
        assert len(store) == 2
        assert [getattr(each, "detail", "") for each in said.results] == ["", "too long", "ValueError: bug", ""]
        assert said.reasons == {"engine failed": 2}
        again = annotate(some_pairs(4), make_annotator("judge"), engine=fake_engine(lambda _: prefers_b()), store=store)
        assert not again.abstentions
        assert again.usage.requests == 2


def prefers_b() -> Reply:
    return Reply("B", label_logprobs={"A": -3.0, "B": -0.1}, prompt_tokens=1, completion_tokens=1)


def test_an_unreadable_reply_is_an_abstention_and_is_asked_anew_by_the_next_run(fake_engine, some_pairs):
    with Store() as store:
        items = some_pairs(3) + some_pairs(1)
        said = annotate(items, make_annotator("judge"), engine=fake_engine(lambda _: Reply("hm")), store=store, window=1)
        assert said.reasons == {"unparsable": 4}
        assert said.usage.requests == 3  # the duplicate does not buy a second time in one run
        assert len(store) == 0
        assert store.paid.requests == 3
        again = annotate(items, make_annotator("judge"), engine=fake_engine(), store=store)
        assert not again.abstentions


def test_an_unreadable_reply_that_a_killed_run_left_behind_is_asked_anew_at_once(fake_engine, some_pairs):
    judge: Any = make_annotator("judge")
    items = some_pairs(2) + some_pairs(2)
    with Store() as store:
        left = [Paid(judge.request(each).key("fake"), Reply("hm"), 0.0) for each in items[:2]]
        store.put_many(left, "fake")
        engine = fake_engine()
        said = annotate(items, judge, engine=engine, store=store)
        assert not said.abstentions
        assert len(engine.asked) == 2
        assert len(store) == 2
        assert annotate(items, judge, engine=engine, store=store).usage.requests == 0


def test_of_a_swap_only_the_unreadable_order_is_asked_anew(fake_engine, some_pairs):
    (pair,) = some_pairs(1)

    def respond(request: Request) -> Reply:
        shown_first = request.messages[-1].content.index(pair.left.text) < request.messages[-1].content.index(pair.right.text)
        return prefers_b() if shown_first else Reply("hm")

    swap = make_annotator("swap", inner="judge")
    with Store() as store:
        said = annotate([pair], swap, engine=fake_engine(respond), store=store)
        assert said.results[0].detail.startswith("in the other order: no usable probability for 'A' and 'B'")
        assert len(store) == 1
        assert annotate([pair], swap, engine=fake_engine(lambda _: prefers_b()), store=store).usage == Usage(1, 1, 1, 1, 3e-6)


def test_an_annotator_that_breaks_stops_the_run_and_what_was_paid_is_kept(fake_engine, some_pairs):
    async def fragile(comparison: Comparison, ask: Any) -> float:
        await ask(Request((Message("user", comparison.prompt.text),)))
        return 1 / 0 if comparison.prompt.text == "question 3" else 1.0

    with Store() as store:
        with pytest.raises(
            AnnotatorFailed, match=r"'fragile' failed on the prompt 'question 3': ZeroDivisionError.*finished replies are kept"
        ):
            annotate(some_pairs(8), make_annotator(fragile), engine=fake_engine(), store=store)
        assert len(store) == 8


def test_a_wrong_answer_is_named(some_pairs):
    def backwards(comparison: Comparison) -> Preference:
        return Preference(comparison.swapped(), 1.0, "backwards")

    with pytest.raises(AnnotatorFailed, match=r"other than the item.*swapped pair: return the preference's .swapped\(\)"):
        annotate(some_pairs(1), make_annotator(backwards))
    with pytest.raises(AnnotatorFailed, match="TypeError: it returned None; return True"):
        annotate(some_pairs(1), make_annotator(lambda comparison: None))
    with pytest.raises(AnnotatorFailed, match="p_left is nan"):
        annotate(some_pairs(1), make_annotator(lambda comparison: float("nan")))


def test_without_an_engine_an_annotator_that_asks_is_told_so(some_pairs):
    with pytest.raises(InputError, match="the annotator asks an engine and none was given; name one, for instance --engine vllm"):
        annotate(some_pairs(1), make_annotator("judge"))


def test_an_engine_that_breaks_off_stops_the_run_and_its_replies_are_kept(fake_engine, some_pairs):
    def respond(request: Request) -> Reply:
        if "question 0" in request.messages[-1].content:
            raise RuntimeError("out of memory")
        return prefers_b()

    with Store() as store:
        with pytest.raises(EngineError, match="the engine 'fake' broke off: RuntimeError: out of memory"):
            annotate(some_pairs(5), make_annotator("judge"), engine=fake_engine(respond), store=store)
        assert len(store) == 4


def test_an_engine_that_breaks_when_it_is_closed_ends_the_run_and_does_not_hang(fake_engine, some_pairs):
    def outcomes():
        try:
            yield 0, prefers_b()
        finally:
            raise ValueError("the connection is gone")

    class Closing:
        def __iter__(self):
            return iter([(0, prefers_b()), (1, prefers_b())])

        def close(self):
            raise ValueError("the connection is gone")

    for made in (outcomes, Closing):
        engine = fake_engine()
        engine.generate = lambda requests, made=made: made()
        with pytest.raises(EngineError, match="the engine 'fake' broke off: ValueError: the connection is gone"):
            annotate(some_pairs(2), make_annotator("judge"), engine=engine)


def test_an_engine_that_forgets_a_request_fails_only_that(fake_engine, some_pairs):
    engine = fake_engine()
    engine.generate = lambda requests: iter([(0, prefers_b())])
    said = annotate(some_pairs(2), make_annotator("judge"), engine=engine)
    assert [type(each) for each in said.results] == [Preference, Abstention]
    assert "ended without an answer" in said.abstentions[0].detail
    engine.generate = lambda requests: iter([(0, prefers_b()), (0, prefers_b())])
    with pytest.raises(EngineError, match="answered request 0 twice"):
        annotate(some_pairs(2), make_annotator("judge"), engine=engine)


def test_a_full_store_stops_the_run(fake_engine, some_pairs, tmp_path: Path):
    with Store(tmp_path / "s.sqlite") as store:
        store._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="has no room left"):
            annotate(some_pairs(2000), make_annotator("judge"), engine=fake_engine(), store=store)


@pytest.mark.parametrize("window", [3, 4096])
def test_a_budget_of_labels_buys_the_first_items(fake_engine, some_pairs, window):
    said = annotate(some_pairs(7), make_annotator("judge"), engine=fake_engine(), budget=Budget(labels=4), window=window)
    assert [isinstance(each, Preference) for each in said.results] == [True] * 4 + [False] * 3
    assert said.reasons == {"over budget": 3}


def test_a_budget_of_requests_is_used_up_and_not_passed(fake_engine, some_pairs):
    engine = fake_engine()
    said = annotate(some_pairs(7), make_annotator("judge"), engine=engine, budget=Budget(requests=5))
    assert len(engine.asked) == 5
    assert said.reasons == {"over budget": 2}


def test_a_budget_of_dollars_is_not_passed_and_most_of_it_is_used(fake_engine, some_pairs):
    budget = 0.01  # of 12e-6 a request: 833 requests
    with Store() as store:
        said = annotate(some_pairs(1000), make_annotator("judge"), engine=fake_engine(), store=store, budget=Budget(dollars=budget))
        assert budget * 0.85 < said.usage.dollars <= budget
        assert 0 < said.reasons["over budget"] < 300
        assert "raise it with --budget-dollars" in said.abstentions[0].detail
        rest = annotate(some_pairs(1000), make_annotator("judge"), engine=fake_engine(), store=store)
        assert not rest.abstentions
        assert rest.usage.requests == 1000 - said.usage.requests


def test_the_price_is_quoted_without_asking(fake_engine, some_pairs):
    items = some_pairs(6) + some_pairs(2)
    with Store() as store:
        annotate(items[:2], make_annotator("judge"), engine=fake_engine(), store=store)
        engine = fake_engine(lambda request: pytest.fail("asked"))
        quote = price(items, make_annotator("judge"), engine, store)
        assert (quote.items, quote.requests, quote.cached, quote.completion_tokens) == (8, 4, 4, 4)
        assert quote.dollars == pytest.approx((quote.prompt_tokens + 2 * 4) / 1e6)
        assert store.paid.requests == 2


def test_it_runs_inside_a_running_loop(fake_engine, some_pairs):
    async def notebook() -> Any:
        return annotate(some_pairs(3), make_annotator("judge"), engine=fake_engine())

    assert p_lefts(asyncio.run(notebook())) == pytest.approx([0.8] * 3)

    async def broken() -> Any:
        return annotate(some_pairs(3), make_annotator("judge"))

    with pytest.raises(InputError, match="none was given"):
        asyncio.run(broken())
    assert not [each for each in threading.enumerate() if each.name.startswith("pasture")]


def test_an_annotator_may_wait_for_something_else_and_ask_several_times(fake_engine, some_pairs):
    async def patient(comparison: Comparison, ask: Any) -> float:
        first = await ask(Request((Message("user", "critique " + comparison.prompt.text),)))
        await asyncio.sleep(0.001)
        second = await ask(Request((Message("user", first.text + comparison.prompt.text),)))
        return float(second.text == "A")

    said = annotate(some_pairs(5), make_annotator(patient), engine=fake_engine(), window=2)
    assert p_lefts(said) == [1.0] * 5
    assert all(each.usage.requests == 2 for each in said.results)


def test_other_items_than_pairs_are_rated(some_pairs):
    @dataclass
    class Length:
        name: str = "length"

        async def annotate(self, item: Any, ask: Any, rng: np.random.Generator) -> Rating:
            return Rating(item, {"overall": float(len(item.text))}, self.name)

    said = annotate([Completion(Prompt("a"), "bb")], make_annotator(Length))
    assert said.results[0].scores == {"overall": 2.0}
    with pytest.raises(InputError, match="the annotator 'longest' judges a pair and was given one answer"):
        annotate([Completion(Prompt("a"), "bb")], make_annotator("longest"))


def test_progress_ends_at_the_end(fake_engine, some_pairs):
    seen: list[tuple[int, int, int]] = []
    annotate(
        some_pairs(4),
        make_annotator("judge"),
        engine=fake_engine(),
        progress=lambda done, total, usage: seen.append((done, total, usage.requests)),
    )
    assert seen[-1] == (4, 4, 4)


def test_no_items_are_no_work(fake_engine):
    assert annotate([], make_annotator("judge"), engine=fake_engine()).results == ()


def test_an_abstention_is_about_the_item(some_pairs):
    def shy(comparison: Comparison) -> Abstention:
        return Abstention(comparison, Reason.REFUSED, "shy")

    assert annotate(some_pairs(2), make_annotator(shy)).reasons == {"refused": 2}


def test_a_late_duplicate_does_not_take_out_the_reply_that_was_asked_anew(fake_engine, some_pairs):
    request = Request((Message("user", "q"),))
    late: list[Comparison] = []

    async def reader(comparison: Comparison, ask: Any) -> float | Abstention:
        reply = await ask(request)
        if reply.text != "hm":
            return 1.0
        late.append(comparison)
        if len(late) == 2:
            await asyncio.sleep(0.1)  # by then the other has asked anew
        return Abstention(comparison, Reason.UNPARSABLE, "reader")

    with Store() as store:
        store.put_many([Paid(request.key("fake"), Reply("hm"), 0.0)], "fake")
        engine = fake_engine()
        said = annotate(some_pairs(1) * 2, make_annotator(reader), engine=engine, store=store)
        assert p_lefts(said) == [1.0, 1.0]
        assert len(late) == 2
        assert len(engine.asked) == len(store) == 1


def test_the_reply_that_another_process_kept_first_stands(fake_engine, some_pairs, tmp_path: Path):
    path = tmp_path / "s.sqlite"

    def respond(request: Request) -> Reply:
        with Store(path) as other:  # as a second process would, while this one waits for its engine
            other.put_many([Paid(request.key("fake"), prefers_b(), 0.0)], "fake")
        return Reply("A", label_logprobs={"A": 0.0, "B": -9.0})

    with Store(path) as store:
        (said,) = annotate(some_pairs(1), make_annotator("judge"), engine=fake_engine(respond), store=store).results
        (again,) = annotate(some_pairs(1), make_annotator("judge"), engine=fake_engine(), store=store).results
    assert said.p_left == again.p_left < 0.1
