"""The suite: equal budgets, one ground a seed, blind verdicts, resumable, and a ranking that agrees with gold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pasture.annotators.runner import Session
from pasture.benchmarks.ranking import method_ranking
from pasture.benchmarks.ranking.cell import make_ground, run_cell
from pasture.benchmarks.ranking.cell_key import cell_key
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.benchmarks.ranking.method_ranking import rank
from pasture.benchmarks.ranking.run_folder import cell_path
from pasture.benchmarks.ranking.suite import Suite, load_suite, suite_world
from pasture.core.errors import BudgetExceeded, InputError, UnknownName
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.core.results import RankingResult

SMALL = replace(load_suite("exact"), ranked=("sft", "binary-feedme", "best-of-n", "dpo"), seeds=2)


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> tuple[RankingResult, Path]:
    folder = tmp_path_factory.mktemp("run")
    return rank(SMALL, folder, jobs=1), folder


def test_methods_that_learn_from_preferences_beat_the_one_that_imitates(ranked: tuple[RankingResult, Path]):
    gold = {each.method: each.gold_value.value or 0.0 for each in ranked[0].methods}
    assert gold["dpo"] > gold["sft"] + 0.1
    assert gold["best-of-n"] > gold["sft"] + 0.1


def test_every_number_of_a_ranking_has_an_interval_and_an_n(ranked: tuple[RankingResult, Path]):
    for each in ranked[0].methods:
        assert each.win_rate.n == SMALL.seeds * SMALL.eval_prompts * SMALL.samples
        for estimate in (each.win_rate, each.gold_win_rate, each.gold_value):
            assert estimate.low is not None
            assert estimate.low <= estimate.value <= estimate.high  # type: ignore[operator]
            assert estimate.how
    assert ranked[0].spearman.low is not None


def test_methods_are_listed_best_first_and_pay_the_same_labels(ranked: tuple[RankingResult, Path]):
    rates = [each.win_rate.value for each in ranked[0].methods]
    assert rates == sorted(rates, reverse=True)  # type: ignore[type-var]
    assert {each.method: each.labels for each in ranked[0].methods} == {
        "sft": 0, "binary-feedme": SMALL.labels, "best-of-n": SMALL.labels, "dpo": SMALL.labels,
    }  # fmt: skip


def test_a_second_run_trains_nothing_and_says_the_same(ranked: tuple[RankingResult, Path], monkeypatch: pytest.MonkeyPatch):
    result, folder = ranked
    monkeypatch.setattr(method_ranking, "run_cell", lambda *_: pytest.fail("a finished cell was run again"))
    again = rank(SMALL, folder, jobs=1)
    assert again.methods == result.methods
    assert again.spearman == result.spearman
    assert again.manifest["trainings_found"] == again.manifest["trainings"] == 8


def test_a_run_that_lost_a_cell_makes_that_one_again_and_alike(ranked: tuple[RankingResult, Path]):
    result, folder = ranked
    (lost,) = (folder / "cells").glob("dpo-seed1-*.json")
    before = json.loads(lost.read_text())
    lost.unlink()
    again = rank(SMALL, folder, jobs=1)
    after = json.loads(lost.read_text())
    del before["seconds"], after["seconds"]
    assert after == before
    assert [each.win_rate for each in again.methods] == [each.win_rate for each in result.methods]


@pytest.mark.slow
def test_processes_change_nothing(ranked: tuple[RankingResult, Path], tmp_path: Path):
    by_two = rank(SMALL, tmp_path, jobs=2)
    assert [each.method for each in by_two.methods] == [each.method for each in ranked[0].methods]
    for there, here in zip(by_two.methods, ranked[0].methods, strict=True):
        # Processes have one thread each, and sums of floats differ in their last bits by the number of threads.
        for one, other in ((there.win_rate, here.win_rate), (there.gold_value, here.gold_value)):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-6)
        assert there.kl.value == pytest.approx(here.kl.value, rel=1e-6)


def test_another_setting_is_another_cell(ranked: tuple[RankingResult, Path]):
    folder = ranked[1]

    def path(suite: Suite, folder: Path, method: str, seed: int) -> Path:
        return cell_path(folder, method, seed, cell_key(suite, method))

    other = replace(SMALL, methods=SMALL.methods | {"dpo": {"epochs": 1}})
    assert path(SMALL, folder, "dpo", 0) != path(other, folder, "dpo", 0)
    assert path(SMALL, folder, "sft", 0) == path(other, folder, "sft", 0)
    assert path(SMALL, folder, "dpo", 0) == path(replace(SMALL, seeds=9, ranked=("dpo",)), folder, "dpo", 0)
    assert path(SMALL, folder, "dpo", 0) != path(replace(SMALL, flip=0.1), folder, "dpo", 0)


def test_evaluators_do_not_see_who_made_an_answer(tmp_path: Path):
    """An evaluator that votes by the answer's `model`, if it can see one, must come out even."""
    spy = tmp_path / "spy.py"
    spy.write_text("def spy(comparison):\n    assert not comparison.left.model and not comparison.right.model\n    return 0.5\n")
    suite = replace(SMALL, ranked=("sft",), seeds=1, evaluator=f"{spy}:spy")
    cell = run_cell(suite, "sft", 0, make_ground(suite, 0, Session()), Session())
    assert {score for row in cell.scores_PK for score in row} == {0.5}


