"""What the actor has no answer to, it says."""

import json

import pytest
from pasture.core.errors import EngineError
from pasture.core.records import Message
from pasture.core.requests import Request, Sampling
from pasture.simulators.text.actor.engine import Actor

ASKED = (Message("user", "Say which is better."),)


def test_a_structured_question_about_another_world_fails_with_a_way_out():
    with pytest.raises(EngineError, match=r"understands the text world's prompts alone, .*; take --world text"):
        Actor().respond(Request(ASKED, Sampling(schema='{"type": "object"}')))
    with pytest.raises(EngineError, match="take --world text"):
        Actor().respond(Request(ASKED, Sampling(labels=("A", "B"))))
    with pytest.raises(EngineError, match="take --world text"):
        Actor().respond(Request(ASKED, continuation="Red."))


@pytest.mark.parametrize("name", ["verdict", "strength", "quality"])
def test_it_judges_nothing_where_no_answer_is_shown(name: str):
    schema = json.dumps({"type": "object", "properties": {name: {"type": "string" if name == "verdict" else "integer"}}})
    alone = (Message("user", "===== instruction =====\nWhat is the capital of France?\n===== end ====="),)
    with pytest.raises(EngineError, match="take --world text"):
        Actor().respond(Request(alone, Sampling(schema=schema)))


def test_one_actor_is_one_model():
    replies = dict(Actor().generate([Request(ASKED, model="strong"), Request(ASKED)]))
    assert "the request asks for 'strong'; try --model strong=" in str(replies[0])
    assert not isinstance(replies[1], Exception)
