"""Language models that compare in words: two answers, or those of a slate."""

from dataclasses import replace
from typing import ClassVar

from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Feedback, Item, Preference, Ranking, Reason, Slate
from ..annotator import Traits, slate_of
from ..parsing.objects import meant, read_object
from ..parsing.values import read_ranking, strength_of
from ..parsing.verdicts import read_verdict
from ..prompting.prompted import TEXT, Question

P_LEFT = {"A": 1.0, "B": 0.0, "tie": 0.5}  # probability of left, by what a verdict says; `neither` is an abstention


class PromptedVerdict(Question):
    """Compares two answers in words, then says A, B, a tie or neither, and how strongly: 1 slightly, 2 clearly, 3 much.

    `strength` is None for a tie, and where a reply has a verdict and no strength. "Neither" is an abstention (`Reason.NEITHER`)."""

    traits = Traits(engine=True)
    template = "verdict"
    properties: ClassVar = {
        "rationale": TEXT,
        "verdict": {"enum": [*P_LEFT, "neither"]},
        "strength": {"type": "integer", "minimum": 1, "maximum": 3},
    }

    def read(self, item: Item, said: str) -> Preference | Abstention | None:
        assert isinstance(item, Comparison)
        verdict = read_verdict(said)
        if verdict is None:
            return None
        found = read_object(said, "verdict") or {}
        rationale = meant(found.get("rationale")) or ""
        if verdict == "neither":
            return Abstention(item, Reason.NEITHER, self.name, rationale)
        strength = strength_of(found.get("strength")) if verdict in ("A", "B") else None
        return Preference(item, P_LEFT[verdict], self.name, "", strength, rationale)


class PromptedRanker(Question):
    """Orders the answers of a slate, best first; of a comparison, as a slate of two, it makes a preference."""

    traits = Traits(engine=True, item="slate")
    most_requests = 1
    template = "ranker"
    properties: ClassVar = {"rationale": TEXT, "ranking": {"type": "array", "items": {"type": "integer", "minimum": 1}}}

    def read(self, item: Item, said: str) -> Ranking | None:
        slate = slate_of(item, self.name)
        order = read_ranking(said, len(slate.completions))
        return None if order is None else Ranking(slate, order, self.name)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        if not isinstance(item, Comparison):
            return await self.asked(item, ask, rng)
        said = await self.asked(Slate((item.left, item.right)), ask, rng)
        if isinstance(said, Abstention):
            return replace(said, item=item, annotator=self.name)
        assert isinstance(said, Ranking)
        return Preference(item, float(said.order[0] == 0), self.name)
