"""AlpacaFarm's simulated annotators: a pool of 13 prompted judges, one of them drawn a pair, and label noise on top.

Dubois et al. 2023, arXiv:2305.14387; departures, and how pairs are put into batches: docs/annotators/alpacafarm.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...core.errors import InputError, UnknownName
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Item, Message, Preference, Reason
from ...core.requests import Reply, Request
from ...core.seeds import digest, rng_for, seed_for
from ..annotator import Traits, pair_of, shared_seed
from ..judges.verdict import P_LEFT
from ..parsing.objects import read_object
from ..parsing.values import read_ranking
from ..parsing.verdicts import Verdict, read_verdict, verdict_word
from ..prompting.prompted import Prompted, json_schema, template_file
from ..prompting.template import SHORTEST_FENCE, conversation
from ..wrappers.flip import Flip

NOISE = {"training": 0.25, "evaluation": 0.0}  # share of labels that are flipped, by purpose
_AB = {"enum": ["A", "B"]}
SCHEMAS: dict[str, Mapping[str, Any] | None] = {
    "json": json_schema({"rationale": {"type": "string"}, "verdict": _AB}),
    "ranking": json_schema({"ranking": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}}),
    "short": None,
}
RUNS = "=" * SHORTEST_FENCE


class AlpacaFarm:
    """One of the pool is asked about a pair; the preference's `persona` says which. Two answers of one text tie, unasked.

    purpose: `training` flips labels at `noise` (.25 if not given), half of them without a call; `evaluation` does not flip. models:
    which of an engine's models (see `Request.model`) is the pool's `large`, `medium` and `small`; those that are not named ask the
    engine's own, so that one model can play all members. members: ask only these. among: the items of the work, for batches of
    several pairs a request (the flip throws half of their labels away: meant for evaluation). pool_seed: of the draws of members,
    orders and batches. Abstains where a reply cannot be read."""

    traits = Traits(engine=True, symmetric=True)

    def __init__(
        self,
        purpose: str = "training",
        noise: float | None = None,
        models: Mapping[str, str] | None = None,
        members: Sequence[str] | None = None,
        among: Iterable[Item] | None = None,
        pool_seed: int = 0,
        name: str = "",
    ) -> None:
        if purpose not in NOISE:
            raise UnknownName("purpose", purpose, NOISE)
        if noise is not None and purpose == "evaluation" and noise != 0.0:
            raise InputError(f"noise={noise} was given for evaluation, which flips no label; leave it out, or train with it")
        self.name = name or ("alpacafarm" if purpose == "training" else "alpacafarm-evaluation")
        self.pool = MemberPool(self.name, models or {}, members, among, pool_seed)
        self._noisy = Flip(self.pool, NOISE[purpose] if noise is None else noise, self.name)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        return await self._noisy.annotate(item, ask, rng)


class MemberPool:
    """The pool without its noise."""

    def __init__(
        self, name: str, models: Mapping[str, str], members: Sequence[str] | None, among: Iterable[Item] | None, seed: int
    ) -> None:
        table = template_file("alpacafarm")
        known = table["members"]
        sizes = {member["model"] for member in known.values()}
        for what, given, allowed in (("member", members or (), known), ("model", models, sizes)):
            for each in (each for each in given if each not in allowed):
                raise UnknownName(f"{what} of alpacafarm", each, allowed)
        self.name, self._seed = name, seed
        self.members = [Member(each, table, models) for each in dict.fromkeys(members or known)]
        self._batches = self._cut(among) if among is not None else {}

    def member(self, pair: Comparison) -> Member:
        """The member that is asked about this pair's prompt."""
        return self.members[int(rng_for(self._seed, "alpacafarm", "member", pair.prompt.id).integers(len(self.members)))]

    def shown(self, pair: Comparison) -> Comparison:
        """The pair in the order in which it is shown: the same for the pair and its swap."""
        first = pair if pair.is_canonical else pair.swapped()
        return first if rng_for(self._seed, "alpacafarm", "order", pair.key).random() < 0.5 else first.swapped()

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        member, shown, seed = self.member(pair), self.shown(pair), shared_seed(rng) >> 33
        if pair.left.text == pair.right.text:
            return Preference(pair, 0.5, self.name, persona=member.name, rationale="the answers are the same")
        batch = self._batches.get(pair.key)
        if batch is None and self._batches:
            raise InputError(f"the item {pair.key} is not `among` the items that {self.name!r} was given; give it all")
        if batch is None or len(batch) == 1:
            request = member.request(shown, seed)
            reply = await ask(request)
            verdict = member.verdict(reply)
        else:
            request = member.batch_request(batch, seed_for(self._seed, "alpacafarm", *(each.key for each in batch)))
            reply = await ask(request)
            said = (read_object(reply.text, "verdicts") or {}).get("verdicts")
            place = [each.key for each in batch].index(pair.key)
            verdict = verdict_word(said[place]) if isinstance(said, list) and len(said) == len(batch) else None
        if verdict is None:
            return replace(member.prompted.unread(pair, request, reply, f"no verdict for {member.name}"), annotator=self.name)
        if verdict == "neither":
            return Abstention(pair, Reason.NEITHER, self.name, f"{member.name} finds neither answer acceptable")
        p_left = P_LEFT[verdict] if shown.left.text == pair.left.text else 1.0 - P_LEFT[verdict]
        return Preference(pair, p_left, self.name, persona=member.name)

    def _cut(self, among: Iterable[Item]) -> dict[str, list[Comparison]]:
        """The batch of every item, by its key: each member's pairs in the order of a hash, cut into its batches."""
        shares: dict[Member, dict[str, Comparison]] = {}
        for pair in (pair_of(item, self.name) for item in among):
            if pair.left.text != pair.right.text:
                shares.setdefault(self.member(pair), {})[pair.key] = self.shown(pair)
        batches: dict[str, list[Comparison]] = {}
        for member, share in shares.items():
            order = sorted(share, key=lambda key: digest(self._seed, "alpacafarm", "batch", key))
            for start in range(0, len(order), member.batch):
                batch = [share[key] for key in order[start : start + member.batch]]
                batches |= dict.fromkeys(order[start : start + member.batch], batch)
        return batches


