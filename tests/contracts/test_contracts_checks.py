"""The checks that users run find what breaks a promise, and pass what keeps them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from pasture.annotators.annotator import Traits
from pasture.core.records import Preference
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine
from pasture.methods.imitation import sft
from pasture.simulators.exact.world import ExactWorld
from pasture.testing import check_annotator, check_engine, check_method, check_world


class Shorter:
    """Keeps every promise."""

    traits = Traits(symmetric=True)
    name = "shorter"

    async def annotate(self, item, ask, rng):
        difference = len(item.right.text) - len(item.left.text)
        return Preference(item, 0.5 + 0.5 * ((difference > 0) - (difference < 0)), self.name)


class FirstShown(Shorter):
    async def annotate(self, item, ask, rng):
        return Preference(item, 0.75, self.name)


class Counting(Shorter):
    asked = 0

    async def annotate(self, item, ask, rng):
        Counting.asked += 1
        return Preference(item, (Counting.asked % 10) / 10, self.name)


class Nameless(Shorter):
    async def annotate(self, item, ask, rng):
        return replace(await super().annotate(item, ask, rng), annotator="another")


def undecided(comparison):
    return 0.5


undecided.traits = Traits()


def test_what_keeps_its_promises_passes():
    check_annotator(lambda comparison: 0.5)  # it declares nothing to be held to
    check_annotator(Shorter)
    check_annotator("judge")
    check_engine(ScriptedEngine())
    check_method("sft")
    check_world(ExactWorld(0, prompts=8, responses=6))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (FirstShown, "breaks the swap law and declares symmetric=True"),
        (Counting, "gave other answers to the same items under the same seed"),
        (Nameless, "answer"),
        (undecided, "obeys the swap law and declares symmetric=False"),
    ],
)
def test_an_annotator_that_breaks_a_promise_is_told_which(broken, message):
    with pytest.raises((AssertionError, TypeError, ValueError), match=message):
        check_annotator(broken)


def test_an_engine_that_knows_its_company_is_found_out():
    class Numbered(ScriptedEngine):
        def generate(self, requests):
            for index, reply in super().generate(requests):
                yield index, replace(reply, text=f"{reply.text}{index}") if isinstance(reply, Reply) else reply

    with pytest.raises(AssertionError):
        check_engine(Numbered())


def test_a_method_that_trains_the_policy_that_it_was_given_is_found_out():
    def train(policy, feedback, config, *, rng, log):
        next(iter(policy.parameters())).data.add_(1.0)
        log(0, reward=None, kl=None, length=None, entropy=None)
        return policy

    with pytest.raises(AssertionError, match="changed the policy that it was given"):
        check_method(SimpleNamespace(Config=sft.Config, train=train, __name__="greedy"))


def test_a_world_whose_users_disagree_with_themselves_is_found_out():
    class Lopsided(ExactWorld):
        def advantage(self, comparison, user="gold"):
            return 1.0

    with pytest.raises(AssertionError, match="a pair and its swap have the advantages"):
        check_world(Lopsided(0, prompts=8, responses=6))
