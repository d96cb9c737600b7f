"""Personas as weight vectors: opposed values, opposed weights; and in a world, opposed choices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.simulators.exact.world import GOLD, ExactWorld
from pasture.simulators.personas.persona import BigFive, Persona, Values
from pasture.simulators.personas.population import population
from pasture.simulators.personas.traits import departures, persona_tastes
from pasture.simulators.text.rules import FEATURES, gold_weights


@pytest.fixture(scope="module")
def people() -> tuple[Persona, ...]:
    return population(400).personas


def opposite(persona: Persona) -> Persona:
    return replace(
        persona, id="opposite", big_five=BigFive(*(-x for x in persona.big_five)), values=Values(*(-x for x in persona.values))
    )


@pytest.mark.parametrize("names", [FEATURES, ("feature-0", "feature-1", "feature-2", "anything")])
def test_opposed_traits_give_opposed_weights(names, people):
    one = people[0]
    assert departures([opposite(one)], names)[0] == pytest.approx(-departures([one], names)[0])
    assert np.abs(departures([one], names)[0]).max() > 0.1


def test_a_traditionalist_and_a_sensation_seeker_want_opposite_tones(people):
    plain = replace(people[0], big_five=BigFive(0, 0, 0, 0, 0), values=Values(*[0.0] * 10))
    traditional = replace(plain, values=plain.values._replace(tradition=2.0, conformity=2.0, stimulation=-2.0))
    seeking = replace(plain, values=plain.values._replace(tradition=-2.0, conformity=-2.0, stimulation=2.0))
    assert departures([traditional], ["tone"])[0][0] > 1
    assert departures([seeking], ["tone"])[0][0] < -1
    assert departures([plain], FEATURES)[0] == pytest.approx(np.zeros(len(FEATURES)))


def test_departures_are_standard_over_the_population(people):
    found = departures(people, [*FEATURES, "feature-0", "feature-1"])
    assert np.abs(found.mean(axis=0)).max() < 4 / np.sqrt(len(people))
    assert found.std(axis=0) == pytest.approx(np.ones(found.shape[1]), abs=4 / np.sqrt(2 * len(people)))
    names = [f"feature-{k}" for k in range(12)]
    assert np.linalg.matrix_rank(departures(people, names)) >= 7  # people differ in more than one way


def test_a_weight_depends_on_its_own_attribute_and_persona_only(people):
    names = ["fact", "feature-7", "tone"]
    together = departures(people[:5], names)
    for place, name in enumerate(names):
        assert departures(people[:5], [name])[:, 0] == pytest.approx(together[:, place])
    mean = np.array([1.0, -1.0])
    alone = persona_tastes(people[:1], mean, centred=False)
    assert persona_tastes(people[:9], mean, centred=False)[0] == pytest.approx(alone[0])


def test_tastes_have_the_given_mean_spread_and_scale(people):
    mean = gold_weights()
    tastes = persona_tastes(people, mean, FEATURES, spread=1.0, scale_D=0.3 * np.abs(mean))
    assert tastes.shape == (len(people), len(FEATURES))
    assert tastes.mean(axis=0) == pytest.approx(mean, abs=1e-12)
    assert tastes[:, FEATURES.index("words")] == pytest.approx(np.zeros(len(people)))  # a scale of 0 there
    assert persona_tastes(people, mean, FEATURES, spread=0.0) == pytest.approx(np.tile(mean, (len(people), 1)))
    with pytest.raises(InputError, match="2 attributes"):
        persona_tastes(people, mean, ["one", "two"])
    with pytest.raises(InputError, match="no persona"):
        persona_tastes([], mean)
    with pytest.raises(InputError, match="spread is -1"):
        persona_tastes(people, mean, spread=-1)


def test_in_the_exact_world_opposed_personas_disagree_where_the_mean_is_indifferent(people):
    world = ExactWorld(0, prompts=10, users=1)
    # a mean taste of nothing, so that a persona's choice is its own values'
    pair = [people[0], opposite(people[0])]
    zero = np.zeros(world.features_PMD.shape[2])
    tastes = persona_tastes(pair, zero, scale_D=1.0, centred=False)
    world.tastes = {GOLD: zero, "one": tastes[0], "other": tastes[1]}
    better = world.utilities("one")[:, :, None] > world.utilities("one")[:, None, :]
    worse = world.utilities("other")[:, :, None] < world.utilities("other")[:, None, :]
    assert (better == worse).all()
