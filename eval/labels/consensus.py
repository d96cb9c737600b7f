"""What aggregation returns, and what its models share: several starts, the best likelihood, a bootstrap over items.

Expectation-maximisation (Dempster, Laird & Rubin 1977) climbs to a local maximum. One start is the shares of votes; the others
believe one worker each, so that spammers around the first start do not decide. _W workers, _I items, _L labels, _V votes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import numpy as np
from scipy.special import logsumexp

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import bootstrap_estimate
from ..win_rates.win_rate import share_of
from .votes import Name, Votes

TOLERANCE, ROUGHLY, MOST_STEPS = 1e-9, 1e-6, 2000
"""Gain of the objective, as a part of itself, at which a fit and a resample of it have converged."""
TRUST = 0.9  # weight that a start gives to the label of the worker whom it believes; the vote shares have the rest


@dataclass(frozen=True, slots=True)
class Consensus:
    """Labels of items, and how far each worker can be relied on. posterior_IL: probability of each label of each item; an item
    without votes has the prior's. label: the likeliest, None where two are or nobody voted. reliability: each worker's accuracy on
    an item drawn at random. history: the objective after each step of the winning start (log-likelihood, nats, plus a log
    prior)."""

    method: str
    items: tuple[Name, ...]
    labels: tuple[Name, ...]
    posterior_IL: np.ndarray
    label: Mapping[Name, Name | None]
    reliability: Mapping[Name, Estimate]
    prior_L: np.ndarray
    votes: int
    abstentions: int
    how: str
    history: tuple[float, ...] = ()
    converged: bool = True
    details: Mapping[str, np.ndarray] = field(default_factory=dict)


class LabelFit(NamedTuple):
    """One start's end. details: the model's own parameters, by name."""

    posterior_IL: np.ndarray
    accuracy_W: np.ndarray
    prior_L: np.ndarray
    history: tuple[float, ...]
    converged: bool
    details: Mapping[str, np.ndarray]


Model = Callable[[Votes, np.ndarray, np.ndarray, float], LabelFit]
"""(votes, weight_I of each item, start posterior_IL, tolerance of `climb`) -> fit."""


class LabelOptions(TypedDict, total=False):
    """What every label model takes, as `fitted` describes it."""

    restarts: int
    resamples: int
    seed: int
    start_IL: np.ndarray | None


def fitted(
    of: Votes,
    model: Model,
    method: str,
    settle: Callable[[LabelFit], LabelFit],
    restarts: int = 8,
    resamples: int = 200,
    seed: int = 0,
    start_IL: np.ndarray | None = None,
) -> Consensus:
    """The best fit over the starts, its workers with percentile intervals of a bootstrap over items. settle: chooses among
    labellings that the likelihood cannot tell apart. restarts: how many workers are believed in turn, those with most votes first.
    start_IL: this one start instead. resamples: 0 for no interval."""
    check_votes(of)
    every_I = np.ones(len(of.items))
    begin = starts(of, restarts) if start_IL is None else [_checked_start(of, start_IL)]
    best = settle(max((model(of, every_I, each, TOLERANCE) for each in begin), key=lambda fit: fit.history[-1]))
    rng = rng_for(seed, "consensus", method)
    drawn = [
        model(of, rng.multinomial(len(of.items), every_I / len(of.items)).astype(float), best.posterior_IL, ROUGHLY).accuracy_W
        for _ in range(resamples)
    ]
    how = f"{method}, best of {len(begin)} starts" + ("" if best.converged else ", not converged")
    asked = {name: (int(given), of.abstained[name]) for name, given in zip(of.workers, of.per_worker(), strict=True)}
    return Consensus(
        method, of.items, of.labels, best.posterior_IL, chosen(of, best.posterior_IL),
        reliability(asked, best.accuracy_W, drawn, len(of.items), "item", how), best.prior_L, len(of), of.abstentions, how,
        best.history, best.converged, best.details,
    )  # fmt: skip


def reliability(
    asked: Mapping[Name, tuple[int, int]], accuracy_W: np.ndarray, drawn: Sequence[np.ndarray], clusters: int, unit: str, how: str
) -> dict[Name, Estimate]:
    """Each worker's accuracy with percentiles of its resamples, of which those without a label of the worker say nothing. asked:
    how often each worker gave a label, and abstained."""
    drawn_RW, found = np.array(drawn).reshape(len(drawn), len(asked)), {}
    for w, (name, (given, abstained)) in enumerate(asked.items()):
        found[name] = Estimate(None, None, None, 0, "undefined: this worker gave no label", abstained)
        if given:
            value, drawn_R = float(accuracy_W[w]), drawn_RW[np.isfinite(drawn_RW[:, w]), w]
            found[name] = bootstrap_estimate(value, drawn_R, clusters, given, how, unit=unit, around=True, abstentions=abstained)
    return found


def climb(step: Callable[[Any], tuple[Any, float]], state: Any, tolerance: float) -> tuple[Any, list[float], bool]:
    """Repeats `step` (state -> next state, objective that it reached) until the objective gains less than `tolerance` of itself.
    Returns the last state, the objective after each step, and whether it got there within 2000 steps."""
    history: list[float] = []
    for _ in range(MOST_STEPS):
        state, objective = step(state)
        history.append(objective)
        if len(history) > 1 and history[-1] - history[-2] <= tolerance * (1 + abs(history[-1])):
            return state, history, True
    return state, history, False


def climb_em(
    maximise: Callable[..., tuple[np.ndarray, ...]],
    log_joint: Callable[..., np.ndarray],
    beliefs: Callable[..., float],
    weight_I: np.ndarray,
    start: tuple[np.ndarray, ...],
    tolerance: float,
) -> tuple[np.ndarray, tuple[np.ndarray, ...], tuple[tuple[float, ...], bool]]:
    """Expectation-maximisation from `start`, a posterior_IL and any parameters: maximise(posterior_IL, *parameters) -> parameters,
    log_joint(*parameters) -> log P(label, votes) of each item, [I, L], beliefs(*parameters) -> log of their prior. Returns
    (posterior_IL, parameters, (the objective after each step, whether it converged))."""

    def step(state: tuple[np.ndarray, ...]) -> tuple[tuple[np.ndarray, ...], float]:
        parameters = maximise(*state)
        posterior_IL, likelihood = label_posterior(log_joint(*parameters), weight_I)
        return (posterior_IL, *parameters), likelihood + float(beliefs(*parameters))

    state, history, converged = climb(step, start, tolerance)
    parameters = maximise(*state)
    return label_posterior(log_joint(*parameters), weight_I)[0], parameters, (tuple(history), converged)


def log_joint_of_coins(of: Votes, prior_L: np.ndarray, right_V: np.ndarray, wrong_V: np.ndarray) -> np.ndarray:
    """log P(label, votes) of each item, [I, L], where a vote is right or wrong with these log-probabilities; errors are even."""
    wrong_V = wrong_V - np.log(len(of.labels) - 1)
    cell_V = of.item_V * len(of.labels) + of.label_V
    gains_IL = np.bincount(cell_V, right_V - wrong_V, minlength=len(of.items) * len(of.labels)).reshape(-1, len(of.labels))
    return np.log(prior_L) + gains_IL + np.bincount(of.item_V, wrong_V, minlength=len(of.items))[:, None]


def seen(of: Votes, weight_I: np.ndarray) -> np.ndarray:
    """Whether each worker gave a label to an item with weight, [W]."""
    return np.bincount(of.worker_V, weight_I[of.item_V], minlength=len(of.workers)) > 0


def starts(of: Votes, restarts: int) -> list[np.ndarray]:
    """Posteriors to start from: the shares of votes, and those shares with one worker believed."""
    shares_IL = vote_shares(of)
    found = [shares_IL]
    order = np.argsort(-of.per_worker(), kind="stable")[:restarts]
    for worker in order:
        said_IL = of.counts_IL(of.worker_V == worker)
        total_I1 = said_IL.sum(axis=1, keepdims=True)
        trusted_IL = TRUST * said_IL / np.maximum(total_I1, 1) + (1 - TRUST) * shares_IL
        found.append(np.where(total_I1 > 0, trusted_IL, shares_IL))
    return found


def vote_shares(of: Votes) -> np.ndarray:
    """Share of each item's votes, [I, L]; even where there is none."""
    counts_IL = of.counts_IL()
    total_I1 = counts_IL.sum(axis=1, keepdims=True)
    return np.where(total_I1 > 0, counts_IL / np.maximum(total_I1, 1), 1 / len(of.labels))


