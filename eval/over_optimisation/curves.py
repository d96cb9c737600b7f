"""Gold and proxy reward as a policy is optimised against the proxy, and Gao's laws of how gold turns over (Gao, Schulman & Hilton
2022, arXiv:2210.10760).

With d = sqrt(KL from the initial policy, in nats) and R the gain in gold reward,

    best-of-n:            R = d (a - b d),        peak at d = a / (2 b)
    reinforcement learning: R = d (a - b log d),  peak at d = exp(a / b - 1)

Both are linear in (a, b), so the fit is least squares on R. Departures: intervals, by a bootstrap over prompts; a peak only where
the fit turns over. Also one reward from several reward models, so that what only one of them likes is not worth chasing (Coste et
al. 2023, arXiv:2310.02743), scores_EN: one row a member, one column an answer, on one scale, where `standardised` puts them."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ...policies import closed_form
from ..intervals.clusters import mean_over_seeds
from ..intervals.interval import bootstrap_estimate, prompt_counts


class Law(StrEnum):
    """The form that gold takes as a function of the distance, by optimiser (Gao et al. 2022)."""

    BEST_OF_N = "best-of-n"
    REINFORCEMENT = "reinforcement"


class Point(NamedTuple):
    """One place on the curve. kl: in nats; proxy and gold: mean reward over prompts, in their own units."""

    kl: float
    proxy: Estimate
    gold: Estimate


class GaoFit(NamedTuple):
    """alpha, beta: of the law. peak_kl: nats at which the fitted gold is highest; undefined where the fit does not turn over.
    r_squared: against the mean; None where gold is constant."""

    alpha: Estimate
    beta: Estimate
    peak_kl: Estimate
    r_squared: float | None


def best_of_n_means(proxy_PN: np.ndarray, gold_PN: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(proxy_P, gold_P): expected rewards of the best by proxy of n answers, for each prompt, from N >= n answers to it. The
    unbiased estimator over all subsets (Nakano et al. 2021, arXiv:2112.09332): the answer of proxy rank i from below is the best of
    C(i-1, n-1) of C(N, n) subsets. Answers with equal proxy share their places."""
    proxy_PN, gold_PN = np.asarray(proxy_PN, dtype=float), np.asarray(gold_PN, dtype=float)
    if proxy_PN.shape != gold_PN.shape or proxy_PN.ndim != 2:
        why = f"proxy has shape {proxy_PN.shape} and gold {gold_PN.shape}; both are one row per prompt, one column per answer"
        raise InputError(why)
    if not (np.isfinite(proxy_PN).all() and np.isfinite(gold_PN).all()):
        raise InputError("a reward is undefined; give finite proxy and gold rewards for every answer")
    many = proxy_PN.shape[1]
    if not 1 <= n <= many:
        raise InputError(f"n is {n} and there are {many} answers per prompt; n is between 1 and that")
    below_PN, upto_PN = (np.array([np.searchsorted(np.sort(row), row, side) for row in proxy_PN]) for side in ("left", "right"))
    # all answers of one proxy value together are the best of P(best <= value) - P(best < value), shared alike
    weight_PN = (_all_below(upto_PN, n, many) - _all_below(below_PN, n, many)) / (upto_PN - below_PN)
    return (weight_PN * proxy_PN).sum(axis=1), (weight_PN * gold_PN).sum(axis=1)


def best_of_n_kl(n: int) -> float:
    """KL in nats of the best of n from what it draws from: exact without ties, else an upper bound."""
    return closed_form.best_of_n_kl(n)


def best_of_n_curve(proxy_PN: np.ndarray, gold_PN: np.ndarray, ns: Sequence[int]) -> list[Point]:
    """A point for each n, with t intervals over prompts. Where n is large, give several hundred answers per prompt."""
    means = [best_of_n_means(proxy_PN, gold_PN, n) for n in ns]
    return policy_curve([best_of_n_kl(n) for n in ns], [proxy_P for proxy_P, _ in means], [gold_P for _, gold_P in means])


def policy_curve(kl_K: Sequence[float], proxy_KP: Sequence[np.ndarray], gold_KP: Sequence[np.ndarray]) -> list[Point]:
    """The same for K trained policies: each one's KL in nats, and mean rewards on each prompt."""
    if not len(kl_K) == len(proxy_KP) == len(gold_KP):
        why = f"there are {len(kl_K)} KLs, {len(proxy_KP)} rows of proxy and {len(gold_KP)} of gold; give one of each a policy"
        raise InputError(why)
    return [
        Point(float(kl), mean_over_seeds(np.asarray(proxy)[None]), mean_over_seeds(np.asarray(gold)[None]))
        for kl, proxy, gold in zip(kl_K, proxy_KP, gold_KP, strict=True)
    ]


