"""A dry run says "at most", and it is: for every annotator of the table, and for a user's own with several turns, no run asks more,
or costs more, than it said; the engine here uses up all the room that a request gives, and bills every token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pasture.annotators import ANNOTATORS, make_annotator
from pasture.annotators.runner import DrySession, Session
from pasture.annotators.systems.icai.judge import Icai
from pasture.core.protocols import Annotator
from pasture.core.records import Item, Message, Preference
from pasture.core.requests import Reply, Request, Sampling
from pasture.core.store import Store
from pasture.engines import Routed
from pasture.simulators.material import world_items
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld

from .test_contracts_annotators import NAMES, OPTIONS, needed, traits

WORLD = TextWorld(0, sft=20, preference=30, unlabeled=5, eval=5)


class Spender:
    """Says what the actor says, made as long as `max_tokens` lets it, at a price."""

    name = "spender"
    prices = (10.0, 30.0)

    def __init__(self) -> None:
        self.actors = Routed({"": Actor(), "x": Actor(), "strong": Actor(sharpness=2.0), "weak": Actor(sharpness=0.5)})
        self.asked: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        self.asked += requests
        for index, reply in self.actors.generate(requests):
            assert isinstance(reply, Reply), reply
            request = requests[index]
            prompt = sum(len(turn.content) // 4 + 8 for turn in request.messages)
            if request.continuation is not None:
                scored = len(request.continuation) // 4 + 1
                yield index, Reply("", logprob=reply.logprob, prompt_tokens=prompt + scored, completion_tokens=scored)
                continue
            text = reply.text if request.sampling.labels or request.sampling.choices else longer(reply.text, request.sampling)
            spent = request.sampling.max_tokens
            yield index, Reply(text, label_logprobs=reply.label_logprobs, prompt_tokens=prompt, completion_tokens=spent)


def longer(text: str, sampling: Sampling) -> str:
    """The same answer with more words, 4 characters a token."""
    room = 4 * sampling.max_tokens - len(text)
    if room <= 0 or not text.startswith("{"):
        return text + " so" * max(0, room // 3)
    said: dict[str, Any] = json.loads(text)
    texts = [name for name, value in said.items() if isinstance(value, str) and " " in value]
    for name in texts:
        said[name] += " so" * (room // 3 // len(texts))
    return json.dumps(said)


def made(name: str) -> Annotator:
    """One that asks an engine, if it asks at all: a wrapper wraps a judge, several are several judges."""
    options = dict(OPTIONS.get(name, {}))
    if "inner" in needed(name):
        options["inner"] = "critic" if name == "review-loop" else "verdict"
    if "members" in needed(name):
        options["members"] = ["judge", "self-reference"]
    return make_annotator(name, world=WORLD, **options)


def is_bound(items: Sequence[Item], annotator: Annotator, real: Annotator | None = None) -> tuple[int, int]:
    """(requests that the dry run said, requests that were sent); fails where more was spent than it said."""
    quote = Session(Spender()).price(items, annotator)
    session = Session(Spender(), seed=0)
    session.ask(items, real or annotator)
    spent = session.spent
    assert quote.is_bound
    assert quote.requests >= spent.requests
    assert quote.prompt_tokens >= spent.prompt_tokens
    assert quote.completion_tokens >= spent.completion_tokens
    assert quote.dollars >= spent.dollars
    assert quote.about_dollars <= quote.dollars
    return quote.requests, spent.requests


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_bounds_what_a_run_of_every_annotator_spends(name: str):
    items = world_items(WORLD, traits(name).item, 6)
    said, sent = is_bound(items, made(name))
    assert said <= 2 * sent or said == sent == 0  # and is no wild guess
    if traits(name).engine:
        assert sent > 0


@pytest.mark.parametrize(
    ("name", "options", "a_pair"),
    [
        ("judge", {}, 1),
        ("persona", {}, 1),
        ("self-reference", {}, 9),  # sent less often, where the actor gives two critiques of one text
        ("self-reference", {"samples": 3, "both_orders": False}, 7),
        ("debate", {"rounds": 3}, 8),
        ("rlhs", {}, 3),
        ("swap", {"inner": "debate"}, 8),
        ("jury", {"members": ["judge", "rlhs", "verdict"]}, 5),
        ("judge-jury-debate", {"arrangement": "jury"}, 4),
    ],
)
def test_a_dry_run_follows_every_turn(name: str, options: dict[str, Any], a_pair: int):
    items = world_items(WORLD, "pair", 3)
    said, sent = is_bound(items, make_annotator(name, world=WORLD, **options))
    assert said == 3 * a_pair
    assert sent == said or name == "self-reference"


def test_a_dry_run_of_a_review_loop_counts_all_its_rounds():
    items = world_items(WORLD, "answer", 3)
    said, _ = is_bound(items, make_annotator("review-loop", rounds=4))
    assert said == 3 * 4 * 2


def test_a_dry_run_of_an_extraction_follows_it_and_teaches_the_annotator_nothing():
    items = world_items(WORLD, "pair", 30)
    labelled = [Preference(pair, float(len(pair.left.text) > len(pair.right.text)), "me") for pair in items[:24]]
    fit: dict[str, Any] = {"proposing": 6, "voting": 10}
    icai = Icai(preferences=labelled, fit=fit)
    said, sent = is_bound(items[24:], icai, Icai(preferences=labelled, fit=fit))
    assert said == 6 + 6 * 3 * 10 + 6
    assert sent >= 6 + 6
    assert icai.extraction is None  # what was made up is not remembered


async def in_two_turns(pair: Any, ask: Any) -> float:
    """A user's own: a critique, and then a verdict that depends on it."""
    first = Message("user", f"Criticise:\n{pair.prompt.text}\n{pair.left.text}\n{pair.right.text}")
    critique = await ask(Request((first,), Sampling(max_tokens=300)))
    second = Message("user", f"{critique.text}\nSo, which is better, A or B?")
    reply = await ask(Request((first, second), Sampling(max_tokens=1, labels=("A", "B"))))
    return float(reply.label_logprobs["A"] > reply.label_logprobs["B"])


