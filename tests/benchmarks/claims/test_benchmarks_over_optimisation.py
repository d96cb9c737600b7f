"""Does optimising the proxy harm gold? What is true of the closed forms, and what the command prints."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from pasture.benchmarks.claims.exact_proxies import Optimiser, Reward, evaluated, proxies
from pasture.benchmarks.claims.over_optimisation import Contrast, OverOptimisation, ProxyCurve, over_optimisation, trained_policies
from pasture.cli.scores.over_optimisation import over_optimisation as command
from pasture.core.errors import InputError
from pasture.core.records import Estimate
from pasture.core.results import MethodResult, RankingResult
from pasture.policies.closed_form import best_of_n, expected_value
from pasture.simulators.exact.world import overoptimised
from typer.testing import CliRunner

BEST_OF_N, KL = Optimiser.BEST_OF_N, Optimiser.KL_REGULARISED


@pytest.fixture(scope="module")
def many() -> OverOptimisation:
    return over_optimisation(labels=1000, seeds=6, prompts=30)


@pytest.fixture(scope="module")
def few() -> OverOptimisation:
    return over_optimisation(labels=100, seeds=30, prompts=20)


def curve_of(of: OverOptimisation, optimiser: Optimiser, reward: Reward = Reward.ONE, flip: float = 0.0) -> ProxyCurve:
    (found,) = [each for each in of.curves if (each.optimiser, each.reward, each.flip) == (optimiser, reward, flip)]
    return found


def contrast(of: OverOptimisation, optimiser: Optimiser, reward: Reward, flip: float, against: str) -> Contrast:
    (found,) = [
        each
        for each in of.contrasts
        if (each.optimiser, each.reward, each.flip, each.against) == (optimiser, reward, flip, against)
    ]
    return found


def above(estimate: Estimate, bound: float) -> bool:
    return estimate.low is not None and estimate.low > bound


def below(estimate: Estimate, bound: float) -> bool:
    return estimate.high is not None and estimate.high < bound


@pytest.mark.parametrize("optimiser", list(Optimiser))
def test_gold_rises_then_falls_while_the_proxy_only_rises(many: OverOptimisation, optimiser: Optimiser) -> None:
    curve = curve_of(many, optimiser)
    gold_K, proxy_K = (np.array([getattr(point, name).value for point in curve.points]) for name in ("gold", "proxy"))
    peak = int(gold_K.argmax())
    assert 0 < peak < len(gold_K) - 1
    assert (np.diff(gold_K[: peak + 1]) > 0).all()
    assert (np.diff(gold_K[peak:]) < 0.01).all()
    assert (np.diff(proxy_K) > 0).all()
    assert (np.diff([point.kl for point in curve.points]) > 0).all()
    assert above(curve.lost, 0.2)


def test_the_fit_turns_over_near_the_peak(many: OverOptimisation) -> None:
    curve = curve_of(many, BEST_OF_N)
    peak = max(curve.points, key=lambda point: point.gold.value or 0)
    assert curve.fit.r_squared is not None
    assert curve.fit.r_squared > 0.95
    assert peak.kl == pytest.approx(curve.fit.peak_kl.value, abs=0.4)
    assert "over 6 seeds" in curve.fit.peak_kl.how


def test_a_proxy_that_gold_is_linear_in_is_harmless() -> None:
    """Nothing for a linear reward to miss: with many labels all that is left is estimation error."""
    curve = curve_of(over_optimisation("exact", (0.0,), seeds=3, prompts=20), BEST_OF_N)
    assert (np.diff([point.gold.value for point in curve.points]) > -1e-3).all()
    assert abs(curve.lost.value or 0) < 0.01


def test_noise_lowers_the_peak_and_leaves_less_to_lose(few: OverOptimisation) -> None:
    """A blurred reward gains less, and it chases length less."""
    noise = contrast(few, BEST_OF_N, Reward.ONE, 0.25, "flip 0")
    assert below(noise.peak, 0)
    clean, noisy = (curve_of(few, BEST_OF_N, flip=flip).lost for flip in (0.0, 0.25))
    assert clean.low is not None
    assert noisy.high is not None
    assert noisy.high < clean.low


def test_the_worst_of_five_harms_less_than_one_model_or_the_mean_with_few_labels() -> None:
    """The members differ in what the labels did not settle, length's weight among it: the lowest is wary of it."""
    end: dict[Reward, list[float]] = {reward: [] for reward in Reward}
    for seed in range(100):
        world = overoptimised(seed, prompts=10)
        _, reference_PM, gold_PM = evaluated(world)
        for reward, proxy_PM in proxies(world, (0.0,), 100, seed)[0.0].items():
            policy_PM = best_of_n(reference_PM, proxy_PM, 1024)
            end[reward].append(float(expected_value(policy_PM, gold_PM).mean()))
    for rival in (Reward.ONE, Reward.MEAN):
        less = np.subtract(end[Reward.WORST_CASE], end[rival])
        assert less.mean() > 2.5 * less.std(ddof=1) / np.sqrt(len(less))
    assert np.mean(end[Reward.ONE]) < np.mean(end[Reward.UNCERTAINTY]) < np.mean(end[Reward.WORST_CASE])


