"""More rounds of review are worth more, until there is nothing to mend."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pasture.annotators.panels.turns import ReviewLoop
from pasture.annotators.runner import annotate
from pasture.core.errors import InputError
from pasture.core.records import Completion, Revision
from pasture.core.requests import Reply
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.material import world_items
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld

WORLD = TextWorld(0, sft=5, preference=40, unlabeled=5, eval=5)
ANSWERS = [each for each in world_items(WORLD, "answer", 40) if isinstance(each, Completion)]


def one_fault_at_a_time(request):
    """A reviewer who speaks of the first fault alone, and a writer who mends what was spoken of."""
    from pasture.simulators.text.actor.scene import sections_of

    sections, _ = sections_of(request.messages)
    answer = Completion(next(each.prompt for each in ANSWERS if each.prompt.text == sections["instruction"]), sections["answer"])
    faults = WORLD.faults(answer)
    if "critique" in request.sampling.schema:
        said = faults[0].text if faults else "Nothing is wrong."
        return Reply(json.dumps({"critique": said, "spans": [], "polarity": "blame"}))
    text = WORLD.mended(answer, {faults[0].aspect}).text if faults else answer.text
    return Reply(json.dumps({"revision": text}))


def gold_after(rounds: int) -> float:
    engine = ScriptedEngine(respond=one_fault_at_a_time, name="one-fault")
    said = annotate(ANSWERS, ReviewLoop(rounds), engine=engine).results
    assert all(isinstance(each, Revision) for each in said)
    return float(np.mean(WORLD.utility([Completion(each.completion.prompt, each.text) for each in said])))


def test_a_loop_beats_a_single_round_and_a_single_round_the_first_answer():
    first = float(np.mean(WORLD.utility(ANSWERS)))
    one, four = gold_after(1), gold_after(4)
    assert first + 0.2 < one
    assert one + 0.2 < four


def test_a_round_without_a_change_ends_it_and_one_that_cannot_be_read_is_not_kept():
    done = annotate(ANSWERS[:5], ReviewLoop(9), engine=Actor())
    assert not done.abstentions
    assert done.usage.requests <= 5 * 2 * 3

    def forgetful(request):
        return Reply("hm") if "Second" in request.messages[-1].content else Reply(
            '{"critique": "Bad.", "spans": [], "polarity": "blame", "revision": "Second."}'
        )  # fmt: skip

    with Store() as store:
        engine = ScriptedEngine(respond=forgetful, name="forgetful")
        assert annotate(ANSWERS[:1], ReviewLoop(5), engine=engine, store=store).reasons == {"unparsable": 1}
        assert len(store) == 2  # the first round; what could not be read is asked again


def test_no_rounds_are_refused():
    with pytest.raises(InputError, match="the rounds are 0"):
        ReviewLoop(0)
