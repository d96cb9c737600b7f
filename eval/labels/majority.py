"""Majority vote: the label that most workers gave; each worker beside the majority of the others.

No label goes to the first of two with equally many votes. It trusts all workers alike: see `dawid_skene` for one that does not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core.records import Estimate
from ..win_rates.win_rate import win_rate_from_scores
from .consensus import Consensus, check_votes, chosen, vote_shares
from .votes import Votes


def majority(of: Votes, level: float = 0.95) -> Consensus:
    """posterior_IL are vote shares. reliability: how often the worker says what most others say, a label that is one of m modes
    counting 1/m; that is agreement, and accuracy only where the others are right."""
    check_votes(of)
    shares_IL = vote_shares(of)
    how = f"majority of {len(of.workers)} workers"
    reliability = {name: _with_others(of, w, level) for w, name in enumerate(of.workers)}
    prior_L = of.counts_IL().sum(axis=0) / len(of)
    return Consensus(
        "majority", of.items, of.labels, shares_IL, chosen(of, shares_IL), reliability, prior_L, len(of), of.abstentions, how
    )


def _with_others(of: Votes, worker: int, level: float) -> Estimate:
    mine_V = of.worker_V == worker
    own_IL = np.zeros((len(of.items), len(of.labels)))
    np.add.at(own_IL, (of.item_V[mine_V], of.label_V[mine_V]), 1.0)
    others_IL = of.counts_IL() - own_IL
    item_N, label_N = of.item_V[mine_V], of.label_V[mine_V]
    top_IL = (others_IL == others_IL.max(axis=1, keepdims=True)) & (others_IL > 0)
    judged_N = top_IL[item_N].any(axis=1)
    item_N, label_N = item_N[judged_N], label_N[judged_N]
    scores_N = top_IL[item_N, label_N] / np.maximum(top_IL[item_N].sum(axis=1), 1)
    found = win_rate_from_scores(scores_N, item_N, of.abstained[of.workers[worker]], level, unit="label", cluster="item")
    return replace(found, how=f"{found.how}; each against the mode of the others", extra={})
