"""A judge that first answers the instruction itself, under one general principle, and holds both answers against that (Shi et al.
2024, arXiv:2406.11190; departures: docs/annotators/self-reference.md).

Three steps: its own answer; a critique of A and B against it; the verdict. Critique and verdict are made in both orders and several
times (self-consistency). `strength` is the inverse of the verdict's semantic perplexity: exp(-mean of -log p_i), where p_i is the
probability that sample i gives the final verdict. Samples that agree and are sure give 1, samples that are split at most 1/2."""

import math
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Ask, Rng, Unread
from ...core.records import Abstention, Comparison, Item, Preference
from ..annotator import Traits, pair_of
from ..prompting.prompted import Prompted, json_schema, label_p_left, parts, prose, together

LABELS = ("A", "B")
LEAST = 1e-12  # probability below which a sample's verdict is not taken to be, so that one sample cannot make the strength 0


class SelfReference:
    """p_left is the mean over orders and samples, and `parts` hold each as it was shown.

    samples: critiques and verdicts in each order, at least 1. both_orders: ask in both orders. temperature: of the critiques, >= 0;
    at 0 all samples are one. answer, critique, verdict: parts that replace those of the templates `self_reference_answer`,
    `self_reference_critique` and `self_reference_verdict`. Abstains where a step cannot be read."""

    traits = Traits(engine=True, symmetric=True)

    def __init__(
        self,
        samples: int = 2,
        both_orders: bool = True,
        temperature: float | None = None,
        answer: dict[str, Any] | None = None,
        critique: dict[str, Any] | None = None,
        verdict: dict[str, Any] | None = None,
        name: str = "self-reference",
    ) -> None:
        if samples < 1:
            raise InputError(f"{samples} samples were asked for; the judge gives at least 1")
        self.name, self.samples, self.both_orders = name, samples, both_orders
        text = {"type": "string"}
        self._answer = Prompted("self_reference_answer", kind="prompt", schema=json_schema({"answer": text}), **parts(name, answer))
        own = parts(name, critique, temperature=temperature)
        schema = json_schema({"critique": text})
        self._critique = Prompted("self_reference_critique", extras=("reference",), schema=schema, **own)
        self._verdict = Prompted("self_reference_verdict", extras=("reference", "critique"), labels=LABELS, **parts(name, verdict))

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        seeds = [1 + int(each) for each in rng.integers(2**31 - 1, size=self.samples)]
        orders = (False, True) if self.both_orders else (False,)
        try:
            reference = await prose(self._answer.request(pair), "answer", pair, ask, self.name)
            turned = [(is_swapped, seed) for is_swapped in orders for seed in seeds]
            shown = {False: pair, True: pair.swapped()}
            judged = await together(self._judged(shown[is_swapped], reference, seed, ask) for is_swapped, seed in turned)
        except Unread as unread:
            return unread.because
        p_lefts = [1.0 - part.p_left if is_swapped else part.p_left for part, (is_swapped, _) in zip(judged, turned, strict=True)]
        p_left = math.fsum(p_lefts) / len(p_lefts)
        rationale = f"Reference: {reference}\n\nCritique: {judged[0].rationale}"
        strength = certainty(p_lefts) if p_left > 0.5 else certainty([1.0 - each for each in p_lefts])
        return Preference(pair, p_left, self.name, strength=strength, rationale=rationale, parts=tuple(judged))

    async def _judged(self, shown: Comparison, reference: str, seed: int, ask: Ask) -> Preference:
        asked = self._critique.request(shown, seed, reference=reference)
        critique = await prose(asked, "critique", shown, ask, self.name)
        verdict = self._verdict.request(shown, reference=reference, critique=critique)
        return Preference(shown, await label_p_left(verdict, LABELS, shown, ask, self.name), self.name, rationale=critique)


def certainty(probabilities: list[float]) -> float:
    """1 / semantic perplexity of a verdict to which the samples give these probabilities: their geometric mean, in (0, 1]."""
    return math.exp(math.fsum(math.log(max(each, LEAST)) for each in probabilities) / len(probabilities))
