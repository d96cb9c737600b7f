"""Personas: the census margins, adults only, the same from a seed however many are drawn, consistent, and split for ever."""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.simulators.personas.census import AXES, BANDS, Adults, adults
from pasture.simulators.personas.parameters import TRAITS, default_parameters, load_parameters
from pasture.simulators.personas.persona import Persona
from pasture.simulators.personas.population import Population, Sampler, broken_rules, demographics_of, population
from pasture.simulators.personas.traits import trait_model

from ...published_data import CENSUS, needs

DATA = Path(__file__).parents[3] / "simulators" / "personas" / "data"
SHIPPED = Path(__file__).parents[3] / "simulators" / "personas" / "parameters.toml"


@pytest.fixture(scope="module")
def everybody() -> Population:
    return population(1586)


@pytest.fixture(scope="module")
def table():
    return adults(default_parameters())


def margin(table: Adults, *attributes: str) -> np.ndarray:
    """Shares of all adults by the given attributes, which are in the order of AXES."""
    return table.shares.sum(axis=tuple(axis for axis, name in enumerate(AXES) if name not in attributes))


def test_the_raked_table_meets_every_margin_to_a_millionth(table):
    assert len(table.margins) == 6
    for margin in table.margins:
        assert np.abs(margin.of(table.shares) - margin.target).max() < 1e-6
    assert table.shares.sum() == pytest.approx(1.0, abs=1e-9)


def test_the_margins_are_the_published_numbers(table):
    # CPS 2021, over 25: 23.5 % bachelor of a sum of 100.1; of 2016: 6.1 % widowed; ACS 2012: 6.9 % no citizens
    over_25 = [place for place, (first, _) in enumerate(BANDS.values()) if first >= 25]
    education = margin(table, "age_band", "education")[over_25].sum(axis=0)
    bachelor = table.levels["education"].index("bachelor's degree")
    assert (education / education.sum())[bachelor] == pytest.approx(23.5 / 100.1, abs=1e-8)
    assert margin(table, "marital_status")[table.levels["marital_status"].index("widowed")] == pytest.approx(0.061, abs=1e-8)
    assert margin(table, "citizenship")[1] == pytest.approx(0.069, abs=1e-8)
    # ACS 2022, Asian women of 35 to 44: 1,712 thousand of 252,457 thousand adults in the six groups
    place = (tuple(BANDS).index("35-44"), 0, table.levels["race"].index("Asian"))
    assert margin(table, "age_band", "sex", "race")[place] == pytest.approx(1.712 / 252.457, rel=1e-3)


@needs(CENSUS)
def test_the_embedded_counts_are_the_census_counts():
    wanted = {}
    with (CENSUS / "acs2022_sex_by_age_by_group.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            wanted[row["group"].split(",")[0].split(" (")[0], row["sex"], row["age_band"][:2]] = int(row["people"])
    names = {"American Indian or Alaska Native": "American Indian and Alaska Native"}
    names |= {"Native Hawaiian or Pacific Islander": "Native Hawaiian and Pacific Islander"}
    with (DATA / "acs2022_adults.csv").open(newline="") as file:
        ours = list(csv.DictReader(file))
    assert len(ours) == 6 * 2 * 10
    for row in ours:
        assert wanted[names.get(row["race"], row["race"]), row["sex"], row["age_band"][:2]] == int(row["people"])
    with (CENSUS / "acs2012_adults_joint_counts.csv").open(newline="") as file:
        theirs = sorted((r["age_band"], r["gender"], r["race"], r["employment"], r["people"]) for r in csv.DictReader(file))
    with (DATA / "acs2012_adults_joint.csv").open(newline="") as file:
        embedded = sorted((r["age_band"], r["sex"], r["race"], r["employment"], r["people"]) for r in csv.DictReader(file))
    assert embedded == theirs
    assert sum(int(row[-1]) for row in embedded) == 1561


@pytest.mark.parametrize("attribute", AXES)
def test_a_sampled_population_is_within_four_binomial_standard_errors_of_the_census(attribute: str, everybody, table):
    counts = demographics_of(everybody.personas, attribute)
    assert set(counts) <= set(table.levels[attribute])
    for level, share in zip(table.levels[attribute], margin(table, attribute), strict=True):
        error = math.sqrt(share * (1 - share) / len(everybody))
        assert abs(counts.get(level, 0) / len(everybody) - share) <= 4 * error, level


def test_everybody_is_an_adult_of_a_possible_education(everybody):
    youngest = default_parameters().youngest
    for persona in everybody.personas:
        assert 18 <= persona.age <= 94
        assert persona.age >= youngest.get(persona.education, 18)
    with pytest.raises(InputError, match="is 17 years old; personas are adults"):
        replace(everybody.personas[0], age=17)


def test_a_persona_is_the_same_however_many_are_drawn(everybody):
    few = population(7)
    assert few.personas == everybody.personas[:7]
    assert Sampler(0).draw(1234)[0] == everybody.personas[1234]
    assert len({each.id for each in everybody.personas}) == len(everybody)
    assert population(7, seed=1).personas != few.personas


def test_a_persona_is_frozen_and_hashable(everybody):
    persona = everybody.personas[0]
    with pytest.raises(FrozenInstanceError):
        persona.age = 30  # type: ignore[misc]
    assert len(set(everybody.personas)) == len(everybody)


def test_no_persona_breaks_a_rule_and_drawing_again_leaves_the_demographics(everybody):
    parameters = default_parameters()
    assert not any(broken_rules(each, parameters) for each in everybody.personas)
    assert sum(everybody.redrawn.values()) > 0
    beliefs = {"unbelieving traditionalist", "liberal without universalism", "conservative without tradition"}
    assert set(everybody.redrawn) <= beliefs | {"habit of another", "habit against trait"}
    sampler = Sampler(0)
    for place in range(20):
        first, other = sampler.draw(place)[0], sampler.draw(place, round=1)[0]
        same = [axis for axis in AXES if axis != "age_band"]
        assert [getattr(first, axis) for axis in (*same, "age")] == [getattr(other, axis) for axis in (*same, "age")]
        assert first.big_five != other.big_five


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"religion": "atheist", "values": {"tradition": 3.0}}, "unbelieving traditionalist"),
        ({"ideology": "very liberal", "values": {"universalism": -3.0}}, "liberal without universalism"),
        ({"ideology": "very conservative", "values": {"tradition": -3.0}}, "conservative without tradition"),
        ({"employment": "employed", "quirks": ("rehearses job interviews in the shower",)}, "habit of another"),
        ({"religion": "agnostic", "quirks": ("says a short prayer before every meal",)}, "habit of another"),
        ({"big_five": {"extraversion": -2.0}, "mannerisms": ("talks with both hands",)}, "habit against trait"),
    ],
)
def test_each_rule_catches_what_it_says(changes: dict, rule: str, everybody):
    plain = replace(everybody.personas[0], religion="Protestant", ideology="moderate", quirks=(), mannerisms=())
    assert not broken_rules(plain, default_parameters())
    scores = {name: getattr(plain, name)._replace(**changes[name]) for name in ("values", "big_five") if name in changes}
    assert rule in broken_rules(replace(plain, **{**changes, **scores}), default_parameters())


