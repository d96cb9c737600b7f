"""The scripted engine: what it says, what it fails, and what its journal holds."""

from __future__ import annotations

import itertools
import math
import time
from pathlib import Path

import pytest
from pasture.core.errors import EngineError, InputError
from pasture.core.records import Message
from pasture.core.requests import Reply, Request, Sampling
from pasture.engines.scripted import GARBLED, ScriptedEngine


def ask(text: str, continuation: str | None = None, **sampling) -> Request:
    return Request((Message("user", text),), Sampling(**sampling), continuation)


def test_the_default_answer_depends_on_the_request_alone():
    requests = [ask(f"question {k}", labels=("A", "B"), max_tokens=1) for k in range(50)]
    forward = dict(ScriptedEngine().generate(requests))
    backward = dict(ScriptedEngine().generate(requests[::-1]))
    assert all(forward[k] == backward[49 - k] for k in range(50))
    assert len({reply.label_logprobs["A"] for reply in forward.values()}) > 40


def test_label_probabilities_of_the_default_answer_sum_to_one_and_the_text_is_the_likelier():
    [(_, reply)] = ScriptedEngine().generate([ask("which?", labels=("A", "B"))])
    assert sum(math.exp(value) for value in reply.label_logprobs.values()) == pytest.approx(1)
    assert reply.text == max(reply.label_logprobs, key=reply.label_logprobs.get)


def test_a_seed_changes_the_default_answer_only_above_temperature_zero():
    def said(**sampling):
        return next(ScriptedEngine().generate([ask("story", **sampling)]))[1].text

    assert said(seed=1) == said(seed=2)
    assert said(seed=1, temperature=1.0) != said(seed=2, temperature=1.0)


def test_a_choice_is_one_of_the_choices_and_a_continuation_has_a_likelihood():
    [(_, chosen), (_, scored)] = ScriptedEngine().generate([ask("q", choices=("yes", "no")), ask("q", "three words here")])
    assert chosen.text in ("yes", "no")
    assert -6 <= scored.logprob <= -3  # three words at 1 to 2 nats
    assert scored.completion_tokens == 3


def test_every_third_request_fails_and_every_fourth_is_garbled_over_the_engines_life():
    engine = ScriptedEngine(respond=lambda request: "fine", fail_every=3, garble_every=4)
    replies = [reply for _ in range(2) for _, reply in engine.generate([ask("q")] * 6)]
    failed = [k for k, reply in enumerate(replies, 1) if isinstance(reply, EngineError)]
    garbled = [k for k, reply in enumerate(replies, 1) if isinstance(reply, Reply) and reply.text == GARBLED]
    assert (failed, garbled) == ([3, 6, 9, 12], [4, 8])


def test_an_engine_error_fails_one_request_and_a_bug_is_not_hidden():
    def respond(request: Request) -> str:
        if "fail" in request.messages[0].content:
            raise EngineError("no answer")
        if "bug" in request.messages[0].content:
            raise KeyError("oops")
        return "fine"

    engine = ScriptedEngine(respond=respond)
    assert [type(reply) for _, reply in engine.generate([ask("a"), ask("fail"), ask("b")])] == [Reply, EngineError, Reply]
    with pytest.raises(KeyError):
        list(engine.generate([ask("bug")]))


def test_the_journal_holds_each_answer_before_it_is_handed_over_and_is_shared(tmp_path: Path):
    journal = tmp_path / "paid"
    first, second = (ScriptedEngine(name="s", journal=journal, fail_every=3) for _ in range(2))
    requests = [ask(f"q{k}") for k in range(3)]
    next(iter(first.generate(requests)))
    assert journal.read_text().split() == [requests[0].key("s").hex()]
    list(second.generate(requests))  # its third fails, and is not paid for
    assert journal.read_text().split() == [requests[k].key("s").hex() for k in (0, 0, 1)]
    first.close()
    second.close()


def test_a_function_is_given_by_path_and_its_edit_is_another_model(tmp_path: Path):
    script = tmp_path / "pasture_test_first_rules.py"
    script.write_text("def respond(request):\n    return 'one'\n")
    other = tmp_path / "pasture_test_second_rules.py"
    other.write_text("def respond(request):\n    return 'two'\n")
    engine, edited = ScriptedEngine(f"{script}:respond"), ScriptedEngine(f"{other}:respond")
    assert next(engine.generate([ask("q")]))[1].text == "one"
    assert engine.name.split("@")[1] != edited.name.split("@")[1]


def test_latency_is_waited_once_a_chunk():
    engine = ScriptedEngine(latency=0.03, chunk_size=10)
    start = time.perf_counter()
    list(engine.generate([ask("q")] * 25))  # three chunks
    assert time.perf_counter() - start >= 0.09


@pytest.mark.parametrize("options", [{"latency": -1}, {"chunk_size": 0}, {"fail_every": -1}, {"model": "math:pi"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        ScriptedEngine(**options)


def test_it_answers_fast_enough_to_time_everything_else():
    requests = [ask(f"which of these two answers is better, number {k}?", labels=("A", "B")) for k in range(20_000)]

    def seconds() -> float:
        start = time.process_time()
        assert sum(1 for _ in ScriptedEngine().generate(requests)) == 20_000
        return time.process_time() - start

    assert min(itertools.islice(iter(seconds, None), 3)) < 1.0  # 100,000 a second on a free core; a loaded one gets slack


def test_prices_may_be_a_list_as_a_command_line_gives_them():
    assert ScriptedEngine(prices=[1, 2.5]).prices == (1.0, 2.5)  # pyright: ignore[reportArgumentType]
    for prices in ([1.0], "cheap", (1.0, -1.0), (1.0, float("nan")), 3):
        with pytest.raises(InputError, match="prices"):
            ScriptedEngine(prices=prices)  # pyright: ignore[reportArgumentType]