class Member:
    """One of the 13: how it asks, and how its reply is read."""

    def __init__(self, name: str, table: Mapping[str, Any], models: Mapping[str, str]) -> None:
        own = table["members"][name]
        self.name, self.batch, self.format = name, int(own["batch"]), str(own["format"])
        self._model = models.get(own["model"], "")
        form, persona = table["formats"][self.format], own.get("persona", "")
        examples = "\n\n".join(_example(each, self.format) for each in table["examples"][: self.batch - 1])
        shared = f"{own['shared'].strip()}\n\n{examples}".strip()
        parts = {"pair": form["pair"], "persona": persona, "ask": form["ask"], "max_tokens": form["max_tokens"], "name": name}
        self.prompted = Prompted("alpacafarm", schema=SCHEMAS[self.format], shared=shared, **parts)
        self._told, self._persona, self._batch_parts = own["shared"].strip(), persona, table["batch"]

    @cached_property
    def _batched(self) -> tuple[Prompted, Prompted]:
        """All pairs of a batch but the last, whose question ends where its sections do, and the last. `others` makes every fence
        longer than any run in the batch."""
        one = {"shared": "", "pair": self._batch_parts["pair"], "extras": ("number", "others"), "name": self.name}
        schema = json_schema({"verdicts": {"type": "array", "items": _AB, "minItems": 1, "maxItems": self.batch}})
        ask, room = self._batch_parts["ask"], 20 * self.batch
        last = Prompted("alpacafarm", schema=schema, persona=self._persona, ask=ask, max_tokens=room, **one)
        return Prompted("alpacafarm", ask="", **one), last

    def request(self, shown: Comparison, seed: int) -> Request:
        """The question about one pair."""
        return replace(self.prompted.request(shown, seed), model=self._model)

    def batch_request(self, shown: Sequence[Comparison], seed: int) -> Request:
        """One question about several pairs, in fences longer than any run of `=` in any of them."""
        others = "\n".join(text for each in shown for text in (conversation(each.prompt), each.left.text, each.right.text))
        early, last = self._batched
        before = [early.template.render(each, number=str(k), others=others) for k, each in enumerate(shown[:-1], 1)]
        request = last.request(shown[-1], seed, number=str(len(shown)), others=others)
        asked = "\n\n".join([self._told, *before, request.messages[-1].content])
        return replace(request, messages=(*request.messages[:-1], Message("user", asked)), model=self._model)

    def verdict(self, reply: Reply) -> Verdict | None:
        """What the reply says; None where it cannot be read."""
        if self.format != "ranking":
            return read_verdict(reply.text)
        order = read_ranking(reply.text, 2)
        return None if order is None else "A" if order[0] == 0 else "B"


def _example(example: Mapping[str, str], form: str) -> str:
    """A pair that is judged already, in the words of the format."""
    marks = ("1", "2") if form == "ranking" else ("A", "B")
    best, other = marks if example["verdict"] == "A" else marks[::-1]
    said = f'{{"ranking": [{best}, {other}]}}' if form == "ranking" else best
    lines = [f"{RUNS} example {RUNS}", f"Instruction: {example['prompt']}"]
    lines += [f"Answer {mark}: {example[side]}" for mark, side in zip(marks, ("left", "right"), strict=True)]
    return "\n".join([*lines, f"Verdict: {said}", f"{RUNS} end {RUNS}"])
