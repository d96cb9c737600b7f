"""Every annotator of the table keeps the promises of the protocol and the traits that it declares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.annotators import ANNOTATORS, make_annotator
from pasture.annotators.runner import annotate
from pasture.core.errors import InputError
from pasture.core.protocols import Annotator
from pasture.core.records import Comparison, Completion, Preference, Prompt
from pasture.core.requests import Reply, Request
from pasture.core.store import Store
from pasture.engines import make_engine

OPTIONS: dict[str, dict[str, Any]] = {
    "flip": {"rate": 0.25},
    "flip-by-length": {"rate_longer": 0.4, "rate_shorter": 0.1},
    "flip-by-position": {"rate_left": 0.4, "rate_right": 0.1},
    "biased": {"position": 0.7, "length": 0.3},
}
"""What an annotator of the table cannot be made without."""


class TasteWorld:
    name = "taste"
    users = ("ann", "bob", "cid")

    def utility(self, completions: Sequence[Completion], user: str = "gold") -> np.ndarray:
        return np.array([(sum(map(ord, each.text)) * (1 + len(user)) % 17) / 4 for each in completions])

    def advantage(self, comparison: Comparison, user: str = "gold") -> float:
        left, right = self.utility([comparison.left, comparison.right], user)
        return float(left - right)


def made(name: str) -> Annotator:
    traits = ANNOTATORS.entry(name).traits
    options = dict(OPTIONS.get(name, {}))
    if traits.get("wraps"):
        # A soft and symmetric annotator, so that the wrapper's own law shows.
        options["inner"] = {"use": "bradley-terry", "soft": True}
    if traits.get("members"):
        options["members"] = ["longest", "pool"]
    return make_annotator(name, world=TasteWorld(), **options)


def pairs() -> list[Comparison]:
    some = []
    for number in range(30):
        prompt = Prompt(f"question {number % 11}")
        some.append(Comparison(Completion(prompt, f"answer {number * 7}"), Completion(prompt, f"reply {number * number}")))
    return some + some[:6]


NAMES = sorted(ANNOTATORS.table)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def p_lefts(items: Sequence[Comparison], annotator: Annotator, **options: Any) -> list[float]:
    said = annotate(items, annotator, engine=make_engine("scripted"), **options)
    assert [each.comparison for each in said.preferences] == list(items)
    assert all(each.annotator == annotator.name for each in said.preferences)
    return [each.p_left for each in said.preferences]


def test_the_same_seed_gives_the_same_answers_to_duplicates_too(name: str):
    one = p_lefts(pairs(), made(name), seed=5)
    assert one == p_lefts(pairs(), made(name), seed=5)
    assert one[:6] == one[30:]


def test_window_order_and_sharding_change_nothing(name: str):
    items = pairs()
    whole = p_lefts(items, made(name))
    assert whole == p_lefts(items, made(name), window=3)
    assert whole == p_lefts(items[::-1], made(name))[::-1]
    assert whole == p_lefts(items[:13], made(name)) + p_lefts(items[13:], made(name))


def test_a_symmetric_annotator_says_the_same_of_the_swapped_pair(name: str):
    items = pairs()
    shown, swapped = p_lefts(items, made(name)), p_lefts([each.swapped() for each in items], made(name))
    obeys = np.allclose(np.array(shown), 1 - np.array(swapped), atol=1e-12)
    assert obeys == ANNOTATORS.entry(name).traits["symmetric"]


def test_items_are_left_as_they_were(name: str):
    items = pairs()
    before = deepcopy(items)
    p_lefts(items, made(name))
    assert items == before


def test_a_rerun_pays_for_nothing(name: str, tmp_path: Path):
    with Store(tmp_path / "s.sqlite") as store:
        engine = make_engine("scripted")
        one = annotate(pairs(), made(name), engine=engine, store=store)
        assert (one.usage.requests > 0) == bool(ANNOTATORS.entry(name).traits.get("engine"))
    with Store(tmp_path / "s.sqlite") as store:
        two = annotate(pairs(), made(name), engine=make_engine("scripted"), store=store)
        assert two.usage.requests == 0
        assert store.paid.requests == one.usage.requests
    assert [each.p_left for each in one.preferences] == [each.p_left for each in two.preferences]


def test_traits_say_who_needs_a_world_an_inner_annotator_and_an_engine(name: str):
    traits = ANNOTATORS.entry(name).traits
    assert set(traits) <= {"engine", "world", "wraps", "members", "symmetric"}
    options = dict(OPTIONS.get(name, {}))
    if traits.get("wraps"):
        with pytest.raises(InputError, match="needs the option 'inner'" if not traits.get("world") else "world"):
            make_annotator(name, **options)
        options["inner"] = "longest"
    if traits.get("members"):
        with pytest.raises(InputError, match="needs the option 'members'"):
            make_annotator(name, **options)
        options["members"] = ["longest"]
    if traits.get("world"):
        with pytest.raises(InputError, match="no world was given"):
            make_annotator(name, **options)
    elif traits.get("engine"):
        with pytest.raises(InputError, match="the annotator asks an engine and none was given"):
            annotate(pairs(), make_annotator(name, **options))
    else:
        assert annotate(pairs(), make_annotator(name, **options)).preferences


class Garbled:
    """Replies with nothing that can be read."""

    name = "garbled"
    prices = (0.0, 0.0)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        for index in range(len(requests)):
            yield index, Reply("\ufffd", label_logprobs={"A": math.nan, "B": math.nan}, logprob=math.nan)


def test_what_cannot_be_read_is_never_a_vote_and_never_kept(name: str):
    with Store() as store:
        said = annotate(pairs(), made(name), engine=Garbled(), store=store)
        assert len(store) == 0
        if ANNOTATORS.entry(name).traits.get("engine"):
            assert said.reasons == {"unparsable": len(pairs())}
            assert not said.preferences
        else:
            assert all(isinstance(each, Preference) for each in said.results)


def test_every_annotator_says_what_it_is():
    for name, entry in ANNOTATORS.entries().items():
        assert entry.summary, name
        assert ANNOTATORS.load(name).__doc__, name