def label_posterior(log_joint_IL: np.ndarray, weight_I: np.ndarray) -> tuple[np.ndarray, float]:
    """(posterior_IL, weighted log-likelihood) from log P(label, votes) of each item."""
    evidence_I: Any = logsumexp(log_joint_IL, axis=1)
    return np.exp(log_joint_IL - evidence_I[:, None]), float(weight_I @ evidence_I)


def chosen(of: Votes, posterior_IL: np.ndarray) -> dict[Name, Name | None]:
    """The likeliest label of each item; None where two are likeliest (to 1e-9), so that none wins by its place, or nobody voted."""
    voted_I = of.counts_IL().sum(axis=1) > 0
    top_IL = posterior_IL >= posterior_IL.max(axis=1, keepdims=True) - 1e-9
    one_I = voted_I & (top_IL.sum(axis=1) == 1)
    names = [of.labels[place] for place in top_IL.argmax(axis=1).tolist()]
    return {item: name if one else None for item, name, one in zip(of.items, names, one_I.tolist(), strict=True)}


def check_votes(of: Votes) -> None:
    """Raises InputError where there is nothing to aggregate."""
    if not len(of):
        raise InputError(f"there is no vote to aggregate, and {of.abstentions} abstentions; ask more workers")
    if len(of.labels) < 2:
        what = f"every vote is {', '.join(map(repr, of.labels))}, so nothing tells workers apart"
        raise InputError(f"{what}; name all labels with `known`")


