"""CrowdBT (Chen et al. 2013, WSDM): Bradley-Terry strengths and annotator reliability together.

P(worker k says i over j) = eta_k sigmoid(s_i - s_j) + (1 - eta_k) sigmoid(s_j - s_i).

Fitted by EM, each verdict being honest or inverted. Departures: `prior` pseudo-wins each way a pair in place of their virtual item;
a tie is half a win each way; several starts; and where inverting everybody and all strengths changes nothing, workers are taken to
be honest on average, each counted once, however many verdicts it gave. _N verdicts, _M models, _K workers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import prompt_counts
from ..rankings.battles import Battles, win_matrix
from ..rankings.bradley_terry import newton, no_ratings, strength_estimates, undefined
from .consensus import ROUGHLY, TOLERANCE, TRUST, climb, reliability
from .votes import Name


@dataclass(frozen=True, slots=True)
class CrowdRanking:
    """strengths: nats, mean 0, best first. reliability: eta of each worker: 1 honest, 0.5 random, 0 inverted. history: the
    objective (log-posterior, in nats) after each step of the winning start."""

    strengths: Mapping[str, Estimate]
    reliability: Mapping[Name, Estimate]
    history: tuple[float, ...]
    converged: bool


class _State(NamedTuple):
    eta_K: np.ndarray
    strengths_M: np.ndarray


class _Data(NamedTuple):
    of: Battles
    worker_N: np.ndarray
    workers: int
    weight_N: np.ndarray
    prior: float
    smoothing: float


def crowd_bradley_terry(
    of: Battles,
    workers: Sequence[Name],
    seed: int = 0,
    resamples: int = 50,
    *,
    prior: float = 0.1,
    smoothing: float = 0.5,
    restarts: int = 8,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> CrowdRanking:
    """Strengths of models and reliability of workers, with percentile intervals of a bootstrap over prompts. workers: who gave each
    verdict. prior: pseudo-wins each way a pair, > 0. smoothing: pseudo-verdicts, honest and inverted, of each worker, > 0.
    restarts: how many workers are believed in turn, beside all at once. start: (eta_K by sorted worker, strengths_M) instead.
    Strengths are None, and say why, where models were never compared, by any chain."""
    if len(workers) != len(of):
        raise InputError(f"there are {len(of)} verdicts and {len(workers)} workers; name the worker of each verdict")
    if not (prior > 0 and smoothing > 0):
        raise InputError(f"prior is {prior} and smoothing {smoothing}; both are above 0, such as 0.1 and 0.5")
    counts = Counter(workers)
    asked = {name: (counts[name], 0) for name in sorted(counts, key=lambda name: (type(name).__name__, name))}
    met_MM = win_matrix(of) if len(of) else np.zeros((0, 0))
    # who met whom counts both ways: with reliabilities unknown, a verdict may mean its opposite
    if reason := undefined(met_MM + met_MM.T, of.models) if len(of) else "undefined: no verdicts":
        of_workers = {name: Estimate(None, None, None, given, reason) for name, (given, _) in asked.items()}
        return CrowdRanking(no_ratings(of, reason), of_workers, (), False)
    place = {name: k for k, name in enumerate(asked)}
    data = _Data(of, np.array([place[name] for name in workers], dtype=np.intp), len(asked), np.ones(len(of)), prior, smoothing)
    if start is not None:
        begin = [_State(np.asarray(start[0], float), np.asarray(start[1], float))]
    else:  # all workers trusted, then each of those with most verdicts alone, others being random; strengths unknown
        most = np.argsort(-np.bincount(data.worker_N, minlength=len(asked)), kind="stable")[:restarts]
        eta = [np.full(len(asked), TRUST), *(np.where(np.arange(len(asked)) == k, TRUST, 0.5) for k in most)]
        begin = [_State(eta_K, np.zeros(len(of.models))) for eta_K in eta]
    best, early, _ = max((climb(partial(_step, data), each, ROUGHLY) for each in begin), key=lambda fit: fit[1][-1])
    state, late, converged = climb(partial(_step, data), best, TOLERANCE)
    if state.eta_K.mean() < 0.5:
        state = _State(1 - state.eta_K, -state.strengths_M)
    counts_RP = prompt_counts(of.prompts, resamples, rng_for(seed, "crowd bradley-terry"))
    drawn = [_resampled(data._replace(weight_N=counts_P[of.prompts_N]), state) for counts_P in counts_RP]
    how = f"CrowdBT, {len(asked)} workers, best of {len(begin)} starts" + ("" if converged else ", not converged")
    strengths_RM = np.array([each.strengths_M for each in drawn]).reshape(resamples, len(of.models))
    reliabilities = reliability(asked, state.eta_K, [each.eta_K for each in drawn], of.prompts, "prompt", how)
    return CrowdRanking(strength_estimates(of, state.strengths_M, strengths_RM, how), reliabilities, (*early, *late), converged)


def _step(data: _Data, state: _State) -> tuple[_State, float]:
    """One step of EM, and the objective that it reached."""
    of, weight_N = data.of, data.weight_N
    honest_left_N, honest_right_N, _ = _honesty(data, state)
    left_N, right_N = weight_N * of.p_left_N, weight_N * (1 - of.p_left_N)
    given_K = np.bincount(data.worker_N, left_N + right_N, minlength=data.workers) + 2 * data.smoothing
    honest_N = left_N * honest_left_N + right_N * honest_right_N
    eta_K = (np.bincount(data.worker_N, honest_N, minlength=data.workers) + data.smoothing) / given_K
    for_left_N = left_N * honest_left_N + right_N * (1 - honest_right_N)
    many = len(of.models)
    won = np.bincount(of.left_N * many + of.right_N, for_left_N, minlength=many * many)
    lost = np.bincount(of.right_N * many + of.left_N, left_N + right_N - for_left_N, minlength=many * many)
    wins_MM = data.prior * (1 - np.eye(many)) + (won + lost).reshape(many, many)
    following = _State(eta_K, newton(wins_MM[None], state.strengths_M, tolerance=1e-10)[0])
    return following, _honesty(data, following)[2]


def _honesty(data: _Data, state: _State) -> tuple[np.ndarray, np.ndarray, float]:
    """P(honest) of a verdict for left and of one for right, and the objective."""
    of = data.of
    d_N = state.strengths_M[of.left_N] - state.strengths_M[of.right_N]
    honest_N, inverted_N = np.log(state.eta_K)[data.worker_N], np.log1p(-state.eta_K)[data.worker_N]
    left_N = np.logaddexp(honest_N + log_expit(d_N), inverted_N + log_expit(-d_N))
    right_N = np.logaddexp(honest_N + log_expit(-d_N), inverted_N + log_expit(d_N))
    gap_MM = state.strengths_M[:, None] - state.strengths_M
    beliefs = data.prior * (log_expit(gap_MM).sum() - np.trace(log_expit(gap_MM)))
    beliefs += data.smoothing * (np.log(state.eta_K) + np.log1p(-state.eta_K)).sum()
    objective = data.weight_N @ (of.p_left_N * left_N + (1 - of.p_left_N) * right_N) + beliefs
    return np.exp(honest_N + log_expit(d_N) - left_N), np.exp(honest_N + log_expit(-d_N) - right_N), float(objective)


def _resampled(drawn: _Data, state: _State) -> _State:
    found, _, _ = climb(partial(_step, drawn), state, ROUGHLY)
    seen_K = np.bincount(drawn.worker_N, drawn.weight_N, minlength=drawn.workers) > 0
    return _State(np.where(seen_K, found.eta_K, np.nan), found.strengths_M)
