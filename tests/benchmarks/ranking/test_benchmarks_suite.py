"""A suite is read strictly, and all that can be wrong with it is said before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pasture.benchmarks.ranking.cell_key import ROOT
from pasture.benchmarks.ranking.suite import Suite, check_suite, load_suite, method_config, suite_world
from pasture.core.errors import InputError
from pasture.simulators import WORLDS

GOOD = 'world = "exact"\nranked = ["sft", "dpo"]\n'


def written(folder: Path, text: str) -> str:
    path = folder / "suite.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + "labels = true", "labels"),
        (GOOD + "labels = 1.5", "labels"),
        (GOOD + "labels = 0", "labels"),
        (GOOD + f"labels = {10**30}", "labels"),
        (GOOD + "labels = 0x" + "f" * 5000, "suite.toml"),
        (GOOD + "seeds = '2'", "seeds"),
        (GOOD + "flip = nan", "flip"),
        (GOOD + "flip = true", "flip"),
        (GOOD + "flip = -0.1", "flip"),
        (GOOD + "abstained = 2.0", "abstained"),
        (GOOD + "labelz = 3", "unknown key 'labelz'"),
        (GOOD + "[method.dpo]\nbeta = 1", "unknown key 'method'"),
        (GOOD + "[methods.dpoo]\nbeta = 1", "no ranked method is called 'dpoo'.*Did you mean 'dpo'"),
        (GOOD + "[methods.ppo]\nepochs = 1", "no ranked method is called 'ppo'"),
        (GOOD + "methods = 3", "methods"),
        ('world = "exact"\nranked = ["dpo", "dpo"]', "'dpo' twice"),
        ('world = "exact"\nranked = []', "no method"),
        ('world = "exact"\nranked = "dpo"', "ranked"),
        ('world = "exact"', "no `ranked`"),
        ('world = ""\nranked = ["sft"]', "world"),
        ("[" * 5000, "suite.toml"),
        ("world = ", "suite.toml"),
    ],
)
def test_what_is_wrong_with_a_suite_is_one_error(text: str, says: str, tmp_path: Path):
    with pytest.raises(InputError, match=f"(?s){says}") as caught:
        load_suite(written(tmp_path, text))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"world_options": {"spraed": 1}}, "has no option 'spraed'"),
        ({"world_options": {"spread": float("nan")}}, "spread=nan"),
        ({"world_options": {"utility_sd": -1}}, "utility_sd=-1"),
        ({"world_options": {"seed": "x"}}, "'seed'"),
        ({"world_options": {"prompts": True}}, "'prompts'"),
        ({"world": "exact-cyclic", "world_options": {"spraed": 1}}, "has no option 'spraed'"),
        ({"methods": {"dpo": {"beta": True}}}, "beta"),
        ({"methods": {"dpo": {"beta": float("nan")}}}, "beta"),
        ({"methods": {"dpo": {"betta": 1}}}, "betta"),
        ({"feedback": "judge"}, "asks an engine and none was given"),
        ({"evaluator": "judge"}, "asks an engine and none was given"),
        ({"prompts": 201}, "at most 200"),
        ({"world": "json:loads"}, "the world 'json:loads'"),
        ({"world": "json"}, "no world is called 'json'"),
    ],
)
def test_what_cannot_run_is_said_before_anything_is_trained(change: dict, says: str):
    with pytest.raises(InputError, match=f"(?s){says}"):
        check_suite(replace(load_suite("exact"), **change))


def test_an_annotator_of_ones_own_that_asks_an_engine_is_found_out_before_anything_is_trained(tmp_path: Path):
    (tmp_path / "inner.toml").write_text('kind = "flip"\nrate = 0.1\ninner = "judge"\n')
    with pytest.raises(InputError, match="engine"):
        check_suite(replace(load_suite("exact"), feedback=str(tmp_path / "inner.toml")))


def test_a_method_of_a_file_has_its_table_under_its_short_name(tmp_path: Path):
    (tmp_path / "simpo.py").write_text("from pasture.methods.pairwise.dpo import Config, train\n")
    name = str(tmp_path / "simpo.py")
    suite = load_suite(written(tmp_path, f'world = "exact"\nranked = ["sft", "{name}"]\n[methods.simpo]\nbeta = 7.0\n'))
    assert method_config(suite, name).beta == 7.0
    whole = load_suite(written(tmp_path, f'world = "exact"\nranked = ["sft", "{name}"]\n[methods."{name}"]\nbeta = 8.0\n'))
    assert method_config(whole, name).beta == 8.0
    (tmp_path / "dpo.py").write_text("from pasture.methods.pairwise.dpo import Config, train\n")
    own = load_suite("exact", add=[str(tmp_path / "dpo.py")])
    assert method_config(own, str(tmp_path / "dpo.py")).beta == 0.1, "dpo.py takes no settings of the built-in dpo"


def test_ranked_methods_may_come_from_the_command(tmp_path: Path):
    name = written(tmp_path, 'world = "exact"\n[methods.dpo]\nbeta = 1.0\n')
    assert load_suite(name, ranked=["dpo"]).ranked == ("dpo",)
    assert load_suite("exact", ranked=["dpo"], add=["ppo"]).ranked == ("dpo", "ppo")
    with pytest.raises(InputError, match="'ppo' twice"):
        load_suite("exact", add=["ppo"])


def test_labels_of_another_annotator_are_not_flipped_unless_it_is_asked():
    assert load_suite("exact").flip == 0.25
    assert load_suite("exact", feedback="pool").flip == 0.25
    assert load_suite("exact", feedback="longest").flip == 0.0
    assert load_suite("exact", feedback="longest", flip=0.1).flip == 0.1


@pytest.mark.parametrize("world", ["exact", "exact-overoptimised", "exact-cyclic", "exact-personas", "text"])
def test_the_worlds_make_as_many_evaluation_prompts_as_are_asked(world: str):
    suite = replace(load_suite("exact" if world != "text" else "text"), world=world, eval_prompts=130)
    check_suite(suite)
    few = suite_world(replace(suite, eval_prompts=20))
    assert suite_world(suite).prompts("eval")[:100] == few.prompts("eval")
    assert len(suite_world(suite).prompts("eval")) == 130
    with pytest.raises(InputError, match="at most 100"):
        check_suite(replace(suite, world_options={"eval": 100}))


def test_every_world_of_the_table_refuses_an_option_that_it_does_not_have():
    for world in WORLDS.table:
        with pytest.raises(InputError, match="has no option 'no_such'"):
            suite_world(replace(load_suite("exact"), world=world, world_options={"no_such": 1}))


def test_the_suite_of_the_docs_loads_and_names_every_field(tmp_path: Path):
    text = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    loaded = load_suite(written(tmp_path, text))
    assert loaded.settings("simpo.py") == {"gamma": 1.0}
    assert not [each for each in Suite.__dataclass_fields__ if each not in text and each != "methods"]
