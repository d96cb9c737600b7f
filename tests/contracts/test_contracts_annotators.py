"""Every annotator of the table keeps the promises of the protocol and the traits that it declares, in the text world, where the
engine `actor` plays the language model."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from pasture.annotators import ANNOTATORS, make_annotator
from pasture.annotators.annotator import Traits, needs, traits_of
from pasture.annotators.runner import annotate
from pasture.core.errors import InputError
from pasture.core.protocols import Annotator, TokenScores
from pasture.core.records import NOTHING, Abstention, Item, Reason
from pasture.core.requests import Reply, Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.simulators.material import world_items
from pasture.simulators.text.world import TextWorld
from pasture.testing.annotators import ANNOTATOR_LAWS
from pasture.testing.annotators import text_actor as engine


class Sharp:
    """A policy that gives longer answers exp(-sharpness) times the probability a word."""

    def __init__(self, sharpness: float) -> None:
        self.sharpness = sharpness

    def token_scores(self, completions: Sequence[Any]) -> TokenScores:
        words = [len(each.text.split()) for each in completions]
        mask = torch.arange(max(words)) < torch.tensor(words)[:, None]
        return TokenScores(-self.sharpness * mask.double(), torch.zeros(mask.shape), mask)


OPTIONS: dict[str, dict[str, Any]] = {
    "flip": {"rate": 0.25},
    "flip-by-length": {"rate_longer": 0.4, "rate_shorter": 0.1},
    "flip-by-position": {"rate_left": 0.4, "rate_right": 0.1},
    "biased": {"position": 0.7, "length": 0.3},
    "flip-by-annotator": {"rates": {}, "default": 0.3},
    "flip-by-prompt": {"rate": 0.25},
    "lapse": {"rate": 0.3},
    "temperature": {"temperature": 0.5},
    "drift": {"rate": [0.1, 0.3]},
    "rationed": {"share": 1.0},
    "on-model": {"model": "x"},
    "icai": {"constitution": ["Prefer the shorter answer."]},
    "cdr-policies": {"strong": Sharp(2.0), "weak": Sharp(1.0)},
    "alpaca-eval-config": {"config": str(Path(__file__).parent / "alpaca_eval" / "configs.yaml")},
}
"""What an annotator of the table cannot be made without, or shows nothing without."""
NAMES = sorted(ANNOTATORS.table)
DOCS = Path(__file__).parents[2] / "docs" / "annotators"
TIER_1 = (
    "alpacafarm", "persona", "janus", "icai", "self-reference", "judge-jury-debate", "cdr", "rlhs", "hyper-routing", "helpsteer2",
    "fine-grained-rlhf", "cipher", "hh-rlhf", "ultrafeedback",
)  # fmt: skip
WORLD = TextWorld(0, sft=20, preference=30, unlabeled=5, eval=5)


def traits(name: str) -> Traits:
    return traits_of(ANNOTATORS.load(name))


def needed(name: str) -> frozenset[str]:
    return needs(ANNOTATORS.load(name))


def kind_of(name: str) -> str:
    return traits(name).item


@cache
def items_of(kind: str) -> tuple[Item, ...]:
    some = world_items(WORLD, kind, 14)
    return (*some, *some[:3])


def made(name: str) -> Annotator:
    options = dict(OPTIONS.get(name, {}))
    if "inner" in needed(name):
        # A soft and symmetric annotator, so that the wrapper's own law shows.
        options["inner"] = {"use": "bradley-terry", "soft": True}
    if "members" in needed(name):
        options["members"] = ["longest", "pool"]
    return make_annotator(name, world=WORLD, **options)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("law", ANNOTATOR_LAWS, ids=lambda law: law.__name__)
def test_it_keeps_every_promise_that_users_can_check_too(name: str, law: Any):
    law(lambda: made(name), engine(), WORLD)


def test_a_rerun_pays_for_nothing(name: str, tmp_path: Path):
    items = items_of(kind_of(name))
    with Store(tmp_path / "s.sqlite") as store:
        one = annotate(items, made(name), engine=engine(), store=store)
        assert (one.usage.requests > 0) == traits(name).engine
    with Store(tmp_path / "s.sqlite") as store:
        two = annotate(items, made(name), engine=engine(), store=store)
        if not any(isinstance(each, Abstention) for each in one.results):
            assert two.usage.requests == 0
            assert store.paid.requests == one.usage.requests
    assert [replace(each, usage=NOTHING) for each in one.results] == [replace(each, usage=NOTHING) for each in two.results]


def test_what_an_annotator_needs_is_asked_for_by_name(name: str):
    options = dict(OPTIONS.get(name, {}))
    if "inner" in needed(name):
        with pytest.raises(InputError, match="needs the option 'inner'" if "world" not in needed(name) else "world"):
            make_annotator(name, **options)
        options["inner"] = "longest"
    if "members" in needed(name):
        with pytest.raises(InputError, match="needs the option 'members'"):
            make_annotator(name, **options)
        options["members"] = ["longest", "spammer"]
    items = items_of(kind_of(name))
    if "world" in needed(name):
        with pytest.raises(InputError, match="no world was given"):
            make_annotator(name, **options)
    elif traits(name).engine:
        with pytest.raises(InputError, match="the annotator asks an engine and none was given"):
            annotate(items, make_annotator(name, **options))
    else:
        assert any(not isinstance(each, Abstention) for each in annotate(items, make_annotator(name, **options)).results)


class Garbled:
    """Replies with nothing that can be read."""

    name = "garbled"
    prices = (0.0, 0.0)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        for index in range(len(requests)):
            yield index, Reply("\ufffd", label_logprobs={"A": math.nan, "B": math.nan}, logprob=math.nan)


def test_what_cannot_be_read_is_never_an_answer_and_never_kept(name: str):
    items = items_of(kind_of(name))
    with Store() as store:
        done = annotate(items, made(name), engine=Garbled(), store=store)
        assert len(store) == 0
        if traits(name).engine:
            assert all(isinstance(each, Abstention) or not asked_anything(each) for each in done.results)
            assert done.reasons["unparsable"] > 0
        else:
            assert any(not isinstance(each, Abstention) for each in done.results)


WRAPPING = [each for each in NAMES if {"inner", "members"} & needed(each)]
PROMPTED = [each for each in NAMES if traits(each).engine]


@pytest.mark.parametrize("readable", [0, 1, 3])
@pytest.mark.parametrize("name", PROMPTED + WRAPPING)
def test_who_cannot_read_a_reply_names_its_request_and_no_other(name: str, readable: int):
    """The first `readable` replies of an item make sense, and then none does. Without names the runner would take every reply of
    the item out of the store."""
    options = dict(OPTIONS.get(name, {}))
    if name in WRAPPING:
        options |= {"members": ["verdict", "judge"]} if "members" in needed(name) else {"inner": "verdict"}
    annotator = make_annotator(name, world=WORLD, **options)
    sensible, unreadable, most_asked = engine(), 0, 0
    for item in items_of(kind_of(name)):
        garbled: list[Request] = []
        sent: list[Request] = []

        async def ask(request: Request, garbled: list[Request] = garbled, sent: list[Request] = sent) -> Reply:
            speaks = len(sent) < readable and (not request.model or request.model in ("strong", "weak"))
            sent.append(request)
            ((_, reply),) = (sensible if speaks else Garbled()).generate([request])
            assert isinstance(reply, Reply)
            if not speaks:
                garbled.append(request)
            return reply

        for each in silent_in(asyncio.run(annotator.annotate(item, ask, rng_for(1, name, item.key)))):
            if each.reason is Reason.UNPARSABLE:
                unreadable += 1
                assert each.unread
                assert set(each.unread) <= set(garbled)
        most_asked = max(most_asked, len(sent))
    assert unreadable or most_asked <= readable  # who asks no more than that has read it


def silent_in(result: Any) -> tuple[Abstention, ...]:
    """Those who gave none: the result, or those asked for a part of it."""
    if isinstance(result, Abstention):
        return (result,)
    return (*getattr(result, "silent", ()), *itertools.chain(*map(silent_in, getattr(result, "parts", ()))))


def asked_anything(each: Any) -> bool:
    return each.usage.requests + each.usage.cached > 0


def test_every_annotator_says_what_it_is():
    for name, entry in ANNOTATORS.entries().items():
        assert entry.summary, name
        assert ANNOTATORS.load(name).__doc__, name


@pytest.mark.parametrize("name", TIER_1)
def test_every_system_is_listed_and_has_its_page(name: str):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert f"--annotator {name}" in page or f'kind = "{name}"' in page
    assert name in ANNOTATORS.table