def test_no_ensemble_cures_what_every_member_misses(many: OverOptimisation) -> None:
    for reward in Reward:
        assert above(curve_of(many, BEST_OF_N, reward).lost, 0.4)


def test_a_seed_gives_the_same_proxies_and_flips_change_labels_alone() -> None:
    world = overoptimised(3, prompts=5)
    first, second = (proxies(world, (0.0, 0.25), 40, 3) for _ in range(2))
    np.testing.assert_array_equal(first[0.25][Reward.MEAN], second[0.25][Reward.MEAN])
    np.testing.assert_array_equal(first[0.0][Reward.ONE], proxies(world, (0.0,), 40, 3)[0.0][Reward.ONE])
    assert not np.array_equal(first[0.0][Reward.ONE], first[0.25][Reward.ONE])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"world": "text"}, "no closed forms"),
        ({"flips": (0.5,)}, "flip is 0.5"),
        ({"flips": (0.1, 0.1)}, "each once"),
        ({"flips": ()}, "each once"),
        ({"labels": 1}, "at least 2 labels"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        over_optimisation(**{"seeds": 1, **arguments})  # pyright: ignore[reportArgumentType]


def test_one_seed_has_no_intervals() -> None:
    found = over_optimisation(flips=(0.0,), labels=50, seeds=1, prompts=5)
    curve = curve_of(found, BEST_OF_N)
    assert (curve.peak.low, curve.fit.alpha.low) == (None, None)
    assert "one seed" in curve.fit.alpha.how
    assert {each.estimate.low for each in found.rows() if each.name != "Gao's peak KL"} == {None}


def ranking() -> RankingResult:
    def at(value: float) -> Estimate:
        return Estimate(value, None, None, 1, "made up")

    methods = [
        MethodResult(name, at(0.5), at(0.5), at(gold), at(kl), 1.0, 1, 1, 1.0) for name, kl, gold in (("dpo", 3, 1), ("sft", 0, 2))
    ]
    empty = at(0)
    return RankingResult("exact-overoptimised", "f", "e", tuple(methods), empty, empty, (), (), {})


def test_the_command_prints_records_and_a_rankings_policies_by_kl(tmp_path: Path) -> None:
    path, out = tmp_path / "ranking.json", tmp_path / "found.json"
    ranking().save(path)
    app = typer.Typer()
    app.command()(command)
    small = ["--labels", "40", "--seeds", "2", "--flip", "0.1", "--ranking", str(path)]
    said = CliRunner().invoke(app, [*small, "--json", "--out", str(out)], catch_exceptions=False)
    told = json.loads(said.stdout)
    assert told == json.loads(out.read_text(encoding="utf-8"))
    trained = [each for each in told["measures"] if each["group"].startswith("trained policy")]
    assert [(each["group"][15:], each["value"]) for each in trained if each["name"] == "KL"] == [("sft", 0), ("dpo", 3)]
    assert {each["flip"] for each in told["curves"]} == {0.1}
    assert set(told["curves"][0]["points"][0]) == {"kl", "proxy", "gold"}
    assert set(told["curves"][0]["fit"]) == {"alpha", "beta", "peak_kl", "r_squared"}
    shown = CliRunner().invoke(app, small, catch_exceptions=False).stdout
    assert "trained policy dpo" in " ".join(shown.split())
    with pytest.raises(InputError, match="suffix"):
        CliRunner().invoke(app, ["--out", "found.csv"], catch_exceptions=False)


def test_a_ranking_of_another_world_is_refused() -> None:
    with pytest.raises(InputError, match="of the world 'exact'"):
        trained_policies(replace(ranking(), world="exact"), "exact-overoptimised")
