"""What can be computed instead of sampled when answers are finite: value, KL, win rate, best-of-n, optima, equilibria.

Pure numpy. _M answers to a prompt, _D features, _N pairs; `...` before _M is any number of prompts. A policy is a row of
probabilities that sums to one; utilities and rewards are in nats; `preference_MM[a, b]` is P(a preferred to b).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linprog, minimize
from scipy.special import expit, log_softmax, rel_entr, softmax

from ..core.errors import InputError, PastureError


def expected_value(policy_M: np.ndarray, utility_M: np.ndarray) -> np.ndarray:
    """E[utility] under the policy, shape [...]."""
    return (policy_M * utility_M).sum(-1)


def kl_divergence(policy_M: np.ndarray, reference_M: np.ndarray) -> np.ndarray:
    """KL(policy || reference) in nats, shape [...], >= 0; infinite where the policy says what the reference never does."""
    return rel_entr(policy_M, reference_M).sum(-1)


def preference_matrix(utility_M: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Bradley-Terry sigmoid((u_a - u_b) / temperature), shape [..., M, M]. temperature: in nats, > 0."""
    return expit((utility_M[..., :, None] - utility_M[..., None, :]) / temperature)


def win_rate(policy_M: np.ndarray, rival_M: np.ndarray, preference_MM: np.ndarray) -> np.ndarray:
    """Probability that an answer of `policy` is preferred to one of `rival`, shape [...]. A fixed answer is a one-hot rival."""
    return np.einsum("...a,...ab,...b->...", policy_M, preference_MM, rival_M)


def best_of_n(reference_M: np.ndarray, proxy_M: np.ndarray, n: int) -> np.ndarray:
    """Distribution of the proxy's favourite of n reference samples, shape [..., M].

    With C(y) the reference's mass at or below y's proxy and p(y) the mass exactly there, a level is chosen with probability
    C^n - (C - p)^n, and answers that tie on the proxy share their level's in proportion to the reference (the first of
    several favourites is taken). arXiv:2009.01325, made explicit in arXiv:2401.01879.
    """
    if n < 1:
        raise InputError(f"best-of-n was asked for n = {n}; n is at least 1")
    below_MM = proxy_M[..., None, :] < proxy_M[..., :, None]
    level_MM = proxy_M[..., None, :] == proxy_M[..., :, None]
    below_M = (below_MM * reference_M[..., None, :]).sum(-1)
    level_M = (level_MM * reference_M[..., None, :]).sum(-1)
    share_M = np.divide(reference_M, level_M, out=np.zeros_like(level_M), where=level_M > 0)
    chosen_M = share_M * ((below_M + level_M) ** n - below_M**n)
    return chosen_M / chosen_M.sum(-1, keepdims=True)


def best_of_n_kl(n: int) -> float:
    """log n - (n - 1) / n nats: the KL of best-of-n from its reference where no answer has mass near 1/n, else an upper bound."""
    return math.log(n) - (n - 1) / n


def regularised_optimum(reference_M: np.ndarray, reward_M: np.ndarray, beta: float) -> np.ndarray:
    """argmax of E[reward] - beta KL(policy || reference): reference * exp(reward / beta), normalised. beta: > 0."""
    _check_beta(beta)
    with np.errstate(divide="ignore"):
        return softmax(np.log(reference_M) + reward_M / beta, axis=-1)


def exploitability(policy_M: np.ndarray, preference_MM: np.ndarray) -> np.ndarray:
    """How much more than half the best answer to the policy wins, shape [...], >= 0; 0 at a Nash equilibrium."""
    return np.einsum("...ab,...b->...a", preference_MM, policy_M).max(-1) - 0.5


