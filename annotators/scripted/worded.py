"""Scripted users who say what they think of one answer: critique it, edit it, wish for a rule, react with a sign, or write back.

They know a world's truth through its doors alone (`features`, `weights`, `faults`, `mended`), so they work in every world, ask no
engine, and make noise that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit

from ...core.errors import InputError
from ...core.protocols import Ask, Fault, Rng, World
from ...core.records import Abstention, Critique, Directive, FollowUp, Polarity, Reaction, ReactionKind, Reason, Revision, Span
from ...core.records.items import Completion, Item
from ...simulators.text.principles import taste_sentences
from ..annotator import Traits, completion_of
from .pairs import WorldUser

PRAISE = ((ReactionKind.THUMBS_UP, 0.7), (ReactionKind.HEART, 0.3))
BLAME = ((ReactionKind.THUMBS_DOWN, 0.7), (ReactionKind.CONFUSED, 0.2), (ReactionKind.LAUGH, 0.1))
"""Signs of a pleased and of a displeased user, and how often each is taken."""
CONTENT = "Nothing is wrong with it."
THANKS = "Thank you, that is what I wanted."


@lru_cache(maxsize=1024)
def median_rival(world: World, user: str) -> float:
    """Median utility in nats of the world's rivals to a user: what `acceptable=None` stands for."""
    return float(np.median(world.utility(world.rivals(world.prompts("eval")), user)))


def above_acceptable(who: WorldUser, answers: Sequence[Completion], acceptable: float | None) -> np.ndarray:
    """[N]: by how many nats the answers are better to this user than `acceptable`."""
    return who.world.utility(answers, who.user) - (median_rival(who.world, who.user) if acceptable is None else acceptable)


def check_rates(**rates: float) -> None:
    """Raises InputError for a rate outside [0, 1]."""
    for name, rate in rates.items():
        if not 0 <= rate <= 1:
            raise InputError(f"the {name} rate is {rate}; it is a probability in [0, 1]")


@dataclass(frozen=True)
class ScriptedCritic(WorldUser):
    """Says what a user finds wrong with an answer, worst first, with the place of each fault.

    most: faults that it names at most. miss: how often it overlooks a fault. hallucinate: how often it names, besides, one that is
    not there. The polarity is praise where it finds nothing, else blame, or mixed for an answer that is acceptable all the same."""

    traits = Traits(item="answer", gives="a critique of an answer")
    most: int = 5
    miss: float = 0.0
    hallucinate: float = 0.0
    acceptable: float | None = None
    name: str = "scripted-critic"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rates(miss=self.miss, hallucinate=self.hallucinate)
        if self.most < 1:
            raise InputError(f"at most {self.most} faults are to be named; it is 1 or more")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Critique:
        answer = completion_of(item, self.name)
        found = self.found(answer, rng)
        polarity = Polarity.MIXED if above_acceptable(self, [answer], self.acceptable)[0] >= 0 else Polarity.BLAME
        text = " ".join(dict.fromkeys(each.text for each in found)) or CONTENT
        spans = tuple(Span(each.start, each.end, each.aspect) for each in found)
        return Critique(answer, text, self.name, spans, polarity if found else Polarity.PRAISE)

    def found(self, answer: Completion, rng: Rng) -> list[Fault]:
        """The faults that it names."""
        faults = list(self.world.faults(answer, self.user))
        seen = [each for each, drawn in zip(faults, rng.random(len(faults)), strict=True) if drawn >= self.miss][: self.most]
        sound = sorted(set(self.world.aspects) - {each.aspect for each in faults})
        if sound and rng.random() < self.hallucinate:
            aspect = sound[int(rng.integers(len(sound)))]
            text = f"Something is wrong with its {aspect}."
            seen.append(Fault(aspect, 0.0, 0, len(answer.text), text, text))
        return seen


