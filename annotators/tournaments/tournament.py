"""Ranks a slate by asking an annotator of pairs, with few questions: PairS (Liu et al. 2024, arXiv:2403.16950), a knockout (Liu et
al. 2025, arXiv:2501.13007), comparisons chosen where they tell most, or a connected random set of them.

A search yields the pairs of a round; they are asked about together, the first of a pair being shown first. Wrap the annotator of
pairs in `swap` to take its liking for a place out."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng
from ...core.records import Abstention, Comparison, Item, Preference, Ranking
from ...core.seeds import rng_for
from ..annotator import Traits, foremost, renamed, shared_seed, slate_of, verdict_of
from ..prompting.prompted import together
from .active import active_search, posterior
from .search import Search, knockout, pairs_search, sampled_pairs

HOWS = ("pairs", "knockout", "active", "random")  # how the pairs of a tournament are chosen


class Tournament:
    """`inner` judges pairs of the slate's answers; the order is what they say together.

    how: `pairs` sorts, with at most N log2 N comparisons of N answers, and keeps several orders open where the verdicts are even;
    `knockout` finds the best with N - 1, and grades by matches survived; `active` and `random` spend `budget` comparisons (by
    default N log2 N) where they tell most, or at random, and grade by Bradley-Terry strength in nats. If one verdict abstains,
    there is no ranking. Of a pair it is `inner`'s verdict."""

    traits = Traits(item="slate")

    def __init__(self, inner: Annotator, how: str = "pairs", budget: int | None = None, name: str = "") -> None:
        if how not in HOWS:
            raise InputError(f"how is {how!r}; it is one of: {', '.join(HOWS)}")
        if budget is not None and (budget < 1 or how in ("pairs", "knockout")):
            raise InputError(f"the budget is {budget}; it is 1 or more, and goes with how = 'active' or 'random'")
        self.inner, self.how, self.budget = inner, how, budget
        self.name = name or f"tournament({inner.name})"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Ranking | Preference | Abstention:
        if isinstance(item, Comparison):
            return renamed(verdict_of(await self.inner.annotate(item, ask, rng), self.inner.name, self.name), self.name)
        slate = slate_of(item, self.name)
        answers = slate.completions
        search = self._search(len(answers), rng)
        try:
            pairs = next(search)
            while True:
                asked, seed = [Comparison(answers[i], answers[j]) for i, j in pairs], shared_seed(rng)
                said = await together([self.inner.annotate(pair, ask, rng_for(seed, pair.key)) for pair in asked])
                verdicts = [verdict_of(each, self.inner.name, self.name) for each in said]
                if abstained := [each for each in verdicts if isinstance(each, Abstention)]:
                    return replace(foremost(abstained), item=slate, annotator=self.name)
                pairs = search.send([each.p_left for each in verdicts if isinstance(each, Preference)])
        except StopIteration as done:
            order, grades = done.value
            return Ranking(slate, tuple(order), self.name, grades)

    def _search(self, n: int, rng: Rng) -> Search[tuple[Sequence[int], tuple[float, ...] | None]]:
        """Yields pairs, and returns (the order, best first, and the grades by answer)."""
        if self.how == "pairs":
            return (yield from pairs_search(n)).order, None
        if self.how == "knockout":
            grades = np.array((yield from knockout(n, rng)).rounds_survived_N, dtype=float)
        else:
            budget = self.budget or max(math.floor(n * math.log2(n)), 1)
            if self.how == "active":
                wins_NN = yield from active_search(n, budget, rng)
            else:
                wins_NN, pairs = np.zeros((n, n)), sampled_pairs(n, budget, rng)
                for (i, j), p in zip(pairs, (yield pairs), strict=True):
                    wins_NN[i, j] += p
                    wins_NN[j, i] += 1 - p
            grades = posterior(wins_NN).strengths_M
        return np.argsort(-grades, kind="stable").tolist(), tuple(grades.tolist())