def test_unseen_personas_stay_unseen_when_the_population_grows(everybody):
    seen, unseen = everybody.split(unseen=0.2)
    assert set(seen.personas) | set(unseen.personas) == set(everybody.personas)
    assert not set(seen.personas) & set(unseen.personas)
    assert abs(len(unseen) / len(everybody) - 0.2) <= 4 * math.sqrt(0.2 * 0.8 / len(everybody))
    small_unseen = population(60).split(unseen=0.2)[1]
    assert set(small_unseen.personas) <= set(unseen.personas)
    with pytest.raises(InputError, match="between 0 and 1"):
        everybody.split(unseen=1.0)
    with pytest.raises(InputError, match="one side is empty"):
        population(1).split()


def test_traits_are_standard_scores_with_the_stated_shares_of_ideology(everybody):
    covariance = trait_model(default_parameters()).covariance_TT
    assert np.diag(covariance) == pytest.approx(np.ones(15))
    assert covariance[TRAITS.index("conscientiousness"), TRAITS.index("neuroticism")] == pytest.approx(-0.30)
    assert covariance[TRAITS.index("stimulation"), TRAITS.index("tradition")] < -0.6  # across the circle
    assert covariance[TRAITS.index("conformity"), TRAITS.index("tradition")] > 0.5  # neighbours
    sampler, n = Sampler(3), 1500
    # before the rules, which change the shares a little
    noise = np.random.default_rng(0).standard_normal((n, trait_model(default_parameters()).scores_TG.shape[1]))
    scores = noise @ trait_model(default_parameters()).scores_TG.T
    said = Counter(trait_model(sampler.parameters).ideology(score) for score in scores[:, -2])
    for name, share in default_parameters().ideology.shares.items():
        assert abs(said[name] / n - share) <= 4 * math.sqrt(share * (1 - share) / n)


def test_edited_parameters_take_effect_and_mistakes_in_them_are_named(tmp_path: Path):
    text = SHIPPED.read_text(encoding="utf-8")

    def edited(old: str, new: str):
        assert old in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return load_parameters(path)

    silent = edited("quirks_a_persona = 2", "quirks_a_persona = 0")
    assert all(each.quirks == () for each in population(5, parameters=silent).personas)
    assert [each.age for each in population(5, parameters=silent).personas] == [each.age for each in population(5).personas]
    for old, new, said in (
        ("smoothing = 0.2", "smothing = 0.2", "seed.smoothing|seed.smothing"),
        ('"very liberal" = 0.10', '"very liberal" = 0.20', "ideology.shares sum to 1.1"),
        ("tradition = 0.7", "tradtion = 0.7", "tradtion"),
        ('trait = "tradition"', 'trait = "trdition"', "trdition"),
        ("only = { employment", "only = { job", "no attribute is called .'job'."),
        ('"openness extraversion"', '"openness"', "names no two traits"),
        ('"openness extraversion" = 0.25', '"openness extraversion" = 1e400', "finite number"),
        ("quirks_a_persona = 2", "quirks_a_persona = 200", "200 quirks a persona were asked for"),
    ):
        with pytest.raises(InputError, match=said):
            edited(old, new)
    with pytest.raises(InputError, match="not positive definite"):
        population(1, parameters=edited('"openness extraversion" = 0.25', '"openness extraversion" = 1.5'))
    with pytest.raises(InputError, match="no file"):
        load_parameters(tmp_path / "none.toml")


def test_a_persona_goes_to_plain_values_and_back(everybody):
    for persona in everybody.personas[:20]:
        assert Persona.from_dict(persona.to_dict()) == persona
    row = everybody.personas[0].to_dict()
    for change, said in (
        ({"age": "old"}, "whole number of years"),
        ({"age": 12}, "adults"),
        ({"sex": ""}, "it is text"),
        ({"big_five": {"openness": 1.0}}, "an object with the scores"),
        ({"values": row["values"] | {"power": float("nan")}}, "standard score"),
        ({"quirks": "hums"}, "list of texts"),
        ({"shoe_size": 44}, "missing or unknown fields: shoe_size"),
    ):
        with pytest.raises(InputError, match=said):
            Persona.from_dict(row | change)