@dataclass(frozen=True)
class ScriptedEditor(WorldUser):
    """Rewrites an answer as a user would: the worst `effort` aspects at fault are repaired, or all (None). An answer without fault
    stays as it is. `miss` as in `ScriptedCritic`; the critique that the edit follows goes with it."""

    traits = Traits(item="answer", gives="a revision of an answer")
    effort: int | None = None
    miss: float = 0.0
    name: str = "scripted-editor"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.effort is not None and self.effort < 1:
            raise InputError(f"the effort is {self.effort}; it is the number of aspects that are repaired, 1 or more")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Revision:
        answer = completion_of(item, self.name)
        critic = ScriptedCritic(self.world, self.user, most=10**6, miss=self.miss, name=self.name)
        critique = await critic.annotate(answer, ask, rng)
        losses: dict[str, float] = {}
        for each in self.world.faults(answer, self.user):
            losses[each.aspect] = losses.get(each.aspect, 0.0) + each.loss
        noticed = {span.category for span in critique.spans}
        wished = [aspect for aspect in sorted(losses, key=lambda name: -losses[name]) if aspect in noticed][: self.effort]
        every = set(wished) == set(losses)
        mended = self.world.mended(answer, None if every else wished, self.user) if wished else answer
        return Revision(answer, mended.text, self.name, critique)


@dataclass(frozen=True)
class ScriptedDirectives(WorldUser):
    """Says one rule for all answers to come: what would have repaired the worst fault (`source = "fault"`; where there is none an
    abstention, where there is none), or how the user's taste departs most from the mean one (`source = "taste"`; gold's own
    strongest wish)."""

    traits = Traits(item="answer", gives="a rule about answers")
    source: str = "fault"
    name: str = "scripted-directive"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source not in ("fault", "taste"):
            raise InputError(f"the source is {self.source!r}; it is 'fault' or 'taste'")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Directive | Abstention:
        answer = completion_of(item, self.name)
        if self.source == "taste":
            gold_A = self.world.weights()
            departure_A = gold_A if self.user == "gold" else self.world.weights(self.user) - gold_A
            said = taste_sentences(self.world.aspects, departure_A.tolist())
        else:
            said = [each.wish for each in self.world.faults(answer, self.user)]
        if not said:
            return Abstention(answer, Reason.NOT_APPLICABLE, self.name, "there is nothing to wish for")
        return Directive(said[0], self.name, (answer.prompt,))


@dataclass(frozen=True)
class ScriptedReactions(WorldUser):
    """Leaves a small sign under an answer, mostly none.

    silence: how often it says nothing. Else it is pleased with probability sigmoid((utility - acceptable) / temperature), and
    signs as PRAISE or BLAME say. adversarial: the share of signs that say the opposite. acceptable: nats; None is the median of
    the world's rivals."""

    traits = Traits(item="answer", gives="a sign about an answer")
    silence: float = 0.9
    adversarial: float = 0.0
    temperature: float = 0.5
    acceptable: float | None = None
    name: str = "scripted-reaction"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rates(silence=self.silence, adversarial=self.adversarial)
        if not self.temperature > 0:
            raise InputError(f"the temperature is {self.temperature}; it is nats, more than 0")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Reaction:
        answer = completion_of(item, self.name)
        speaks, pleases, lies, which = rng.random(4)
        if speaks < self.silence:
            return Reaction(answer, ReactionKind.SILENCE, self.name)
        above = above_acceptable(self, [answer], self.acceptable)[0]
        pleased = (pleases < expit(above / self.temperature)) != (lies < self.adversarial)
        kinds, shares = zip(*(PRAISE if pleased else BLAME), strict=True)
        return Reaction(answer, kinds[int(np.searchsorted(np.cumsum(shares)[:-1], which, side="right"))], self.name)


@dataclass(frozen=True)
class ScriptedFollowUps(WorldUser):
    """What a user writes next: thanks for an answer with no fault of `patience` nats or more, else what is wrong and what they
    wish. miss: how often they overlook a fault."""

    traits = Traits(item="answer", gives="what a user says after an answer")
    patience: float = 0.3
    miss: float = 0.0
    name: str = "scripted-follow-up"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rates(miss=self.miss)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> FollowUp:
        answer = completion_of(item, self.name)
        critic = ScriptedCritic(self.world, self.user, most=10**6, miss=self.miss)
        serious = [each for each in critic.found(answer, rng) if each.loss >= self.patience]
        if not serious:
            return FollowUp(answer, THANKS, self.name, Polarity.PRAISE)
        text = f"That is not what I asked for. {serious[0].text} {serious[0].wish}"
        return FollowUp(answer, text, self.name, Polarity.BLAME)
