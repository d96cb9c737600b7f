"""In a world with a cycle, users' labels go round in it, though every user has utilities."""

from __future__ import annotations

import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.core.records import Comparison
from pasture.simulators import WORLDS


def test_gold_labels_follow_the_cycle_and_not_the_utilities_alone():
    world = WORLDS.load("exact-cyclic")(seed=0, cyclic=50.0)
    prompt = world.prompts("eval")[0]
    answers = [world.completion(prompt, k) for k in range(12)]
    pairs = [Comparison(a, b) for a in answers for b in answers if a is not b]
    said = annotate(pairs, make_annotator("gold", world=world)).preferences
    wins = {(each.comparison.left.text, each.comparison.right.text): each.p_left for each in said}
    names = [each.text for each in answers]
    rounds = [
        (a, b, c)
        for a in names
        for b in names
        for c in names
        if len({a, b, c}) == 3 and wins[a, b] == wins[b, c] == wins[c, a] == 1.0
    ]
    assert rounds
    assert all(wins[a, b] + wins[b, a] == 1.0 for a, b in wins)


@pytest.mark.parametrize("name", ["exact", "text"])
def test_without_a_cycle_the_advantage_is_the_difference_of_utilities(name: str):
    world = WORLDS.load(name)(seed=0)
    first, second = world.demonstrations()[0], world.rivals([world.demonstrations()[0].prompt])[0]
    difference = world.utility([first])[0] - world.utility([second])[0]
    assert world.advantage(Comparison(first, second)) == pytest.approx(difference, abs=1e-12)
