"""A session: one budget over all that is asked, tasks as one piece of work, and users' code that goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from pasture.annotators import make_annotator
from pasture.annotators.panels.panel import Jury
from pasture.annotators.runner import AnnotatorFailed, Session
from pasture.annotators.tournaments.tournament import Tournament
from pasture.core.errors import BudgetExceeded, EngineError
from pasture.core.ledger import Budget
from pasture.core.protocols import Unread
from pasture.core.records import Abstention, Comparison, Completion, Message, Preference, Prompt, Reason, Slate, Usage
from pasture.core.requests import Reply, Request, Sampling
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine


def pairs(count: int) -> list[Comparison]:
    return [
        Comparison(Completion(prompt, "Rhine"), Completion(prompt, "Table"))
        for prompt in (Prompt(f"Name river {number}.") for number in range(count))
    ]


def engine(completion_tokens: int = 1, prices: tuple[float, float] = (1.0, 2.0), **options: Any) -> ScriptedEngine:
    said = Reply("A", label_logprobs={"A": -0.1, "B": -2.4}, prompt_tokens=10, completion_tokens=completion_tokens)
    return ScriptedEngine(name=f"bills {completion_tokens}", prices=prices, respond=lambda request: said, **options)


def test_a_budget_counts_over_all_that_a_session_asks():
    session = Session(engine(), budget=Budget(requests=25))
    assert not session.ask(pairs(20), make_annotator("judge")).abstentions
    second = session.ask(pairs(30)[20:], make_annotator("judge"))
    assert second.reasons == {"over budget": 5}
    assert (second.usage.requests, session.spent.requests) == (5, 25)
    with pytest.raises(BudgetExceeded, match="before 'judge' had judged all 3 items: the budget of 25 requests is used up"):
        session.ask_all(pairs(33)[30:], make_annotator("judge"))


def test_a_ration_of_an_annotators_own_is_not_the_budget_of_the_session():
    session = Session(engine(), budget=Budget(requests=25))
    rationed = make_annotator("rationed", inner="judge", share=0.0)
    assert session.ask_all(pairs(3), rationed).reasons == {"over budget": 3}


@pytest.mark.parametrize("budget", [0.05, 1.0])
def test_a_server_that_bills_more_than_it_may_passes_the_budget_by_one_answer_at_most(budget: float):
    price = (10 + 2 * 5000) / 1e6
    session = Session(engine(5000), budget=Budget(dollars=budget))
    said = session.ask(pairs(400), make_annotator("judge"))
    assert budget - price < said.usage.dollars <= budget + price
    assert said.reasons == {"over budget": 400 - said.usage.requests}
    assert f"the budget of {budget} dollars is passed by" in said.abstentions[0].detail
    assert session.ledger.overshot
    more = session.ask(pairs(410)[400:], make_annotator("judge"))
    assert (more.usage.requests, more.reasons) == (0, {"over budget": 10})


class FailsAndBills:
    """Answers that are billed, and of no use."""

    name, prices = "fails and bills", (1.0, 2.0)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        for index in range(len(requests)):
            error = EngineError("empty")
            error.usage = Usage(1, 0, 10, 5000)
            yield index, error


def test_useless_answers_that_are_billed_stop_a_batch_too():
    session = Session(FailsAndBills(), budget=Budget(dollars=0.1))
    said = session.ask(pairs(400), make_annotator("judge"))
    assert said.usage.dollars < 0.12
    assert said.reasons == {"engine failed": 10, "over budget": 390}


def test_an_honest_server_uses_the_budget_up_and_does_not_pass_it():
    session = Session(engine(1), budget=Budget(dollars=0.002))
    said = session.ask(pairs(400), make_annotator("judge"))
    assert said.usage.dollars <= 0.002
    assert session.ledger.overshot == ""
    assert said.usage.requests > 50


def asked(number: int) -> Request:
    return Request((Message("user", f"Question {number}"),), Sampling(max_tokens=5))


def test_a_task_asks_in_steps_and_is_kept_and_resumed():
    async def task(ask: Any) -> list[str]:
        return [(await ask(asked(number))).text for number in range(3)]

    with Store() as store:
        session = Session(ScriptedEngine(respond=lambda request: request.messages[0].content.upper(), name="up"), store)
        assert session.run_task("three steps", task) == ["QUESTION 0", "QUESTION 1", "QUESTION 2"]
        assert session.spent.requests == 3
        assert session.run_task("three steps", task) == ["QUESTION 0", "QUESTION 1", "QUESTION 2"]
        assert session.spent.requests == 3
    assert Session(engine()).price_task("three steps", task).requests == 3


def test_what_a_task_raises_comes_out_and_an_unread_reply_leaves_the_store():
    async def unread(ask: Any) -> None:
        await ask(asked(0))
        raise Unread(Abstention(pairs(1)[0], Reason.UNPARSABLE, "task", "no sense in it", unread=(asked(0),)))

    async def poor(ask: Any) -> None:
        await ask(asked(1))

    async def fails(ask: Any) -> None:
        await ask(asked(2))

    def respond(request: Request) -> Reply:
        if request == asked(2):
            raise EngineError("down")
        return Reply("x")

    with Store() as store:
        session = Session(ScriptedEngine(respond=respond, name="x"), store, budget=Budget(requests=2))
        with pytest.raises(Unread, match="no sense in it"):
            session.run_task("task", unread)
        assert len(store) == 0
        with pytest.raises(EngineError, match="down"):
            session.run_task("task", fails)
        session.run_task("task", poor)
        with pytest.raises(BudgetExceeded):
            session.run_task("task", fails)


@pytest.mark.parametrize("name", [each.name for each in fields(Preference) if each.name != "usage"])
def test_no_field_of_a_preference_is_lost_where_its_cost_is_noted(name: str):
    pair = pairs(1)[0]
    silent = (Abstention(pair, Reason.UNPARSABLE, "b"),)
    full = Preference(pair, 0.75, "a", "p", 2.0, "r", parts=(Preference(pair, 1.0, "c"),), silent=silent)
    full = replace(full, **{each.name: 0.5 for each in fields(Preference) if each.name == "label_mass"})

    async def says(pair: Comparison, ask: Any) -> Preference:
        await ask(Request((Message("user", "?"),)))
        return full

    noted = Session(engine()).ask([pair], make_annotator(says)).results[0]
    assert noted.usage.requests == 1
    assert getattr(noted, name) == getattr(full, name)
    assert noted == replace(full, usage=noted.usage)


@pytest.mark.parametrize("kind", [GeneratorExit, SystemExit, BaseException, ZeroDivisionError, asyncio.CancelledError])
def test_whatever_an_annotator_raises_is_one_error_with_its_line_and_the_prompt(kind: type[BaseException]):
    def broken(pair: Comparison) -> bool:
        raise kind

    line = broken.__code__.co_firstlineno + 1
    with pytest.raises(AnnotatorFailed) as raised:
        Session().ask(pairs(3), make_annotator(broken))
    said = str(raised.value)
    assert f"the annotator 'broken' failed on the prompt 'Name river 0.': {kind.__name__}" in said
    assert f", in {__file__}, line {line};" in said
    assert "\n" not in said


def test_ctrl_c_ends_a_slow_annotator_at_once_and_keeps_what_is_finished(tmp_path: Path):
    (tmp_path / "slow.py").write_text(
        textwrap.dedent(
            """
            import time, pathlib
            def slow(pair):
                time.sleep(0.1)
                pathlib.Path("began").touch()
                return True
            """
        )
    )
    rows = [json.dumps({"prompt": f"Name river {number}.", "left": "Rhine", "right": "Table"}) for number in range(3000)]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    words = ("annotate", "--pairs", "p.jsonl", "--annotator", "slow.py:slow", "--out", "o.jsonl")
    with subprocess.Popen(
        [sys.executable, "-m", "pasture.cli", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background has it ignored
    ) as running:
        try:
            while not (tmp_path / "began").exists():
                assert running.poll() is None
                time.sleep(0.05)
            time.sleep(2.5)
            running.send_signal(signal.SIGINT)
            sent = time.monotonic()
            _, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    assert time.monotonic() - sent < 15  # 2 on a machine that is not busy; all tasks that were begun would take 300
    assert running.returncode == 130
    assert errors.strip() == "pasture: interrupted; finished work is kept, and the same command goes on from there"
    (part,) = (tmp_path / "o.jsonl.parts").glob("*.parquet")
    assert int(part.stem.split("-")[1]) >= 10


def test_a_member_that_leaves_the_program_is_an_error_of_the_panel():
    def leaves(pair: Comparison) -> bool:
        raise SystemExit("bye")

    member = make_annotator(leaves)
    prompt = Prompt("q")
    slate = Slate(tuple(Completion(prompt, text) for text in "abc"))
    for panel, items in ((Jury([member, member]), pairs(2)), (Tournament(member), [slate])):
        with pytest.raises(AnnotatorFailed, match=r"SystemExit.'bye'"):
            Session().ask(items, panel)
