"""Every world of the table keeps the promises of the protocol."""

from __future__ import annotations

import pytest
from pasture.simulators import WORLDS
from pasture.testing.worlds import WORLD_LAWS

SMALL = {"exact": {"prompts": 8, "responses": 6}, "text": {"sft": 6, "preference": 12, "unlabeled": 4, "eval": 6}}


@pytest.mark.parametrize("law", WORLD_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", sorted(WORLDS.table))
def test_it_keeps_every_promise_that_users_can_check_too(name: str, law):
    if name.startswith("text") and law.__name__ == "knows_the_truth":
        pytest.skip("a base policy of the text world is trained in tests/simulators/text")
    law(WORLDS.load(name)(0, **SMALL[name.partition("-")[0]]), 0)
