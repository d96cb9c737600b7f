"""Logistic regression on soft labels with an L1 penalty, many small problems at once: a proximal Newton method (Lee, Sun & Saunders
2014, arXiv:1206.1623), and the choice of the penalty by cross-validation on the soft log-loss.

One row is one soft label, where AlpacaEval doubles each row into a weighted win and a weighted loss (same objective). Solved to the
optimum, where liblinear stops early. All problems share their rows and differ in row weights and penalty: folds, penalties and
bootstrap resamples are one call each.

Shapes: _B problems, _N rows, _K features."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from threadpoolctl import ThreadpoolController

from ...core.errors import InputError

STEPS = 100
SWEEPS = 500
CELLS = 250_000  # numbers of problems x rows worked on at once, so that they stay in the cache


def fit_soft_logistic(
    x_NK: np.ndarray,
    y_N: np.ndarray,
    weights_BN: np.ndarray,
    penalty_B: np.ndarray,
    start_BK: np.ndarray | None = None,
    tol: float = 1e-8,
) -> np.ndarray:
    """Weights theta [B, K] that minimise sum_n w_n * logloss(y_n, sigmoid(x_n . theta)) + penalty * |theta|_1. y_N in [0, 1];
    penalty > 0 (liblinear's 1/C), which keeps the optimum finite where labels are separable. start_BK: where to start, 0 for None;
    it changes the time and not the answer. `tol` bounds the last Newton step, in log-odds a unit of a feature."""
    start_BK = np.zeros((len(penalty_B), x_NK.shape[1])) if start_BK is None else start_BK
    some = max(1, CELLS // max(1, len(y_N)))
    with _threads().limit(limits=1, user_api="blas"):
        of = _Problems(x_NK, (weights_BN * y_N) @ x_NK, weights_BN, penalty_B)
        places = [np.arange(at, min(at + some, len(penalty_B))) for at in range(0, len(penalty_B), some)]
        parts = [_fit(of.only(some_B), start_BK[some_B], tol) for some_B in places]
    return np.concatenate(parts) if parts else start_BK


def choose_penalty(
    x_NK: np.ndarray, y_N: np.ndarray, weights_N: np.ndarray, folds_N: np.ndarray, penalties_C: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """(place, loss_C, theta_CK): the place of the penalty whose held-out weighted soft log-loss, a mean over each fold's rows
    summed over folds, is least (the first wins a tie), that loss of each penalty, and the weights that all rows give at each."""
    theta_CK = fit_soft_logistic(x_NK, y_N, np.tile(weights_N, (len(penalties_C), 1)), penalties_C)
    folds = np.unique(folds_N)
    held_BN = np.repeat(folds_N == folds[:, None], len(penalties_C), axis=0)
    start_BK, penalties_B = np.tile(theta_CK, (len(folds), 1)), np.tile(penalties_C, len(folds))
    theta_BK = fit_soft_logistic(x_NK, y_N, np.where(held_BN, 0.0, weights_N), penalties_B, start_BK, tol=1e-5)
    loss_C = np.zeros(len(penalties_C))
    for fold, theta_of_fold_CK in zip(folds, theta_BK.reshape(len(folds), *theta_CK.shape), strict=True):
        rows = folds_N == fold
        eta_CN = theta_of_fold_CK @ x_NK[rows].T
        loss_C += (weights_N[rows] * (np.logaddexp(0, eta_CN) - y_N[rows] * eta_CN)).mean(axis=1)
    return int(loss_C.argmin()), loss_C, theta_CK


def leave_one_out_penalty(
    x_NK: np.ndarray, y_N: np.ndarray, weights_N: np.ndarray, penalties_C: np.ndarray
) -> tuple[int, np.ndarray]:
    """(place, loss_C): as `choose_penalty` with a fold per row, and so with no draw of folds to depend on. Each row's log-odds
    without it are those after one Newton step from the fit of all rows, on the weights that are not 0 (Rad & Maleki 2020,
    arXiv:1801.10243): eta_i + w_i q_i (p_i - y_i) / (1 - w_i v_i q_i), q_i = x_i' H^-1 x_i, v_i = p_i (1 - p_i)."""
    theta_CK = fit_soft_logistic(x_NK, y_N, np.tile(weights_N, (len(penalties_C), 1)), penalties_C)
    loss_C = np.zeros(len(penalties_C))
    for c, theta_K in enumerate(theta_CK):
        active_NK, eta_N = x_NK[:, theta_K != 0], x_NK @ theta_K
        p_N = expit(eta_N)
        curve_N = weights_N * p_N * (1 - p_N)
        hessian_KK = active_NK.T @ (active_NK * curve_N[:, None])
        firm_KK = hessian_KK + np.diag(1e-9 * np.diagonal(hessian_KK) + 1e-12)
        reach_N = (active_NK * np.linalg.solve(firm_KK, active_NK.T).T).sum(axis=1)
        eta_N = eta_N + reach_N * weights_N * (p_N - y_N) / np.maximum(1 - curve_N * reach_N, 1e-6)
        loss_C[c] = (weights_N * (np.logaddexp(0, eta_N) - y_N * eta_N)).mean()
    return int(loss_C.argmin()), loss_C


def one_step_refits(x_NK: np.ndarray, y_N: np.ndarray, weights_BN: np.ndarray, penalty: float, theta_K: np.ndarray) -> np.ndarray:
    """Weights [B, K] after one Newton step from theta_K, the optimum of nearly the same rows, to that of each problem. The one-step
    bootstrap (Shao & Tu 1995, ch. 5.4.6): its error is of the order of 1/N, a hundredth of the standard error that it measures, and
    it costs two matrix products in place of a fit a resample."""
    p_N = expit(x_NK @ theta_K)
    curves_NKK = (p_N * (1 - p_N))[:, None, None] * x_NK[:, :, None] * x_NK[:, None, :]
    with _threads().limit(limits=1, user_api="blas"):
        gradient_BK = weights_BN @ ((p_N - y_N)[:, None] * x_NK)
        hessian_BKK = (weights_BN @ curves_NKK.reshape(len(x_NK), -1)).reshape(-1, len(theta_K), len(theta_K))
    theta_BK = np.tile(theta_K, (len(weights_BN), 1))
    return theta_BK + _newton_step(gradient_BK, hessian_BKK, np.full(len(theta_BK), penalty), theta_BK)


@cache
def _threads() -> ThreadpoolController:
    """Holds the matrix products to one thread: they are thin, and a second thread spends more in waiting than it saves."""
    return ThreadpoolController()


class _Problems(NamedTuple):
    """Problems on the same rows. pull_BK: the part of the gradient that no step changes."""

    x_NK: np.ndarray
    pull_BK: np.ndarray
    weights_BN: np.ndarray
    penalty_B: np.ndarray

    def only(self, which_B: np.ndarray) -> _Problems:
        return _Problems(self.x_NK, self.pull_BK[which_B], self.weights_BN[which_B], self.penalty_B[which_B])

    def loss(self, theta_BK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(penalised loss [B], probability [B, N])."""
        eta_BN = theta_BK @ self.x_NK.T
        small_BN = np.exp(-np.abs(eta_BN))
        softplus_BN = np.maximum(eta_BN, 0) + np.log1p(small_BN)
        p_BN = np.where(eta_BN >= 0, 1.0, small_BN) / (1 + small_BN)
        loss_B = np.einsum("bn,bn->b", self.weights_BN, softplus_BN) - (self.pull_BK * theta_BK).sum(axis=1)
        return loss_B + self.penalty_B * np.abs(theta_BK).sum(axis=1), p_BN


def _fit(of: _Problems, theta_BK: np.ndarray, tol: float) -> np.ndarray:
    features = of.x_NK.shape[1]
    products_NKK = (of.x_NK[:, :, None] * of.x_NK[:, None, :]).reshape(-1, features * features)
    found_BK, live_B = theta_BK.copy(), np.arange(len(theta_BK))
    loss_B, p_BN = of.loss(theta_BK)
    for _ in range(STEPS):
        gradient_BK = (of.weights_BN * p_BN) @ of.x_NK - of.pull_BK
        hessian_BKK = ((of.weights_BN * p_BN * (1 - p_BN)) @ products_NKK).reshape(-1, features, features)
        step_BK = _newton_step(gradient_BK, hessian_BKK, of.penalty_B, theta_BK)
        gain_B = (np.abs(theta_BK + step_BK) - np.abs(theta_BK)).sum(axis=1)
        promised_B = (gradient_BK * step_BK).sum(axis=1) + of.penalty_B * gain_B
        theta_BK, loss_B, p_BN = _descend(of, theta_BK, step_BK, loss_B, promised_B)
        found_BK[live_B] = theta_BK
        going_B = np.abs(step_BK).max(axis=1) > tol
        if not going_B.any():
            return found_BK
        if not going_B.all():
            of = of.only(going_B)
            live_B, theta_BK, loss_B, p_BN = (each[going_B] for each in (live_B, theta_BK, loss_B, p_BN))
    raise InputError(f"logistic regression did not converge in {STEPS} steps; its features are of very different scales")


def _newton_step(gradient_BK: np.ndarray, hessian_BKK: np.ndarray, penalty_B: np.ndarray, theta_BK: np.ndarray) -> np.ndarray:
    """The step that minimises the quadratic model plus the penalty: solved outright where the signs that it ends with are those
    that it assumed, by coordinate descent elsewhere (where a weight is 0)."""
    firm_BKK = hessian_BKK.copy()
    diagonal = np.arange(theta_BK.shape[1])
    firm_BKK[:, diagonal, diagonal] += 1e-9 * hessian_BKK[:, diagonal, diagonal] + 1e-12
    penalty_B1 = penalty_B[:, None]
    first_BK = _solve(firm_BKK, gradient_BK + penalty_B1 * np.sign(theta_BK))
    sign_BK = np.sign(theta_BK - first_BK)
    step_BK = -_solve(firm_BKK, gradient_BK + penalty_B1 * sign_BK)
    rest_B = (np.sign(theta_BK + step_BK) != sign_BK).any(axis=1)
    if rest_B.any():
        step_BK[rest_B] = _descend_by_coordinate(*(each[rest_B] for each in (gradient_BK, firm_BKK, penalty_B, theta_BK)))
    return step_BK


def _solve(left_BKK: np.ndarray, right_BK: np.ndarray) -> np.ndarray:
    return np.linalg.solve(left_BKK, right_BK[:, :, None])[:, :, 0]


def _descend_by_coordinate(
    gradient_BK: np.ndarray, hessian_BKK: np.ndarray, penalty_B: np.ndarray, theta_BK: np.ndarray
) -> np.ndarray:
    step_BK, slope_BK = np.zeros_like(theta_BK), gradient_BK.copy()  # slope: gradient + hessian @ step
    curvature_BK = np.einsum("bkk->bk", hessian_BKK)
    first = 0.0
    for _ in range(SWEEPS):
        largest = 0.0
        for k in range(theta_BK.shape[1]):
            now_B = theta_BK[:, k] + step_BK[:, k]
            aim_B = now_B - slope_BK[:, k] / curvature_BK[:, k]
            move_B = np.sign(aim_B) * np.maximum(np.abs(aim_B) - penalty_B / curvature_BK[:, k], 0) - now_B
            step_BK[:, k] += move_B
            slope_BK += hessian_BKK[:, :, k] * move_B[:, None]
            largest = max(largest, float(np.abs(move_B).max()))
        first = first or largest
        if largest <= 1e-4 * first:  # the next Newton step mends the rest
            break
    return step_BK


def _descend(
    of: _Problems, theta_BK: np.ndarray, step_BK: np.ndarray, loss_B: np.ndarray, promised_B: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(theta, loss, probability) after the step, halved for each problem until its loss falls enough (Armijo)."""
    size_B, next_BK = np.ones(len(loss_B)), theta_BK + step_BK
    next_B, p_BN = of.loss(next_BK)
    for _ in range(40):
        short_B = next_B > loss_B + 1e-4 * size_B * promised_B + 1e-12 * np.abs(loss_B) + 1e-12
        if not short_B.any():
            break
        size_B[short_B] /= 2
        next_BK = theta_BK + size_B[:, None] * step_BK
        next_B, p_BN = of.loss(next_BK)
    return next_BK, next_B, p_BN
