"""Rankings that ask as they go: a search yields the pairs that it wants compared, and is sent the answers. So it knows no judge, no
engine and no async, and its caller may send a round to an engine in one batch.

`knockout` finds the best of N by single elimination (Liu et al. 2025, arXiv:2501.13007). Departures: the draw is random in every
round; with an odd number left, one candidate, drawn at random, goes on unmatched; an even verdict goes to the first, which the
draw has made a coin. `sampled_pairs` compares along random rings, which connect all, as Bradley-Terry needs.

`pairs_search` ranks N by a merge sort over pairwise probabilities, keeping several merges open where the judge is unsure (PairS,
Liu et al. 2024, arXiv:2403.16950). Departures: calls never exceed N log2 N. Plain merge sort leaves some of those over, and a
further branch is followed only while there is one to spare; the authors' beam has no such limit. A merge is scored by the sum of
the log-probabilities of its decisions, a forced one counting 0. A pair is asked about once."""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ...core.errors import InputError
from ...core.protocols import Rng

Pair = tuple[int, int]
Result = TypeVar("Result")
Search = Generator[list[Pair], Sequence[float], Result]
"""Yields pairs (i, j) and is sent, in the same order, the probability that i is better than j."""
Judge = Callable[[list[Pair]], Sequence[float]]
"""The probability, in [0, 1], that the first of each pair is better. The first is shown first."""


def run_search(search: Search[Result], judge: Judge) -> Result:
    """The search's result, every round of it answered by `judge`. Raises InputError for an answer that is not a probability."""
    try:
        pairs = next(search)
        while True:
            answers = list(judge(pairs))
            if len(answers) != len(pairs) or not all(0 <= p <= 1 for p in answers):
                raise InputError(f"the judge said {answers[:3]} of {len(pairs)} pairs; it gives one probability in [0, 1] a pair")
            pairs = search.send(answers)
    except StopIteration as done:
        return done.value


class Knockout(NamedTuple):
    """winner: the candidate left. rounds_survived_N: matches or byes that each got through, the winner most. calls: N - 1."""

    winner: int
    rounds_survived_N: tuple[int, ...]
    calls: int


def knockout(candidates: int, rng: Rng) -> Search[Knockout]:
    """Drive it with `run_search`. Raises InputError for none."""
    if candidates < 1:
        raise InputError(f"there are {candidates} candidates; a tournament needs 1 or more")
    survived = [0] * candidates
    alive, calls = list(range(candidates)), 0
    while len(alive) > 1:
        drawn = [alive[place] for place in rng.permutation(len(alive))]
        pairs = [(drawn[k], drawn[k + 1]) for k in range(0, len(drawn) - 1, 2)]
        answers = yield pairs
        calls += len(pairs)
        alive = drawn[len(pairs) * 2 :]
        for (first, second), p in zip(pairs, answers, strict=True):
            alive.append(first if p >= 0.5 else second)  # who is first was drawn, so an even verdict favours nobody
        for each in alive:
            survived[each] += 1
    return Knockout(alive[0], tuple(survived), calls)


def sampled_pairs(models: int, budget: int, rng: Rng) -> list[Pair]:
    """`budget` pairs (i, j), i and j in random order; all different up to M(M - 1)/2, then over again. Connected from M - 1 on."""
    if models < 2 or budget < 0:
        expected = "a comparison needs 2 models, and the budget is 0 or more"
        raise InputError(f"there are {models} models and a budget of {budget}; {expected}")
    made, pairs = set[frozenset[int]](), list[Pair]()
    while len(pairs) < budget:
        if len(made) == models * (models - 1) // 2:
            made.clear()
        ring = rng.permutation(models).tolist()
        for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
            if frozenset((i, j)) not in made and len(pairs) < budget:
                made.add(frozenset((i, j)))
                pairs.append((i, j) if rng.integers(2) else (j, i))
    return pairs


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


def pairs_search(candidates: int, beam: int = 4, unsure: float = 0.2) -> Search[PairsRanking]:
    """beam: merges kept open at once; 1 is plain merge sort. unsure: both branches are followed where p is within 0.5 +- unsure, in
    [0, 0.5]. Drive it with `search.run_search`."""
    if candidates < 1 or beam < 1 or not 0 <= unsure <= 0.5:
        expected = "the first two are 1 or more, unsure is in [0, 0.5]"
        raise InputError(f"there are {candidates} candidates, beam {beam}, unsure {unsure}; {expected}")
    plain_sort = sum(math.ceil(math.log2(k)) for k in range(2, candidates + 1))  # its calls at worst, which are below N log2 N
    purse = _Purse(0, math.floor(candidates * math.log2(candidates)) - plain_sort)
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