def nash_equilibrium(preference_MM: np.ndarray) -> np.ndarray:
    """A policy [M] that no answer beats with probability above one half (the maximal lottery), by linear programming."""
    _check_preferences(preference_MM)
    m = len(preference_MM)
    found = linprog(
        c=np.append(np.zeros(m), -1.0),  # maximise v, where every column b gives sum_a policy_a preference_ab >= v
        A_ub=np.column_stack([-preference_MM.T, np.ones(m)]),
        b_ub=np.zeros(m),
        A_eq=np.append(np.ones(m), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, 1.0)] * m + [(None, None)],
    )
    if not found.success:
        raise PastureError(f"the linear program of a {m} x {m} preference game was not solved: {found.message}")
    policy_M = np.clip(found.x[:m], 0.0, None)
    return policy_M / policy_M.sum()


def regularised_nash_equilibrium(
    preference_MM: np.ndarray, reference_M: np.ndarray, beta: float, tolerance: float = 1e-10, steps: int = 100_000
) -> np.ndarray:
    """The fixed point policy ∝ reference * exp(preference_MM @ policy / beta), shape [M] (Munos et al. 2023, arXiv:2312.00886).

    Found by extragradient steps, which converge linearly, where the paper's mirror descent needs a step that falls as 1/t and
    converges as slowly. beta: weight of the KL, > 0; below .01 the exponent leaves float64. Raises where `steps` do not bring
    the fixed point's residual under `tolerance`.
    """
    _check_beta(beta)
    _check_preferences(preference_MM)
    step = 1.0 / (beta + 2.0)  # payoffs lie in [0, 1], so the game's gradient is Lipschitz with constant below 2
    with np.errstate(divide="ignore"):
        prior_M = np.log(reference_M)
    logs_M, policy_M = prior_M, np.asarray(reference_M, dtype=float)
    for _ in range(steps):
        kept_M = (1.0 - step * beta) * logs_M + step * beta * prior_M
        ahead_M = softmax(kept_M + step * preference_MM @ policy_M)
        logs_M = log_softmax(kept_M + step * preference_MM @ ahead_M)
        policy_M = np.exp(logs_M)
        if np.abs(softmax(prior_M + preference_MM @ policy_M / beta) - policy_M).max() < tolerance:
            return policy_M
    raise PastureError(f"no regularised equilibrium within {tolerance} after {steps} steps at beta {beta}; use a larger beta")


def fit_bradley_terry(differences_ND: np.ndarray, p_left_N: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Weights w [D] that maximise the likelihood of P(left) = sigmoid(w . (features_left - features_right)).

    p_left_N: labels in [0, 1]; probabilities give the fit to infinitely many labels of each pair. ridge: penalty
    ridge / 2 * |w|^2 on the mean loss, >= 0; separable data need one above 0, or the weights run away. Raises where L-BFGS
    leaves a gradient above 1e-6.
    """

    def loss(weights_D: np.ndarray) -> tuple[float, np.ndarray]:
        margins_N = differences_ND @ weights_D
        value = np.mean(np.logaddexp(0.0, margins_N) - p_left_N * margins_N) + ridge / 2 * weights_D @ weights_D
        slope_D = differences_ND.T @ (expit(margins_N) - p_left_N) / len(margins_N) + ridge * weights_D
        return float(value), slope_D

    start_D = np.zeros(differences_ND.shape[1])
    found = minimize(loss, start_D, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 0.0, "gtol": 1e-9})
    if not np.abs(loss(found.x)[1]).max() < 1e-6:
        raise PastureError(
            f"the Bradley-Terry fit to {len(p_left_N)} pairs did not converge ({found.message}); if the pairs are separable, "
            "give a ridge above 0"
        )
    return found.x


def _check_beta(beta: float) -> None:
    if not beta > 0.0:
        raise InputError(f"beta is {beta}; the weight of the KL penalty is more than 0")


def _check_preferences(preference_MM: np.ndarray) -> None:
    if preference_MM.ndim != 2 or not np.allclose(preference_MM + preference_MM.T, 1.0):
        raise InputError(
            f"a preference matrix of shape {preference_MM.shape} is not a game: it is square, and P(a over b) + P(b over a) is 1"
        )
