"""Every method of the table keeps the contract: documented, configurable, repeatable, logged; and it leaves its inputs alone."""

from __future__ import annotations

import ast
import inspect
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pasture
import pytest
import torch
from pasture.methods import METHODS
from pasture.testing.methods import METHOD_LAWS, labels_of, moved_policy, tiny_world, trained

ROOT = Path(pasture.__file__).parent
SUITES = {
    name: tomllib.loads((ROOT / f"benchmarks/ranking/suites/{name}.toml").read_text(encoding="utf-8"))["methods"]
    for name in ("exact", "text")
}
WORLD = tiny_world()


def run(name: str, seed: int = 0):
    """(what the method yields, its log) under the exact suite's settings."""
    return trained(METHODS.load(name), SUITES["exact"][name], seed)[:2]


def numbers(made) -> list[torch.Tensor]:
    """Everything that its answers depend on."""
    reward = getattr(made, "reward", None)
    return [each.detach() for each in [*made.parameters(), *(reward.parameters() if reward else ())]]


@pytest.fixture(params=METHODS.table)
def name(request) -> str:
    return request.param


def test_its_docstring_names_the_paper_and_where_it_departs(name):
    opening = METHODS.load(name).__doc__
    assert METHODS.entry(name).paper in opening
    assert "Departs from" in opening


def test_every_setting_has_a_default_and_a_sentence(name):
    config = METHODS.load(name).Config
    assert is_dataclass(config)
    assert config() == config()
    assert {each.name for each in fields(config)} == set(meanings(config))


def meanings(config: type) -> dict[str, str]:
    """The string literal that follows each field, in the class itself or in one that it builds on."""
    found = {}
    for kind in reversed(config.__mro__[:-1]):
        body = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body[0]
        assert isinstance(body, ast.ClassDef)
        for line, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(line, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                found[ast.unparse(line.target)] = after.value.value
    return found


@pytest.mark.parametrize("law", METHOD_LAWS, ids=lambda law: law.__name__)
def test_it_keeps_every_promise_that_users_can_check_too(name, law):
    law(METHODS.load(name), SUITES["exact"][name])


def test_it_has_a_page_with_the_paper_and_the_command(name):
    page = (ROOT / "docs/methods" / f"{name}.md").read_text(encoding="utf-8")
    assert METHODS.entry(name).paper.removeprefix("arXiv:") in page
    assert f"pasture train {name} --world text" in page


def test_the_table_on_its_page_is_the_one_that_its_config_makes(name):
    page = (ROOT / "docs/methods" / f"{name}.md").read_text(encoding="utf-8")
    assert page.partition("## Settings\n")[2].partition("\n\n")[0] == settings_table(METHODS.load(name).Config)


def settings_table(config: type) -> str:
    """A method page's table of settings, to be copied to the page as it is."""
    meaning = meanings(config)
    rows = [f"| `{each.name}` | {shown(config, each.name)} | {meaning[each.name]} |" for each in fields(config)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def shown(config: type, field: str) -> str:
    value = getattr(config(), field)
    return f"`{value}`" if isinstance(value, bool | int | float | str) else "see [reward-model](reward-model.md)"


@pytest.mark.parametrize("suite", SUITES)
def test_the_suites_settings_for_it_are_valid(name, suite):
    METHODS.load(name).Config(**SUITES[suite][name])


def test_another_seed_gives_another_answer(name):
    (first, _), (again, _), (other, _) = run(name), run(name), run(name, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(numbers(first), numbers(again), strict=True))
    if name not in FULL_BATCH:
        assert not all(torch.equal(a, b) for a, b in zip(numbers(first), numbers(other), strict=True))


FULL_BATCH = ("sft", "binary-feedme", "reward-conditioning", "dpo")
"""These draw nothing but the order of a minibatch, and the exact suite gives them all data at once: the order of a sum."""


def test_it_changes_something(name):
    made, _ = run(name)
    if METHODS.entry(name).traits.get("yields") is None:
        prompts = WORLD.prompts("eval")
        assert not torch.allclose(made.probabilities(prompts), moved_policy(WORLD).probabilities(prompts), atol=1e-3)


def test_what_it_logs_makes_sense(name):
    _, lines = run(name)
    if METHODS.entry(name).traits.get("yields") is None:
        assert lines[0]["kl"] == 0.0
        assert lines[-1]["kl"] > 0.001
        assert all(line["length"] == 1.0 and line["entropy"] > 0 for line in lines)
    if name not in ("sft", "binary-feedme", "reward-conditioning"):
        assert all(line["reward"] is not None for line in lines)


def test_it_buys_the_offline_labels_at_most(name):
    _, _, source = trained(METHODS.load(name), SUITES["exact"][name])
    assert source.bought == (0 if name == "sft" else len(labels_of(WORLD, moved_policy(WORLD))))
