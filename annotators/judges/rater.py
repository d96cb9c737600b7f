"""Scores of one answer on several aspects by a language model: UltraFeedback (Cui et al. 2023, arXiv:2310.01377) and HelpSteer2's
attributes (Wang et al. 2024, arXiv:2406.08673). Departures: docs/annotators/ultrafeedback.md and helpsteer2.md.

Answers are rated apart, so that at temperature 0 a rating is paid for once, whatever pairs and slates the answer is in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Completion, Feedback, Item, Preference, Ranking, Rating, Reason
from ...core.records.conversions import overall
from ...core.registry import check_types
from ...core.seeds import rng_for
from ..annotator import Traits, foremost, request_seed, shared_seed, slate_of
from ..parsing.objects import meant, property_name, read_object
from ..parsing.values import read_scores
from ..prompting.prompted import TEXT, Prompted, json_schema, template_file, together

OWN = ("aspects", "low", "high", "weights", "raters", "disagreement", "agree_on")  # options that the template file may hold


def _own_types(
    *, low: int, high: int, raters: int, disagreement: float, weights: Mapping[str, float], agree_on: Sequence[str]
) -> None:
    """Of what types those options are; `aspects` are looked at by themselves."""


class PromptedRater:
    """Rates an answer on every aspect; a Comparison by rating both, a Slate by rating all.

    aspects: what to rate, name -> what it means. low, high: the scale of whole grades. weights: of the overall score, by aspect;
        an aspect without one weighs nothing; none at all is the plain mean.
    raters: samples per answer, at the template's temperature; the rating is their mean. disagreement: the widest spread of the
        raters, in grades, on an aspect of `agree_on` (none named: any); an answer with a wider one is left out, as
        `not applicable`.
    margin: overall scores that differ by no more are a tie. Everything else replaces a part of the template.

    A Completion gives a Rating, whose rationale holds the reasons by aspect and the critique; a Comparison a Preference, whose
    strength is the gap of the overall scores; a Slate a Ranking, whose grades are the overall scores, equal ones in the order
    shown."""

    traits = Traits(engine=True, item="answer")
    template: ClassVar[str] = "ultrafeedback"

    def __init__(self, name: str = "", margin: float = 0.0, **options: Any) -> None:
        given = {key: options.pop(key) for key in OWN if options.get(key) is not None}
        check_types(_own_types, given, f"the annotator {name or self.template!r}")
        own = template_file(self.template) | given
        aspects = own["aspects"] if isinstance(own["aspects"], Mapping) else {}
        self.aspects = {property_name(str(name)): str(meaning) for name, meaning in aspects.items()}
        if not self.aspects or len(self.aspects) < len(aspects):
            raise InputError(f"the aspects are {own['aspects']!r}; they are a table of different names, each with what it means")
        self.low, self.high = int(own["low"]), int(own["high"])
        if self.low >= self.high:
            raise InputError(f"the scale is {self.low} to {self.high}; `low` is below `high`")
        # New aspects come without the template's weights and agreement, which are about the old ones.
        of_template = {} if "aspects" in given else own
        self.weights = _known(given.get("weights", of_template.get("weights", {})), self.aspects, "weights")
        agree_on = given.get("agree_on", of_template.get("agree_on", ()))
        self.agree_on = _known(agree_on, self.aspects, "agree_on") or tuple(self.aspects)
        self.raters, self.margin = int(own.get("raters", 1)), float(margin)
        self.disagreement = float(own.get("disagreement", np.inf))
        if self.raters < 1 or not self.disagreement >= 0 or not self.margin >= 0:
            given = f"raters={self.raters}, disagreement={self.disagreement}, margin={self.margin}"
            raise InputError(f"{given}; expected a rater at least and no negative number")
        grade, schema = {"type": "integer", "minimum": self.low, "maximum": self.high}, {}
        for aspect in self.aspects:
            schema |= {f"{aspect}_rationale": TEXT, aspect: grade}
        options["shared"] = f"{options.get('shared') or own.get('shared', '')}\n\n{self._form()}"
        schema = json_schema({**schema, "critique": TEXT})
        self.prompted = Prompted(self.template, kind="answer", schema=schema, name=name, **options)
        self.name = self.prompted.name
        if self.raters > 1 and self.prompted.sampling.temperature == 0:
            raise InputError(f"{self.raters} raters at temperature 0 all say the same; give a temperature above 0, or one rater")

    def _form(self) -> str:
        lines = [f'"{aspect}": {meaning}' for aspect, meaning in self.aspects.items()]
        return (
            "Reply with one JSON object and nothing else. It has two properties for each aspect: the reasons, under the aspect's "
            f'name with "_rationale", then, under its name, a whole number from {self.low} (worst or least) to {self.high} (best '
            'or most). Its last property is "critique". The aspects:\n' + "\n".join(lines)
        )

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        seed = shared_seed(rng)
        if isinstance(item, Completion):
            return await self._rated(item, ask, seed)
        answers = (item.left, item.right) if isinstance(item, Comparison) else slate_of(item, self.name).completions
        ratings: list[Any] = await together(self._rated(each, ask, seed) for each in answers)
        if silent := [each for each in ratings if isinstance(each, Abstention)]:
            return replace(foremost(silent), item=item)
        overall = [self.overall(each) for each in ratings]
        if not isinstance(item, Comparison):
            order = tuple(sorted(range(len(overall)), key=lambda k: -overall[k]))
            return Ranking(slate_of(item, self.name), order, self.name, tuple(overall))
        gap = overall[0] - overall[1]
        p_left = 0.5 if abs(gap) <= self.margin else float(gap > 0)
        rationale = "\n\n".join(f"{side}: {each.rationale}" for side, each in zip("AB", ratings, strict=True))
        return Preference(item, p_left, self.name, strength=abs(gap), rationale=rationale)

    def overall(self, rating: Rating) -> float:
        """The weighted sum of the scores; without weights, their mean."""
        return overall(rating, self.weights or None)

    async def _rated(self, answer: Completion, ask: Ask, seed: int) -> Rating | Abstention:
        rng = rng_for(seed, answer.key)  # one answer is sampled alike on either side of a pair
        requests = [self.prompted.request(answer, request_seed(rng)) for _ in range(self.raters)]
        replies = await together(map(ask, requests))
        found, why = [self._read(reply.text) for reply in replies], "not one score in range for every aspect"
        asked = zip(requests, replies, found, strict=True)
        unread = [self.prompted.unread(answer, request, reply, why) for request, reply, read in asked if read is None]
        if unread:
            return foremost(unread)
        read = [each for each in found if each is not None]
        for aspect in self.agree_on:
            scores = [scores[aspect] for scores, _ in read]
            if max(scores) - min(scores) > self.disagreement:
                gave = ", ".join(f"{each:g}" for each in scores)
                said = f"the raters gave {aspect} {gave}; they may differ by {self.disagreement:g}"
                return Abstention(answer, Reason.NOT_APPLICABLE, self.name, said)
        scores = {aspect: float(np.mean([scores[aspect] for scores, _ in read])) for aspect in self.aspects}
        return Rating(answer, scores, self.name, "\n\n".join(filter(None, (rationale for _, rationale in read))))

    def _read(self, said: str) -> tuple[dict[str, float], str] | None:
        scores = read_scores(said, list(self.aspects), self.low, self.high)
        if scores is None:
            return None
        found = read_object(said, *self.aspects) or {}
        reasons = [(aspect, meant(found.get(f"{aspect}_rationale"))) for aspect in self.aspects]
        lines = [f"{aspect}: {why}" for aspect, why in (*reasons, ("critique", meant(found.get("critique")))) if why]
        return scores, "\n".join(lines)


class UltraFeedback(PromptedRater):
    """Instruction following, truthfulness, honesty and helpfulness, 1 to 5, with reasons and a critique. See `PromptedRater`."""


class HelpSteer2(PromptedRater):
    """Helpfulness, correctness, coherence, complexity and verbosity, 0 to 4, by three raters who must agree. See `PromptedRater`.

    The weights of the overall score are those recommended for the paper's Llama3-70B-SteerLM-RM: complexity and verbosity weigh
    nothing unless `weights` says so, and then steer."""

    template = "helpsteer2"


def _known(named: Any, aspects: Mapping[str, str], option: str) -> Any:
    """Options by aspect, under the aspects' own names."""
    for name in (each for each in named if property_name(each) not in aspects):
        raise InputError(f"`{option}` names {name!r}, which is not an aspect; the aspects: {', '.join(aspects)}")
    if isinstance(named, Mapping):
        return {property_name(name): float(weight) for name, weight in named.items()}
    return tuple(map(property_name, named))