def test_candidates_are_shown_on_both_sides(tmp_path: Path):
    first = tmp_path / "first.py"
    first.write_text("def first(comparison):\n    return 1.0\n")
    suite = replace(SMALL, ranked=("sft",), seeds=1, evaluator=f"{first}:first")
    cell = run_cell(suite, "sft", 0, make_ground(suite, 0, Session()), Session())
    won = sum(score == 1.0 for row in cell.scores_PK for score in row)
    assert 0.3 < won / SMALL.eval_prompts / SMALL.samples < 0.7


def test_an_abstention_is_counted_and_is_no_verdict(tmp_path: Path):
    shy = tmp_path / "shy.py"
    shy.write_text(
        "from pasture.core.records import Abstention, Reason\n"
        "def shy(comparison):\n"
        "    if int(comparison.key, 16) % 3 == 0:\n"
        "        return Abstention(comparison, Reason.REFUSED, 'shy')\n"
        "    return 1.0 if comparison.is_canonical else 0.0\n"
    )
    result = rank(replace(SMALL, ranked=("sft", "dpo"), seeds=1, evaluator=f"{shy}:shy"), tmp_path / "run", jobs=1)
    for each in result.methods:
        assert each.win_rate.abstentions > 0
        assert each.win_rate.n + each.win_rate.abstentions == SMALL.eval_prompts * SMALL.samples


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"ranked": ("dpoo",)}, UnknownName, "Did you mean 'dpo'"),
        ({"ranked": ("reward-model",)}, InputError, "cannot be ranked"),
        ({"feedback": "gould"}, UnknownName, "no annotator is called 'gould'"),
        ({"world": "exactt"}, UnknownName, "no world is called 'exactt'"),
        ({"methods": {"dpo": {"betta": 1.0}}}, InputError, "betta"),
        ({"prompts": 10**6}, InputError, "at most"),
    ],
)
def test_a_suite_that_cannot_run_says_so_before_it_trains(change: dict, error: type[Exception], says: str, tmp_path: Path):
    with pytest.raises(error, match=says):
        rank(replace(SMALL, **change), tmp_path, jobs=1)


@pytest.mark.parametrize(
    ("text", "says"), [("world = ", "cannot be read"), ('world = "exact"\nranked = []\nflip = 0.7', "flip"), ("x = 1", "world")]
)
def test_a_suite_file_that_is_wrong_says_where(text: str, says: str, tmp_path: Path):
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_suite(str(path))
    with pytest.raises(InputError, match="no file"):
        load_suite(str(tmp_path / "missing.toml"))


def test_every_shipped_suite_loads_and_ranks_at_least_eight_methods():
    for name in ("exact", "text"):
        assert len(load_suite(name).ranked) >= 8


def test_a_metered_source_sells_no_more_than_the_budget():
    prompt = Prompt("p")
    pair = Comparison(Completion(prompt, "a"), Completion(prompt, "b"))
    offline = [Preference(pair, 1.0, "x"), Abstention(pair, Reason.UNPARSABLE, "x")]
    source = MeteredFeedback([prompt], [], offline, lambda items: [Preference(each, 0.0, "x") for each in items], labels=4)  # type: ignore[arg-type]
    assert source.labels_left == 4
    assert [each.p_left for each in source.dataset()] == [1.0]
    assert (source.bought, source.abstained) == (2, 1)
    assert source.dataset() == source.dataset()
    assert source.labels_left == 2
    with pytest.raises(BudgetExceeded, match="3 labels were asked for and 2 of 4 are left"):
        source.ask([pair] * 3)
    assert source.labels_left == 2
    assert len(source.ask([pair] * 2)) == 2
    assert source.labels_left == 0


def test_a_world_is_made_once_a_process():
    assert suite_world(SMALL) is suite_world(replace(SMALL, seeds=1))


def test_suite_is_a_value():
    assert Suite(world="exact", ranked=("sft",)) == Suite(world="exact", ranked=("sft",))
