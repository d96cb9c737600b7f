"""PairS: ranks N candidates by a merge sort over pairwise probabilities, keeping several merges open where the judge is unsure
(Liu et al. 2024, arXiv:2403.16950).

Departures: calls never exceed N log2 N. Plain merge sort leaves some of those over, and a further branch is followed only while
there is one to spare; the authors' beam has no such limit. A merge is scored by the sum of the log-probabilities of its
decisions, a forced one counting 0. A pair is asked about once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from ...core.errors import InputError
from .search import Pair, Search


class PairsRanking(NamedTuple):
    """order: candidates, best first. calls: pairs asked about. log_likelihood: of the decisions in the merges, in nats, 0 or
    below."""

    order: tuple[int, ...]
    calls: int
    log_likelihood: float


@dataclass(slots=True)
class _Merge:
    """One way to merge that is still open: taken so far, how many of each side, and its log-likelihood."""

    taken: list[int]
    left: int = 0
    right: int = 0
    score: float = 0.0


@dataclass(slots=True)
class _Purse:
    """Calls made, and how many can be wasted before the worst case of what is left would pass N log2 N."""

    calls: int
    spare: int


def call_limit(candidates: int) -> int:
    """The most calls that a search over this many candidates makes: floor(N log2 N)."""
    return math.floor(candidates * math.log2(candidates)) if candidates > 1 else 0


def pairs_search(candidates: int, beam: int = 4, unsure: float = 0.2) -> Search[PairsRanking]:
    """beam: merges kept open at once; 1 is plain merge sort. unsure: both branches are followed where p is within 0.5 +-
    unsure, in [0, 0.5].

    Drive it with `search.run_search`."""
    if candidates < 1 or beam < 1 or not 0 <= unsure <= 0.5:
        expected = "the first two are 1 or more, unsure is in [0, 0.5]"
        raise InputError(f"there are {candidates} candidates, beam {beam}, unsure {unsure}; {expected}")
    plain_sort = sum(math.ceil(math.log2(k)) for k in range(2, candidates + 1))  # its calls at worst, which are below N log2 N
    purse = _Purse(0, call_limit(candidates) - plain_sort)
    order, score = yield from _sorted(list(range(candidates)), beam, unsure, purse)
    return PairsRanking(tuple(order), purse.calls, score)


def _sorted(items: list[int], beam: int, unsure: float, purse: _Purse) -> Search[tuple[list[int], float]]:
    if len(items) == 1:
        return items, 0.0
    middle = len(items) // 2
    left, left_score = yield from _sorted(items[:middle], beam, unsure, purse)
    right, right_score = yield from _sorted(items[middle:], beam, unsure, purse)
    merged = yield from _merged(left, right, beam, unsure, purse)
    return merged.taken, left_score + right_score + merged.score


def _merged(left: list[int], right: list[int], beam: int, unsure: float, purse: _Purse) -> Search[_Merge]:
    """Every open merge has placed equally many candidates at every step, so the best one's worst case is always in reserve."""
    known: dict[Pair, float] = {}
    merges = [_Merge([])]
    for _ in range(len(left) + len(right)):
        grown: list[_Merge] = []
        for rank, merge in enumerate(merges):
            if merge.left == len(left) or merge.right == len(right):
                grown.append(_take(merge, left, right, from_left=merge.left < len(left), p=1.0))
                continue
            pair = (left[merge.left], right[merge.right])
            if pair not in known:
                if rank > 0:
                    if not purse.spare:
                        continue
                    purse.spare -= 1
                (known[pair],) = yield [pair]
                purse.calls += 1
            p = known[pair]
            if p >= 0.5 - unsure:
                grown.append(_take(merge, left, right, True, p))
            if p < 0.5 or (p <= 0.5 + unsure and beam > 1):
                grown.append(_take(merge, left, right, False, 1 - p))
        merges = sorted(grown, key=lambda each: -each.score)[:beam]
    return merges[0]


def _take(merge: _Merge, left: list[int], right: list[int], from_left: bool, p: float) -> _Merge:
    taken = left[merge.left] if from_left else right[merge.right]
    score = merge.score + math.log(max(p, 1e-9))
    return _Merge([*merge.taken, taken], merge.left + from_left, merge.right + (not from_left), score)