def _checked_start(of: Votes, start_IL: np.ndarray) -> np.ndarray:
    start_IL = np.asarray(start_IL, dtype=float)
    if start_IL.shape != (len(of.items), len(of.labels)):
        raise InputError(f"the start has shape {start_IL.shape}; there are {len(of.items)} items and {len(of.labels)} labels")
    if not (np.isfinite(start_IL).all() and (start_IL >= 0).all() and np.allclose(start_IL.sum(axis=1), 1)):
        raise InputError("the start's rows are not probabilities; each is 0 or more and they sum to 1")
    return start_IL


def majority(of: Votes) -> Consensus:
    """Majority vote: the label that most workers gave, none of two with equally many. It trusts all workers alike, as `dawid_skene`
    does not. posterior_IL are vote shares. reliability: how often the worker says what most others say, a label that is one of m
    modes counting 1/m; that is agreement, and accuracy only where the others are right."""
    check_votes(of)
    shares_IL = vote_shares(of)
    reliabilities = {name: _with_others(of, w) for w, name in enumerate(of.workers)}
    label, prior_L, how = chosen(of, shares_IL), of.counts_IL().sum(axis=0) / len(of), f"majority of {len(of.workers)} workers"
    return Consensus("majority", of.items, of.labels, shares_IL, label, reliabilities, prior_L, len(of), of.abstentions, how)


def _with_others(of: Votes, worker: int) -> Estimate:
    mine_V = of.worker_V == worker
    item_N, label_N = of.item_V[mine_V], of.label_V[mine_V]
    others_IL = of.counts_IL() - of.counts_IL(mine_V)
    top_IL = (others_IL == others_IL.max(axis=1, keepdims=True)) & (others_IL > 0)
    judged_N = top_IL[item_N].any(axis=1)
    item_N, label_N = item_N[judged_N], label_N[judged_N]
    scores_N = top_IL[item_N, label_N] / np.maximum(top_IL[item_N].sum(axis=1), 1)
    return share_of(scores_N, item_N, of.abstained[of.workers[worker]], "label", "item", "each against the mode of the others")
