"""Several annotators behind one verdict: one of them is asked a pair (a pool, as in Dubois et al. 2023, arXiv:2305.14387), or all
are, and vote (Verga et al. 2024, arXiv:2404.18796; the jury of Arif et al. 2024, arXiv:2408.08688).

With independent members who are right with probability p > 1/2, an odd majority is right more often than any of them
(Condorcet 1785): sum over k > n/2 of C(n, k) p^k (1 - p)^(n - k). Departs from the papers: a tie stays a tie, and a member that
abstains is counted and does not vote."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.errors import EngineError, InputError
from ...core.protocols import Annotator, Ask, Rng
from ...core.records import Abstention, Comparison, Feedback, Item, Preference, Reason
from ...core.requests import Reply, Request
from ...core.seeds import rng_for
from ..annotator import Traits, contained, foremost, pair_of, renamed, shared_seed, verdict_of


async def ask_all(
    pair: Comparison, asked: Sequence[Awaitable[Preference | Abstention]], name: str
) -> tuple[tuple[Preference, ...], tuple[Abstention, ...]]:
    """(verdicts, abstentions) of those asked, in their order. An engine's failure silences only the member that it met."""

    async def one(verdict: Awaitable[Preference | Abstention]) -> Preference | Abstention:
        try:
            return await contained(verdict)
        except EngineError as error:
            return Abstention(pair, Reason.ENGINE_FAILED, name, str(error))

    said = await asyncio.gather(*map(one, asked))
    verdicts = tuple(each for each in said if isinstance(each, Preference))
    return verdicts, tuple(each for each in said if isinstance(each, Abstention))


async def ask_member(member: Annotator, pair: Comparison, ask: Ask, rng: Rng, name: str) -> Preference | Abstention:
    """The verdict of one member in the panel's `name`; its `persona` says which member gave it."""
    verdict = verdict_of(await member.annotate(pair, ask, rng), member.name, name)
    if isinstance(verdict, Abstention):
        return renamed(verdict, name)
    return replace(verdict, annotator=name, persona=verdict.persona or member.name)


def nobody(pair: Comparison, silent: Sequence[Abstention], name: str) -> Abstention:
    """The abstention of a panel whose members gave no verdict."""
    why, because = f"none of {len(silent)} gave a verdict; the first: {silent[0].detail}", foremost(silent)
    return Abstention(pair, because.reason, name, why, unread=because.unread)


class Pool:
    """Asks one of `members` a pair, each with the same probability or by `weights`; `persona` says which."""

    traits = Traits(symmetric=True)

    def __init__(self, members: Sequence[Annotator], weights: Sequence[float] | None = None, name: str = "") -> None:
        if not members:
            raise InputError("a mixture has no members; name at least one annotator in `members`")
        weights = [1.0] * len(members) if weights is None else list(weights)
        if len(weights) != len(members) or min(weights) < 0 or not sum(weights) > 0:
            expected = "give each one a number, 0 or more, not all 0"
            raise InputError(f"the weights are {weights} for {len(members)} members; {expected}")
        self.members, self._shares = tuple(members), np.array(weights) / sum(weights)
        self.name = name or f"mixture({', '.join(member.name for member in members)})"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        member = self.members[int(rng.choice(len(self.members), p=self._shares))]
        return await ask_member(member, pair, ask, rng, self.name)


RULES = ("majority", "mean")


class Jury:
    """Asks every one of `members` about the pair.

    rule: `majority` of the verdicts (p_left is 0, 0.5 or 1; a member's tie counts for neither side), or the `mean` of their p_left.
    quorum: verdicts needed, at least 1; with fewer the jury abstains. A member who finds neither answer acceptable does not vote;
    where more do than give a verdict, so does the jury. `parts` are the members' verdicts, `silent` those who gave none,
    `rationale` the count. Members draw independently, so two alike err apart."""

    traits = Traits(symmetric=True)

    def __init__(self, members: Sequence[Annotator], rule: str = "majority", quorum: int = 1, name: str = "") -> None:
        if not members:
            raise InputError("a jury has no members; name at least one annotator in `members`")
        if rule not in RULES:
            raise InputError(f"the rule of the jury is {rule!r}; it is one of {', '.join(RULES)}")
        if not 1 <= quorum <= len(members):
            raise InputError(f"the quorum is {quorum} of {len(members)} members; it is between 1 and their number")
        self.members, self.rule, self.quorum = tuple(members), rule, quorum
        self.name = name or f"jury({', '.join(member.name for member in members)})"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair, seed = pair_of(item, self.name), shared_seed(rng)

        async def heard(place: int, member: Annotator) -> Preference | Abstention:
            said = await member.annotate(pair, ask, rng_for(seed, member.name, place))
            return verdict_of(said, member.name, self.name)

        verdicts, silent = await ask_all(pair, [heard(*each) for each in enumerate(self.members)], self.name)
        if sum(each.reason is Reason.NEITHER for each in silent) > len(verdicts):
            return replace(nobody(pair, silent, self.name), reason=Reason.NEITHER, detail=_count(verdicts, silent))
        if not verdicts:
            return nobody(pair, silent, self.name)
        if len(verdicts) < self.quorum:
            least = f"{len(verdicts)} of {len(self.members)} gave a verdict and the quorum is {self.quorum}"
            return replace(nobody(pair, silent, self.name), detail=f"{least}; the first who gave none: {silent[0].detail}")
        if self.rule == "majority":
            p_left = 0.5 + 0.5 * float(np.sign(sum(np.sign(each.p_left - 0.5) for each in verdicts)))
        else:
            p_left = sum(each.p_left for each in verdicts) / len(verdicts)
        return Preference(pair, p_left, self.name, rationale=_count(verdicts, silent), parts=verdicts, silent=silent)


def _count(verdicts: Sequence[Preference], silent: Sequence[Abstention]) -> str:
    """The votes of a jury, in words."""
    left, right = sum(each.p_left > 0.5 for each in verdicts), sum(each.p_left < 0.5 for each in verdicts)
    neither = sum(each.reason is Reason.NEITHER for each in silent)
    said = f"{left} for left, {right} for right, {len(verdicts) - left - right} tied"
    return f"{said}, {neither} for neither, {len(silent) - neither} abstained"


class OnModel:
    """`inner`, asking `model` of an engine that serves several (see `Request.model`): how a jury gets different models."""

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, model: str, name: str = "") -> None:
        if not model:
            raise InputError("no model is named for `on-model`; give the one that the engine serves under this name")
        self.inner, self.model = inner, model
        self.name = name or f"{inner.name}@{model}"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        def routed(request: Request) -> Request:
            return request if request.model else replace(request, model=self.model)

        async def ask_it(request: Request) -> Reply:
            return await ask(routed(request))

        def as_asked(said: Any) -> Any:
            """With the unread requests as they were sent, in the parts of a verdict too."""
            if isinstance(said, Abstention):
                return replace(said, unread=tuple(map(routed, said.unread)))
            held = {name: tuple(map(as_asked, getattr(said, name, ()))) for name in ("silent", "parts")}
            return replace(said, **{name: each for name, each in held.items() if each})

        return renamed(as_asked(await self.inner.annotate(item, ask_it, rng)), self.name)
