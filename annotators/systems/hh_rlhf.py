"""Helpful against harmless, the two opposed objectives of HH-RLHF (Bai et al. 2022, arXiv:2204.05862; departures:
docs/annotators/hh-rlhf.md), or a mixture of both."""

from dataclasses import replace
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Ask, Rng, Unread
from ...core.records import Abstention, Item, Preference
from ..annotator import Traits, pair_of
from ..prompting.prompted import Prompted, label_p_left, template_file, together

OBJECTIVES = ("helpful", "harmless")


class HelpfulHarmless:
    """Prefers the more helpful answer, the more harmless one, or weighs the two.

    objective: `helpful`, `harmless` or `both`. mixture: for `both`, the weight of harmlessness in [0, 1]: p_left is the mean of
        the two verdicts so weighted, and `parts` are the two, named by their objective.
    helpful, harmless: the principles, in your own words; None is the template's. Other keywords replace parts of the template.

    Read from the probabilities of the two labels, as `Judge` is."""

    traits = Traits(engine=True)

    def __init__(
        self,
        objective: str = "helpful",
        mixture: float = 0.5,
        helpful: str | None = None,
        harmless: str | None = None,
        name: str = "",
        **parts: Any,
    ) -> None:
        if objective not in (*OBJECTIVES, "both"):
            raise InputError(f"the objective is {objective!r}; it is one of: helpful, harmless, both")
        if not 0.0 <= mixture <= 1.0:
            raise InputError(f"the mixture is {mixture}; it is the weight of harmlessness, in [0, 1]")
        file = template_file("hh-rlhf")
        self.principles = {"helpful": helpful or file["helpful"], "harmless": harmless or file["harmless"]}
        of_harmless = {"helpful": 0.0, "harmless": 1.0, "both": mixture}[objective]
        self.weights = {"helpful": 1.0 - of_harmless, "harmless": of_harmless}
        self.labels = ("A", "B")
        self.prompted = Prompted("hh-rlhf", kind="pair", extras=("principles",), labels=self.labels, name=name, **parts)
        self.name = name or f"{self.prompted.name}({objective}{f' {mixture:g}' if objective == 'both' else ''})"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        weights = {objective: weight for objective, weight in self.weights.items() if weight > 0}
        requests = [self.prompted.request(pair, principles=self.principles[objective].strip()) for objective in weights]
        try:
            p_lefts = await together(label_p_left(each, self.labels, pair, ask, self.name) for each in requests)
        except Unread as unread:
            return unread.because
        parts = [Preference(pair, p_left, objective) for objective, p_left in zip(weights, p_lefts, strict=True)]
        if len(parts) == 1:
            return replace(parts[0], annotator=self.name)
        p_left = sum(weight * each.p_left for weight, each in zip(weights.values(), parts, strict=True))
        return Preference(pair, min(p_left, 1.0), self.name, parts=tuple(parts))
