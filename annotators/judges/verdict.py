"""A language model that compares two answers in words."""

from __future__ import annotations

from typing import ClassVar

from ...core.records import Abstention, Comparison, Item, Preference, Reason
from ..parsing.objects import meant, read_object
from ..parsing.values import strength_of
from ..parsing.verdicts import read_verdict
from ..prompting.question import TEXT, Question
from ..traits import Traits

P_LEFT = {"A": 1.0, "B": 0.0, "tie": 0.5}
"""Probability of left, by what a verdict says; `neither` is an abstention."""


class PromptedVerdict(Question):
    """Compares two answers in words, then says A, B, a tie or neither, and how strongly: 1 slightly, 2 clearly, 3 much.

    `strength` is None for a tie, and where a reply has a verdict and no strength. "Neither" is an abstention (`Reason.NEITHER`).
    """

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