async def asks_again_in_doubt(pair: Any, ask: Any) -> float:
    """A user's own: up to three judges, the third where the first two disagree."""
    shown = f"{pair.prompt.text}\n{pair.left.text}\n{pair.right.text}\nA or B?"

    async def vote(number: int) -> bool:
        asked = Message("user", f"Judge {number}. {shown}")
        reply = await ask(Request((asked,), Sampling(max_tokens=1, labels=("A", "B"))))
        return reply.label_logprobs["A"] > reply.label_logprobs["B"]

    votes = [await vote(1), await vote(2)]
    return float(votes[0] if votes[0] == votes[1] else await vote(3))


class Cheap(Spender):
    """Answers by the number in the request, at once."""

    def __init__(self, disagrees: bool) -> None:
        super().__init__()
        self.disagrees = disagrees

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        for index, request in enumerate(requests):
            is_second = request.messages[0].content.startswith("Judge 2")
            low, high = ("B", "A") if not (is_second and self.disagrees) else ("A", "B")
            tokens = {"prompt_tokens": len(request.messages[0].content) // 4, "completion_tokens": request.sampling.max_tokens}
            said = {high: -0.1, low: -2.4} if request.sampling.labels else {}
            yield index, Reply("so " * request.sampling.max_tokens, label_logprobs=said, **tokens)


@pytest.mark.parametrize("function", [in_two_turns, asks_again_in_doubt])
@pytest.mark.parametrize("disagrees", [False, True])
def test_a_dry_run_bounds_a_users_own_turns(function: Any, disagrees: bool):
    items = world_items(WORLD, "pair", 5)
    annotator = make_annotator(function)
    quote = Session(Cheap(disagrees)).price(items, annotator)
    session = Session(Cheap(disagrees))
    session.ask(items, annotator)
    assert quote.requests == 5 * (2 if function is in_two_turns else 3)
    assert quote.requests >= session.spent.requests
    assert quote.dollars >= session.spent.dollars
    assert quote.is_bound


class Particular:
    """A user's own that reads only what no made-up answer says."""

    name = "particular"

    async def annotate(self, item: Any, ask: Any, rng: Any) -> Preference:
        first = await ask(Request((Message("user", item.prompt.text),), Sampling(max_tokens=20)))
        share = float(re.findall(r"share: (.*)", first.text)[0])
        await ask(Request((Message("user", f"{item.prompt.text} {share}"),), Sampling(max_tokens=20)))
        return Preference(item, share, self.name)


class Declared(Particular):
    most_requests = 2


def test_what_cannot_be_followed_is_at_least_unless_the_annotator_declares_its_requests():
    items = world_items(WORLD, "pair", 4)
    unknown, declared = (Session(Spender()).price(items, each) for each in (Particular(), Declared()))
    assert (unknown.requests, unknown.is_bound) == (4, False)
    assert (declared.requests, declared.is_bound) == (8, True)
    assert declared.dollars == pytest.approx(2 * unknown.dollars)


def test_a_dry_run_buys_nothing_and_leaves_the_store_as_it_is(tmp_path):
    items, judge = world_items(WORLD, "pair", 6), make_annotator("self-reference")
    with Store(tmp_path / "s.sqlite") as store:
        Session(Spender(), store).ask(items[:2], judge)
        held, paid = len(store), store.paid
        engine = Spender()
        session = DrySession(engine, store)
        session.ask(items, judge)
        session.ask(items[:1], make_annotator("judge"))
        assert (len(store), store.paid, engine.asked) == (held, paid, [])
        assert session.quote.cached >= held
        assert session.quote.requests == 4 * 9 + 1


def test_every_annotator_of_the_table_is_in_this_test():
    assert set(NAMES) == set(ANNOTATORS.table)
