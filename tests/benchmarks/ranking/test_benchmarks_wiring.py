"""How a ranking is wired, seen by spies: which prompts are used for what, what every method starts from, which noise is applied,
and which two rankings are correlated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.benchmarks.ranking import cell, feedback, suite
from pasture.benchmarks.ranking.cell import Cell
from pasture.benchmarks.ranking.method_ranking import aggregate, rank
from pasture.benchmarks.ranking.suite import load_suite
from pasture.core.errors import InputError
from pasture.core.protocols import Policy
from pasture.core.records import Comparison, Completion, Prompt
from pasture.core.results import Curve
from pasture.methods.pairwise import dpo
from pasture.policies.tabular import TabularPolicy
from pasture.simulators.exact.world import ExactWorld

SUITE = replace(load_suite("exact"), ranked=("sft", "dpo"), seeds=1, labels=40, eval_prompts=20, samples=2, prompts=30)


class SpyWorld(ExactWorld):
    """Writes down what it is asked."""

    def __init__(self) -> None:
        super().__init__(prompts=20)
        self.truths: list[Sequence[str]] = []
        self.against: list[Sequence[str]] = []

    def truth(self, policy: Policy, answers: Sequence[Sequence[Completion]]) -> Any:
        self.truths.append([row[0].prompt.id for row in answers])
        return super().truth(policy, answers)

    def rivals(self, prompts: Sequence[Prompt]) -> Sequence[Completion]:
        self.against.append([each.id for each in prompts])
        return super().rivals(prompts)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SpyWorld:
    spy = SpyWorld()
    for module in (suite, cell):
        monkeypatch.setattr(module, "suite_world", lambda *_: spy)
    monkeypatch.setattr("pasture.benchmarks.ranking.method_ranking.suite_world", lambda *_: spy)
    monkeypatch.setattr("pasture.benchmarks.ranking.method_ranking.suite_world", lambda *_: spy)
    return spy


def ids(world: ExactWorld, split: str) -> set[str]:
    return {each.id for each in world.prompts(split)}


def test_each_split_is_used_for_its_own_purpose(world: SpyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bought: list[Comparison] = []
    seen: dict[str, Any] = {}
    ask = feedback.MeteredFeedback.dataset

    def dataset(self: feedback.MeteredFeedback) -> Any:
        seen["unlabeled"] = {each.id for each in self.prompts}
        seen["sft"] = {each.prompt.id for each in self.demonstrations}
        found = ask(self)
        bought.extend(each.comparison for each in found)
        return found

    monkeypatch.setattr(feedback.MeteredFeedback, "dataset", dataset)
    rank(SUITE, tmp_path, jobs=1)
    assert {each.prompt.id for each in bought} == ids(world, "preference")
    assert seen["unlabeled"] == {each.id for each in world.prompts("unlabeled")[:30]}
    assert seen["sft"] == ids(world, "sft")
    asked = [each.id for each in world.prompts("eval")]
    assert all(set(each) == set(asked) for each in world.against)
    assert all(each == asked for each in world.truths)
    splits = [ids(world, each) for each in ("sft", "preference", "unlabeled", "eval")]
    assert len(set.union(*splits)) == sum(map(len, splits))


def test_fewer_evaluation_prompts_are_the_same_for_answers_judging_and_truth(world: SpyWorld, tmp_path: Path):
    result = rank(replace(SUITE, eval_prompts=7), tmp_path, jobs=1)
    asked = [each.id for each in world.prompts("eval")[:7]]
    assert all(each == asked for each in world.truths)
    assert {prompt for each in world.against for prompt in each} == set(asked)
    assert all(each.win_rate.n == 7 * SUITE.samples for each in result.methods)
    assert all(each.gold_value.n == 7 for each in result.methods)


@pytest.mark.parametrize("name", ["exact", "exact-overoptimised", "exact-cyclic", "exact-personas"])
def test_every_exact_world_is_ranked_on_few_and_on_many_evaluation_prompts(name: str, tmp_path: Path):
    for count in (5, 110):
        result = rank(replace(SUITE, world=name, ranked=("sft",), eval_prompts=count), tmp_path / str(count), jobs=1)
        assert result.methods[0].gold_value.n == count


@pytest.mark.slow
def test_the_text_world_is_ranked_on_few_and_on_many_evaluation_prompts(tmp_path: Path):
    small = replace(load_suite("text"), ranked=("sft",), seeds=1, labels=8, samples=1, world_options={"sft": 40})
    for count in (5, 110):
        result = rank(replace(small, eval_prompts=count), tmp_path / str(count), jobs=1)
        assert result.methods[0].win_rate.n == result.methods[0].gold_value.n == count


def test_a_world_whose_truth_is_of_other_prompts_is_refused_before_anything_is_trained(
    world: SpyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(SpyWorld, "truth", lambda self, policy, answers: ExactWorld.truth(self, policy, ()))
    monkeypatch.setattr(
        "pasture.benchmarks.ranking.method_ranking.make_ground", lambda *_, **__: pytest.fail("something was trained")
    )
    with pytest.raises(InputError, match=r"truth on 7 prompts and gave an array of shape \(20,\)"):
        rank(replace(SUITE, eval_prompts=7), tmp_path, jobs=1)


def test_a_world_without_gold_is_ranked(world: SpyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unknown(self: SpyWorld, policy: Policy, answers: Sequence[Any]) -> Any:
        return ExactWorld.truth(self, policy, answers)._replace(
            values_P=np.full(len(answers), np.nan), win_rates_P=np.full(len(answers), np.nan)
        )

    monkeypatch.setattr(SpyWorld, "truth", unknown)
    monkeypatch.setattr(SpyWorld, "utility", lambda self, completions, user="gold": np.full(len(completions), np.nan))
    wanted = replace(SUITE, feedback="longest", evaluator="longest", flip=0.0)
    for _ in range(2):  # the second time from the folder
        result = rank(wanted, tmp_path, jobs=1)
        assert result.methods[0].win_rate.value is not None
        assert result.methods[0].gold_value.value is None
        assert result.spearman.value is None
        assert result.examples[0].gold_rival is None


def test_every_method_starts_from_the_sft_policy_and_answers_are_sampled_at_temperature_one(
    world: SpyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started: list[Policy] = []
    sft: list[Policy] = []
    temperatures: list[float] = []
    train, make, sample = dpo.train, cell.make_ground, TabularPolicy.sample

    def sampled(self: TabularPolicy, prompts: Any, n: int, rng: Any, temperature: float = 1.0) -> Any:
        temperatures.append(temperature)
        return sample(self, prompts, n, rng, temperature)

    def spied(policy: Policy, *rest: Any, **named: Any) -> Policy:
        started.append(policy)
        return train(policy, *rest, **named)

    def grounded(*rest: Any, **named: Any) -> cell.Ground:
        sft.append((made := make(*rest, **named)).sft)
        return made

    monkeypatch.setattr(TabularPolicy, "sample", sampled)
    monkeypatch.setattr(dpo, "train", spied)
    monkeypatch.setattr("pasture.benchmarks.ranking.method_ranking.make_ground", grounded)
    rank(SUITE, tmp_path, jobs=1)
    assert [each is sft[0] for each in started] == [True]
    assert world.base_policy(0).kl(sft[0], world.demonstrations()) > 0.01, "SFT is the base policy itself"
    assert set(temperatures) == {1.0}


def test_flips_are_applied_to_training_labels_and_never_to_verdicts(world: SpyWorld):
    pair = [Comparison(*row) for row in world.base_policy(0).sample(world.prompts("preference"), 2, np.random.default_rng(0))]
    flipped = feedback.training_annotator(replace(SUITE, feedback="gold", flip=0.4), world)
    plain = feedback.training_annotator(replace(SUITE, feedback="gold", flip=0.0), world)
    assert (flipped.name, plain.name) == ("flip(gold, 0.4)", make_annotator("gold", world=world).name)
    assert len(pair) == 40


def test_noise_in_the_labels_is_seen_in_the_policy(tmp_path: Path):
    clean, noisy = (
        rank(
            replace(SUITE, feedback="gold", evaluator="gold", flip=flip, labels=400, eval_prompts=100), tmp_path / str(flip), jobs=1
        )
        for flip in (0.0, 0.49)
    )
    gold = [{each.method: each.gold_value.value or 0.0 for each in result.methods} for result in (clean, noisy)]
    assert gold[0]["dpo"] > gold[1]["dpo"] + 0.5
    assert gold[0]["sft"] == gold[1]["sft"]


def made_cell(method: str, seed: int, judged: float, gold: float) -> Cell:
    scores = tuple((min(1.0, max(0.0, judged + 0.01 * (place % 3))),) for place in range(10))
    values = tuple(gold + 0.001 * place for place in range(10))
    return Cell(method, seed, scores, values, values, 0.1, 3.0, 40, 0, {"train": 1.0}, Curve(method, seed, ()), ())


def test_the_correlation_is_between_the_judged_ranking_and_that_of_gold():
    """An evaluator that is against gold has a rank correlation of -1; gold is the mean over all seeds, not that of the first."""
    names = ("sft", "dpo", "ppo")
    against = {name: [made_cell(name, seed, 0.8 - 0.2 * k, 0.3 + 0.2 * k) for seed in (0, 1)] for k, name in enumerate(names)}
    result = aggregate(replace(SUITE, ranked=names, seeds=2, eval_prompts=10), against)
    assert [each.method for each in result.methods] == ["sft", "dpo", "ppo"]
    assert result.spearman.value == pytest.approx(-1.0)
    assert result.kendall.value == pytest.approx(-1.0)
    seeds = {
        name: [made_cell(name, 0, 0.8 - 0.2 * k, 0.5), made_cell(name, 1, 0.8 - 0.2 * k, 0.5 - 0.1 * k)]
        for k, name in enumerate(names)
    }
    assert aggregate(replace(SUITE, ranked=names, seeds=2), seeds).spearman.value == pytest.approx(1.0)


def test_pairs_say_which_methods_are_apart():
    apart = {
        name: [made_cell(name, seed, rate, 0.5) for seed in (0, 1)] for name, rate in (("dpo", 0.9), ("ppo", 0.5), ("sft", 0.5))
    }
    result = aggregate(replace(SUITE, ranked=tuple(apart), seeds=2), apart)
    assert [(each.better, each.worse) for each in result.pairs] == [("dpo", "ppo"), ("dpo", "sft"), ("ppo", "sft")]
    assert result.pairs[0].difference.value == pytest.approx(0.4)
