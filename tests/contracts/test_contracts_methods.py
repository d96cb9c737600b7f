"""Every method of the table keeps the contract: documented, configurable, repeatable, logged; and it leaves its inputs alone."""

from __future__ import annotations

import ast
import copy
import inspect
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pasture
import pytest
import torch
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.core.protocols import Policy
from pasture.core.records import Comparison, Preference
from pasture.core.seeds import rng_for
from pasture.methods import METHODS
from pasture.simulators.exact.world import ExactWorld

ROOT = Path(pasture.__file__).parent
SUITES = {
    name: tomllib.loads((ROOT / f"benchmarks/ranking/suites/{name}.toml").read_text(encoding="utf-8"))["methods"]
    for name in ("exact", "text")
}
QUANTITIES = ("reward", "kl", "length", "entropy")
WORLD = ExactWorld(0, prompts=10, responses=8, features=4)


def started() -> Policy:
    """A policy that is not at its own zero, so that a method which forgot the reference would be found out."""
    policy = WORLD.base_policy(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.1)
    return policy


def preferences(policy: Policy) -> list[Preference]:
    rows = policy.sample(list(WORLD.prompts("preference")) * 2, 2, rng_for(0, "pairs"))
    return [Preference(pair, WORLD.probability(pair), "gold") for pair in (Comparison(*row) for row in rows)]


def feedback(labelled: list[Preference]) -> MeteredFeedback:
    return MeteredFeedback(WORLD.prompts("unlabeled"), WORLD.demonstrations(), labelled, lambda items: [], len(labelled))


def run(name: str, seed: int = 0, start: Policy | None = None, labelled: list[Preference] | None = None):
    """(what the method yields, its log) under the exact suite's settings."""
    lines: list[dict] = []
    method = METHODS.load(name)
    start = start or started()
    made = method.train(
        start,
        feedback(preferences(start) if labelled is None else labelled),
        method.Config(**SUITES["exact"][name]),
        rng=rng_for(seed, name),
        log=lambda step, **values: lines.append({"step": step, **values}),
    )
    return made, lines


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


def test_its_settings_are_frozen(name):
    config = METHODS.load(name).Config()
    with pytest.raises(AttributeError):
        setattr(config, fields(config)[0].name, 1)


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


def test_the_same_seed_gives_the_same_answer_to_the_bit_and_another_does_not(name):
    (first, log), (again, log_again), (other, _) = run(name), run(name), run(name, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(numbers(first), numbers(again), strict=True))
    assert log == log_again
    if name not in FULL_BATCH:
        assert not all(torch.equal(a, b) for a, b in zip(numbers(first), numbers(other), strict=True))


FULL_BATCH = ("sft", "binary-feedme", "reward-conditioning", "dpo")
"""These draw nothing but the order of a minibatch, and the exact suite gives them all data at once: the order of a sum."""


def test_it_changes_something_and_leaves_the_policy_and_the_labels_as_they_were(name):
    start = started()
    labelled = preferences(start)
    before, labels_before = [each.detach().clone() for each in start.parameters()], copy.deepcopy(labelled)
    made, _ = run(name, start=start, labelled=labelled)
    assert all(torch.equal(a, b) for a, b in zip(before, start.parameters(), strict=True))
    assert all(each.grad is None for each in start.parameters())
    assert labelled == labels_before
    if METHODS.entry(name).traits.get("yields") is None:
        prompts = WORLD.prompts("eval")
        assert not torch.allclose(made.probabilities(prompts), start.probabilities(prompts), atol=1e-3)


def test_it_logs_the_four_quantities_at_a_handful_of_rising_steps(name):
    _, lines = run(name)
    assert 1 <= len(lines) <= 12
    assert all(set(QUANTITIES) <= set(line) for line in lines)
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps))
    if METHODS.entry(name).traits.get("yields") is None:
        assert lines[0]["kl"] == 0.0
        assert lines[-1]["kl"] > 0.001
        assert all(line["length"] == 1.0 and line["entropy"] > 0 for line in lines)
    if name not in ("sft", "binary-feedme", "reward-conditioning"):
        assert all(line["reward"] is not None for line in lines)


def test_it_buys_the_offline_labels_at_most(name):
    start = started()
    labelled = preferences(start)
    source = feedback(labelled)
    method = METHODS.load(name)
    method.train(start, source, method.Config(**SUITES["exact"][name]), rng=rng_for(0), log=lambda step, **values: None)
    assert source.bought == (0 if name == "sft" else len(labelled))