def gao_fit(
    kl_K: Sequence[float] | np.ndarray, gain_KP: np.ndarray, law: Law, seed: int = 0, resamples: int = 1000, unit: str = "prompt"
) -> GaoFit:
    """kl_K: nats, 0 or more. gain_KP: gold reward less the initial policy's, one row per place on the curve, one column per prompt
    (or per `unit`, as `how` then says). Percentiles over prompts, drawn for the whole curve at once. Undefined with fewer than 2
    different KLs above 0 (the law is 0 at 0)."""
    kl_K, gain_KP = np.asarray(kl_K, dtype=float), np.asarray(gain_KP, dtype=float)
    if gain_KP.ndim != 2 or len(kl_K) != len(gain_KP):
        raise InputError(f"there are {len(kl_K)} KLs and gains of shape {gain_KP.shape}; give one row a KL and one column a prompt")
    if not ((kl_K >= 0).all() and np.isfinite(kl_K).all() and np.isfinite(gain_KP).all()):
        raise InputError("a KL is negative or a number undefined; KL is in nats, 0 or more, and gains are finite")
    above_K, prompts = kl_K > 0, gain_KP.shape[1]
    if len(np.unique(kl_K[above_K])) < 2 or not prompts:
        why = f"undefined: {len(np.unique(kl_K[above_K]))} KLs above 0 and {prompts} {unit}s; the fit needs 2 and 1"
        nothing = Estimate(None, None, None, len(kl_K), why)
        return GaoFit(nothing, nothing, nothing, None)
    d_K = np.sqrt(kl_K[above_K])
    design_K2 = np.stack([d_K, -(d_K**2) if law is Law.BEST_OF_N else -d_K * np.log(d_K)], axis=1)
    solve_2K = np.linalg.pinv(design_K2)
    mean_K = gain_KP[above_K].mean(axis=1)
    fitted_2 = solve_2K @ mean_K
    counts_RP = prompt_counts(prompts, resamples, rng_for(seed, "gao")) / prompts
    drawn_R2 = counts_RP @ gain_KP[above_K].T @ solve_2K.T
    peaks = [peak_kl(float(a), float(b), law) for a, b in (fitted_2, *drawn_R2)]
    columns = zip((*fitted_2, peaks[0]), (*drawn_R2.T, np.array(peaks[1:], dtype=float)), strict=True)
    how = f"{law} law, least squares on {len(d_K)} points"
    alpha, beta, highest = (
        Estimate(None, None, None, len(d_K), f"undefined: the {law} fit does not turn over")
        if value is None
        else bootstrap_estimate(float(value), drawn_R, prompts, len(d_K), how, unit=unit)
        for value, drawn_R in columns
    )
    spread = float(((mean_K - mean_K.mean()) ** 2).sum())
    r_squared = 1 - float(((mean_K - design_K2 @ fitted_2) ** 2).sum()) / spread if spread > 0 else None
    return GaoFit(alpha, beta, highest, r_squared)


def peak_kl(alpha: float, beta: float, law: Law) -> float | None:
    """KL in nats at which d (a - b d) or d (a - b log d) is highest; None where it rises for ever or falls at once."""
    if beta <= 0 or (law is Law.BEST_OF_N and alpha <= 0):
        return None
    log_d = math.log(alpha / (2 * beta)) if law is Law.BEST_OF_N else alpha / beta - 1
    return math.exp(2 * log_d) if log_d < 350 else None  # e to twice this is about the largest float


def _all_below(count_PN: np.ndarray, n: int, many: int) -> np.ndarray:
    """P(all n of a random subset are among these `count`) = C(count, n)/C(many, n)."""
    safe = np.maximum(count_PN, n)
    log_share = gammaln(safe + 1) - gammaln(safe - n + 1) - gammaln(many + 1) + gammaln(many - n + 1)
    return np.where(count_PN >= n, np.exp(log_share), 0.0)


def mean_reward(scores_EN: np.ndarray) -> np.ndarray:
    """rewards_N: the members' mean."""
    return _checked(scores_EN).mean(axis=0)


def worst_case_reward(scores_EN: np.ndarray) -> np.ndarray:
    """rewards_N: the lowest member's (worst-case optimisation, WCO)."""
    return _checked(scores_EN).min(axis=0)


def uncertainty_weighted_reward(scores_EN: np.ndarray, penalty: float = 0.1) -> np.ndarray:
    """rewards_N: mean - penalty * variance over members (UWO). penalty: per unit of reward, 0 or more; 0 is the mean."""
    if not penalty >= 0:
        raise InputError(f"the penalty is {penalty}; it is 0 or more")
    scores_EN = _checked(scores_EN)
    return scores_EN.mean(axis=0) - penalty * scores_EN.var(axis=0)


def standardised(scores_EN: np.ndarray, reference_EN: np.ndarray) -> np.ndarray:
    """Each member's scores less its mean on reference answers, over its spread there. InputError for a member without spread."""
    scores_EN, reference_EN = _checked(scores_EN), _checked(reference_EN)
    if len(scores_EN) != len(reference_EN):
        raise InputError(f"there are {len(scores_EN)} members here and {len(reference_EN)} in the reference; give the same")
    spread_E = reference_EN.std(axis=1)
    if not (spread_E > 0).all():
        raise InputError(f"member {int(np.flatnonzero(spread_E == 0)[0])} scores every reference answer alike; leave it out")
    return (scores_EN - reference_EN.mean(axis=1, keepdims=True)) / spread_E[:, None]


def _checked(scores_EN: np.ndarray) -> np.ndarray:
    scores_EN = np.asarray(scores_EN, dtype=float)
    if scores_EN.ndim != 2 or not len(scores_EN) or not np.isfinite(scores_EN).all():
        raise InputError(f"scores have shape {scores_EN.shape}; give one row of finite scores a member, one column an answer")
    return scores_EN
