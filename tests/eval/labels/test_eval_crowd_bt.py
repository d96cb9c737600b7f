"""CrowdBT: planted strengths and reliabilities, a second optimiser, and one spammer who gives most verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.eval.labels.crowd_bt import crowd_bradley_terry
from pasture.eval.rankings.battles import Battles, battles, win_matrix
from pasture.eval.rankings.bradley_terry import bradley_terry
from scipy.optimize import minimize
from scipy.special import expit, log_expit

STRENGTHS = np.linspace(-1.2, 1.2, 6)


def simulated(seed: int, eta_K: list[float], verdicts: int, share_K: list[float] | None = None) -> tuple[Battles, list[int]]:
    rng = rng_for(seed, "planted pairs")
    left_N = rng.integers(6, size=verdicts)
    right_N = (left_N + rng.integers(1, 6, size=verdicts)) % 6
    worker_N = rng.choice(len(eta_K), size=verdicts, p=share_K)
    honest_N = expit(STRENGTHS[left_N] - STRENGTHS[right_N])
    eta_N = np.array(eta_K)[worker_N]
    won_N = rng.random(verdicts) < eta_N * honest_N + (1 - eta_N) * (1 - honest_N)
    names = [f"m{m}" for m in range(6)]
    of = battles([names[m] for m in left_N], [names[m] for m in right_N], won_N.astype(float), models=names)
    return of, worker_N.tolist()


def strengths_of(found) -> np.ndarray:
    return np.array([found.strengths[f"m{m}"].value for m in range(6)])


def test_planted_strengths_and_reliabilities_come_back():
    eta_K = [0.95, 0.9, 0.9, 0.8, 0.5, 0.1]
    of, workers = simulated(0, eta_K, 3000)
    found = crowd_bradley_terry(of, workers, resamples=0, restarts=2)
    assert strengths_of(found) == pytest.approx(STRENGTHS, abs=0.35)
    assert [found.reliability[k].value for k in range(6)] == pytest.approx(eta_K, abs=0.1)
    assert sum(found.reliability[k].n for k in range(6)) == 3000
    plain = bradley_terry(win_matrix(of)).strengths_M
    assert plain is not None
    assert np.abs(strengths_of(found) - STRENGTHS).max() < np.abs(plain - STRENGTHS).max()  # which noise shrinks


def test_it_is_the_maximum_that_a_general_optimiser_finds():
    of, workers = simulated(1, [0.9, 0.8, 0.6], 400)
    found = crowd_bradley_terry(of, workers, resamples=0, prior=0.2, smoothing=0.5)

    def loss(x: np.ndarray) -> float:
        s, eta = x[:6], expit(x[6:])
        d = s[of.left_N] - s[of.right_N]
        p_left = eta[workers] * expit(d) + (1 - eta[workers]) * expit(-d)
        gaps = s[:, None] - s
        beliefs = 0.2 * (log_expit(gaps).sum() - 6 * np.log(0.5)) + 0.5 * (np.log(eta) + np.log(1 - eta)).sum()
        return -(np.where(of.p_left_N == 1, np.log(p_left), np.log(1 - p_left)).sum() + beliefs)

    best = min((minimize(loss, np.concatenate([rng_for(k, "s").normal(size=6), [2, 1, 1]])) for k in range(3)), key=lambda r: r.fun)
    # Inverting every worker and every strength changes no verdict's probability: of the two optima, the one with honest workers.
    assert loss(-best.x) == pytest.approx(best.fun, abs=1e-9)
    x = best.x if expit(best.x[6:]).mean() >= 0.5 else -best.x
    assert found.history[-1] == pytest.approx(-best.fun, abs=1e-3)
    assert strengths_of(found) == pytest.approx(x[:6] - x[:6].mean(), abs=0.02)
    assert [found.reliability[k].value for k in range(3)] == pytest.approx(expit(x[6:]), abs=0.02)


def test_the_objective_never_falls_from_a_start_that_is_upside_down():
    of, workers = simulated(2, [0.9, 0.9, 0.8, 0.7], 600)
    near = crowd_bradley_terry(of, workers, resamples=0)
    far = crowd_bradley_terry(of, workers, resamples=0, start=(np.array([0.2, 0.1, 0.4, 0.3]), -3 * STRENGTHS))
    for found in (near, far):
        assert (np.diff(found.history) >= -1e-8).all()
        assert found.converged
    assert strengths_of(far) == pytest.approx(strengths_of(near), abs=0.02)


@pytest.mark.parametrize(("spammer", "bound"), [(0.5, 0.06), (0.05, 0.06)])
def test_a_spammer_or_an_inverter_with_most_of_the_verdicts_does_not_decide(spammer: float, bound: float):
    of, workers = simulated(3, [spammer, 0.95, 0.9, 0.9, 0.85], 4000, [0.6, 0.1, 0.1, 0.1, 0.1])
    found = crowd_bradley_terry(of, workers, resamples=0, restarts=2)
    assert found.reliability[0].value == pytest.approx(spammer, abs=bound)
    assert np.argsort(strengths_of(found)).tolist() == [0, 1, 2, 3, 4, 5]


def test_intervals_and_ties_and_order():
    of, workers = simulated(4, [0.9, 0.7], 300)
    found = crowd_bradley_terry(of, workers, resamples=20, restarts=1)
    for each in (*found.strengths.values(), *found.reliability.values()):
        assert each.low <= each.value <= each.high
        assert "20 resamples" in each.how
    assert found.strengths == crowd_bradley_terry(of, workers, resamples=20, restarts=1).strengths
    half = battles(["a", "b", "a"], ["b", "a", "b"], [0.5, 0.5, 0.5])
    tied = crowd_bradley_terry(half, ["w"] * 3, resamples=0)
    assert tied.strengths["a"].value == pytest.approx(0.0, abs=1e-9)


def test_what_is_undefined_says_why():
    apart = battles(["a", "c"], ["b", "d"], [1.0, 0.0])
    found = crowd_bradley_terry(apart, ["w", "w"])
    assert found.strengths["a"].value is None
    assert "never compared" in found.strengths["a"].how
    with pytest.raises(InputError, match="2 verdicts and 1 workers"):
        crowd_bradley_terry(apart, ["w"])
    with pytest.raises(InputError, match="above 0"):
        crowd_bradley_terry(apart, ["w", "w"], prior=0)
