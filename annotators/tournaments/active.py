"""Chooses the next comparison where it tells most about a Bradley-Terry ranking (Lindley 1956; Chaloner & Verdinelli
1995, Stat. Sci. 10:273).

Strengths have the prior Normal(0, prior_sd^2) and a Laplace approximation as posterior. A comparison of i and j gains
1/2 log(1 + p(1 - p) Var(s_i - s_j)) nats to first order: it is worth most where the outcome is open and the difference unknown."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from ...core.errors import InputError
from ...core.protocols import Rng
from .search import Search


class Posterior(NamedTuple):
    """Strengths in nats after some comparisons: their most probable values and the covariance there."""

    strengths_M: np.ndarray
    covariance_MM: np.ndarray


def posterior(wins_MM: np.ndarray, prior_sd: float = 2.0) -> Posterior:
    """From wins_MM[i, j], how often i beat j (ties half, fractions fine). prior_sd: nats, > 0; 2 says odds of 1000 to 1 are
    rare."""
    wins_MM = np.asarray(wins_MM, dtype=float)
    if not (np.isfinite(wins_MM).all() and (wins_MM >= 0).all() and prior_sd > 0):
        raise InputError(f"prior_sd is {prior_sd}, and wins are counts; prior_sd is above 0, and counts are finite and 0 or more")
    games_MM = wins_MM + wins_MM.T
    precision = prior_sd**-2

    def loss(s_M: np.ndarray) -> tuple[float, np.ndarray]:
        d_MM = s_M[:, None] - s_M
        value = precision / 2 * s_M @ s_M - (wins_MM * log_expit(d_MM)).sum()
        return float(value), precision * s_M - (wins_MM - games_MM * expit(d_MM)).sum(axis=1)

    def curvature(s_M: np.ndarray) -> np.ndarray:
        d_MM = s_M[:, None] - s_M
        weight_MM = games_MM * expit(d_MM) * expit(-d_MM)
        return np.diag(weight_MM.sum(axis=1)) - weight_MM + precision * np.eye(len(s_M))

    options = {"gtol": 1e-9 * (1 + games_MM.sum())}
    found = minimize(loss, np.zeros(len(wins_MM)), jac=True, hess=curvature, method="trust-exact", options=options)
    return Posterior(found.x, np.linalg.inv(curvature(found.x)))


def information_gain(of: Posterior) -> np.ndarray:
    """gain_MM: nats that one more comparison of i and j is expected to tell, symmetric, 0 on the diagonal."""
    p_MM, variance_M = expit(of.strengths_M[:, None] - of.strengths_M), np.diagonal(of.covariance_MM)
    of_difference_MM = (variance_M[:, None] + variance_M - 2 * of.covariance_MM).clip(min=0)  # Var(s_i - s_j), in nats squared
    return 0.5 * np.log1p(p_MM * (1 - p_MM) * of_difference_MM)


def active_search(models: int, budget: int, rng: Rng) -> Search[np.ndarray]:
    """Spends `budget` comparisons, one a round, and returns wins_MM for `posterior` or `bradley_terry`. Ties in gain are broken by
    `rng`, which also draws who is shown first. Drive it with `search.run_search`."""
    if models < 2 or budget < 0:
        raise InputError(f"there are {models} models and a budget of {budget}; at least 2 and 0")
    wins_MM = np.zeros((models, models))
    first, second = np.triu_indices(models, k=1)
    for _ in range(budget):
        gain_K = information_gain(posterior(wins_MM))[first, second]
        best = rng.choice(np.flatnonzero(gain_K >= gain_K.max() - 1e-12))
        i, j = int(first[best]), int(second[best])
        i, j = (i, j) if rng.integers(2) else (j, i)
        (p,) = yield [(i, j)]
        wins_MM[i, j] += p
        wins_MM[j, i] += 1 - p
    return wins_MM
