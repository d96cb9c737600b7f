"""What can be computed instead of sampled when answers are finite: value, KL, win rate, best-of-n, optima.

Pure numpy. _M answers to a prompt, _D features, _N pairs; `...` before _M is any number of prompts. A policy is a row of
probabilities that sums to one; utilities and rewards are in nats; `preference_MM[a, b]` is P(a preferred to b)."""

import math

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, rel_entr, softmax

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
    several favourites is taken). arXiv:2009.01325, made explicit in arXiv:2401.01879."""
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
    if n < 1:
        raise InputError(f"n is {n}; the best is taken of 1 or more")
    return math.log(n) - (n - 1) / n


def regularised_optimum(reference_M: np.ndarray, reward_M: np.ndarray, beta: float) -> np.ndarray:
    """argmax of E[reward] - beta KL(policy || reference): reference * exp(reward / beta), normalised. beta: > 0."""
    if not beta > 0.0:
        raise InputError(f"beta is {beta}; the weight of the KL penalty is more than 0")
    with np.errstate(divide="ignore"):
        return softmax(np.log(reference_M) + reward_M / beta, axis=-1)


def fit_bradley_terry(differences_ND: np.ndarray, p_left_N: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Weights w [D] that maximise the likelihood of P(left) = sigmoid(w . (features_left - features_right)).

    p_left_N: labels in [0, 1]; probabilities give the fit to infinitely many labels of each pair. ridge: penalty
    ridge / 2 * |w|^2 on the mean loss, >= 0; separable data need one above 0, or the weights run away. Raises where L-BFGS
    leaves a gradient above 1e-6."""

    def loss(weights_D: np.ndarray) -> tuple[float, np.ndarray]:
        margins_N = differences_ND @ weights_D
        value = np.mean(np.logaddexp(0.0, margins_N) - p_left_N * margins_N) + ridge / 2 * weights_D @ weights_D
        slope_D = differences_ND.T @ (expit(margins_N) - p_left_N) / len(margins_N) + ridge * weights_D
        return float(value), slope_D

    start_D = np.zeros(differences_ND.shape[1])
    found = minimize(loss, start_D, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 0.0, "gtol": 1e-9})
    if not np.abs(loss(found.x)[1]).max() < 1e-6:
        failed = f"the Bradley-Terry fit to {len(p_left_N)} pairs did not converge ({found.message})"
        raise PastureError(f"{failed}; if the pairs are separable, give a ridge above 0")
    return found.x
