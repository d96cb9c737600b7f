"""Which mixture of annotators labels as somebody's own labels do: shares of the members and a flip rate, by maximum likelihood.

The pool of AlpacaFarm (Dubois et al. 2023, arXiv:2305.14387) was set by hand to vary as much as people do; here it is fitted. A
label is that of one member, drawn by its share, or a fair coin's: P(label) = sum_k w_k p_k + w_coin / 2, so a pool that flips with
rate f has w_coin = 2f. The log-likelihood is concave in w, and EM climbs to its top. _N labels, _K members."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.results import Measure
from ...core.seeds import rng_for
from ..intervals.clusters import cluster_index, clustered_mean
from ..intervals.interval import bootstrap_estimate, prompt_counts
from ..win_rates.win_rate import win_rate_from_scores

STEPS = 2000
SETTLED, RESAMPLE_SETTLED = 1e-9, 1e-5
"""The largest change of a weight in a step at which EM has come to rest; a resample starts at the top of the whole."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class PoolFit:
    """shares: of the labels that no noise decides, by member; they sum to 1. None where noise decides all. flip: share of labels
    that are flipped, in [0, 0.5]; 0.5 says that no member tells anything. log_loss: nats per label, held out by prompt; log 2 =
    .693 is a coin's. gain: nats per label over the best single member with a flip rate of its own, both held out. agreement: share
    of held-out labels on the side that the pool finds likelier; half where it finds none."""

    shares: Mapping[str, Estimate]
    flip: Estimate
    log_loss: Estimate
    best_member: str
    gain: Estimate
    agreement: Estimate

    def rows(self) -> list[Measure]:
        """The pool as rows of a result."""
        noise = "labels that noise decides, halved: noise is right by chance half of the time"
        gained = f"per label, over {self.best_member} alone with a flip rate of its own"
        return [
            *[Measure("share of the pool", name, each, "share") for name, each in self.shares.items()],
            Measure("fit", "flip rate", self.flip, "share", noise),
            Measure("held out", "log loss", self.log_loss, "nats", "per label; a coin's is 0.69"),
            Measure("held out", "gain", self.gain, "nats", gained),
            Measure("held out", "agreement", self.agreement, "share", "labels on the side that the pool finds likelier"),
        ]


def fit_pool(
    p_left_by_member: Mapping[str, np.ndarray],
    labels_N: np.ndarray,
    prompts_N: Sequence[Hashable],
    *,
    seed: int = 0,
    resamples: int = 200,
) -> PoolFit:
    """p_left_by_member: name -> probability of left, [N], NaN where it abstained (such items are left out of the fit and counted).
    labels_N: 1 where left was preferred, 0 where right was; ties are left out by the caller. prompts_N: the prompt of each label,
    for folds and intervals. Raises InputError for no member, and for fewer than `FOLDS` prompts with labels."""
    if not p_left_by_member:
        raise InputError("a pool has no members; name at least one annotator")
    names = list(p_left_by_member)
    p_NK = np.stack([np.asarray(p_left_by_member[name], dtype=float) for name in names], axis=1)
    kept_N = np.asarray(np.isfinite(p_NK).all(axis=1))
    missing, labels_N, p_NK = int((~kept_N).sum()), np.asarray(labels_N)[kept_N], p_NK[kept_N]
    prompts = [prompt for prompt, kept in zip(prompts_N, kept_N, strict=True) if kept]
    index = cluster_index(prompts)
    if len(index) < FOLDS:
        raise InputError(f"{len(index)} prompts have a label and every member's verdict; a fit needs at least {FOLDS}")
    places_N = np.array([index[prompt] for prompt in prompts])
    likelihood_NK = np.column_stack([np.where(labels_N[:, None] > 0.5, p_NK, 1 - p_NK), np.full(len(labels_N), 0.5)])
    weights_K = _fitted(likelihood_NK, np.ones((1, len(labels_N))))[0]
    counts_RN = prompt_counts(len(index), resamples, rng_for(seed, "pool fit"))[:, places_N]
    start_K = 0.99 * weights_K + 0.01 / len(weights_K)  # a weight of 0 would stay 0 under EM
    drawn_RK = _fitted(likelihood_NK, counts_RN, start_K, RESAMPLE_SETTLED)

    def estimate(value: float, drawn_R: np.ndarray) -> Estimate:
        return bootstrap_estimate(float(value), drawn_R, len(index), len(prompts), "maximum likelihood", abstentions=missing)

    told, told_R = weights_K[:-1].sum(), np.maximum(drawn_RK[:, :-1].sum(axis=1), 1e-12)
    shares = dict.fromkeys(names, Estimate(None, None, None, len(prompts), "undefined: noise decides every label", missing))
    if told >= 1e-6:
        shares = {name: estimate(weights_K[k] / told, drawn_RK[:, k] / told_R) for k, name in enumerate(names)}
    held_out = _held_out(names, likelihood_NK, places_N, missing, seed)
    return PoolFit(shares, estimate(weights_K[-1] / 2, drawn_RK[:, -1] / 2), *held_out)


def _fitted(
    likelihood_NK: np.ndarray, counts_RN: np.ndarray, start_K: np.ndarray | None = None, settled: float = SETTLED
) -> np.ndarray:
    """Weights [R, K] of each row of label counts, the coin's last, by EM from equal ones or from `start_K`."""
    start_K = np.full(likelihood_NK.shape[1], 1 / likelihood_NK.shape[1]) if start_K is None else start_K
    weights_RK = np.tile(start_K, (len(counts_RN), 1))
    total_R1 = counts_RN.sum(axis=1, keepdims=True)
    for _ in range(STEPS):
        new_RK = weights_RK * ((counts_RN / (weights_RK @ likelihood_NK.T)) @ likelihood_NK) / total_R1
        change, weights_RK = float(np.abs(new_RK - weights_RK).max()), new_RK
        if change < settled:
            break
    return weights_RK


def _held_out(
    names: Sequence[str], likelihood_NK: np.ndarray, places_N: np.ndarray, missing: int, seed: int
) -> tuple[Estimate, str, Estimate, Estimate]:
    """(log-loss, best single member, gain over it, agreement), each label's from a fit that has not seen its prompt."""
    fold_N = (rng_for(seed, "pool folds").permutation(places_N.max() + 1) % FOLDS)[places_N]
    trained_FN = np.array([(fold_N != fold).astype(float) for fold in range(FOLDS)])

    def held_out(likelihood_NK: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nk->n", likelihood_NK, _fitted(likelihood_NK, trained_FN)[fold_N])

    pool_N = held_out(likelihood_NK)
    loss_N = -np.log(np.maximum(pool_N, 1e-12))
    losses_KN = -np.log(np.maximum([held_out(likelihood_NK[:, [k, -1]]) for k in range(len(names))], 1e-12))
    best, clusters = int(losses_KN.mean(axis=1).argmin()), places_N.tolist()
    agrees_N = np.where(np.isclose(pool_N, 0.5), 0.5, (pool_N > 0.5).astype(float))
    gain = clustered_mean(losses_KN[best] - loss_N, clusters)
    return clustered_mean(loss_N, clusters), names[best], gain, win_rate_from_scores(agrees_N, clusters, missing)
