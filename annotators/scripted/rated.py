"""Scripted users who choose, rate and rank by a world's true utilities, with known noise and no engine.

Bradley & Terry 1952 for pairs; Plackett 1975 and Luce 1959 for rankings, by the Gumbel trick (adding Gumbel noise of scale T to
utilities and sorting draws a Plackett-Luce ranking at temperature T). Noise is drawn an answer in the order of the answers' texts,
so that no order in which they are shown changes a choice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ...core.errors import InputError
from ...core.protocols import Ask, Rng
from ...core.records import Abstention, Comparison, Completion, Item, Preference, Ranking, Rating, Reason
from ...simulators.noise import bradley_terry, draw
from ..annotator import Traits, pair_of, slate_of
from .pairs import WorldUser
from .worded import above_acceptable

OVERALL = "overall"


@dataclass(frozen=True)
class ScriptedRanker(WorldUser):
    """Ranks a slate, or chooses from a pair, as Plackett and Luce have it. temperature: noise in nats, >= 0; at 0 the order is that
    of the utilities, and equals stand in an order drawn at random (a pair's are a tie)."""

    traits = Traits(item="slate")
    temperature: float = 1.0
    name: str = "scripted-ranker"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_noise(temperature=self.temperature)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Ranking | Preference:
        if isinstance(item, Comparison):
            p_left = float(bradley_terry(self.world.advantage(item, self.user), self.temperature))
            return Preference(item, p_left if p_left == 0.5 and self.temperature == 0 else draw(p_left, item, rng), self.name)
        slate = slate_of(item, self.name)
        utility_K = self.world.utility(slate.completions, self.user)
        perceived_K = utility_K + self.temperature * _noise(slate.completions, rng.gumbel, ())
        chance_K = _noise(slate.completions, rng.random, ())
        return Ranking(slate, tuple(np.lexsort((chance_K, -perceived_K)).tolist()), self.name)


@dataclass(frozen=True)
class ScriptedRater(WorldUser):
    """Scores an answer on each of the world's aspects, and overall, on a scale of whole numbers.

    An aspect's score says what it contributes to the user's utility, and `overall` by how much the utility is above the acceptable
    one: low + (high - low) * sigmoid(nats / scale), rounded. noise: standard deviation, in points of the scale, of each score
    before it is rounded. aspects: those to score; None is all. acceptable: nats; None is the median of the world's rivals. One
    answer gets a Rating; a pair a Preference by the overall scores (equal ones tie), with their difference as its strength; a slate
    a Ranking, with the overall scores as its grades and equal ones in an order drawn at random."""

    traits = Traits(item="answer")
    low: int = 1
    high: int = 5
    noise: float = 0.5
    scale: float = 0.7
    aspects: Sequence[str] | None = None
    acceptable: float | None = None
    name: str = "scripted-rater"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_noise(noise=self.noise)
        if not self.low < self.high or not self.scale > 0:
            raise InputError(f"low={self.low}, high={self.high}, scale={self.scale}: expected low below high and a scale above 0")
        for aspect in self.aspects or ():
            if aspect not in self.world.aspects:
                raise InputError(f"the world {self.world.name!r} has no aspect {aspect!r}; it has: {', '.join(self.world.aspects)}")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Rating | Preference | Ranking:
        if isinstance(item, Completion):
            names, (scores,) = (OVERALL, *self._aspects()), self._scores([item], rng).tolist()
            return Rating(item, dict(zip(names, scores, strict=True)), self.name)
        if isinstance(item, Comparison):
            left, right = self._scores([item.left, item.right], rng)[:, 0]
            return Preference(item, 0.5 + 0.5 * float(np.sign(left - right)), self.name, strength=abs(float(left - right)))
        slate = slate_of(item, self.name)
        grades_K = self._scores(slate.completions, rng)[:, 0]
        order = np.lexsort((_noise(slate.completions, rng.random, ()), -grades_K))
        return Ranking(slate, tuple(order.tolist()), self.name, tuple(grades_K.tolist()))

    def _aspects(self) -> Sequence[str]:
        return self.world.aspects if self.aspects is None else self.aspects

    def _scores(self, answers: Sequence[Completion], rng: Rng) -> np.ndarray:
        """[K, 1 + aspects], overall first."""
        chosen = [list(self.world.aspects).index(each) for each in self._aspects()]
        overall_K = above_acceptable(self, answers, self.acceptable)
        parts_KA = self.world.features(answers)[:, chosen] * self.world.weights(self.user)[chosen]
        nats_KS = np.column_stack((overall_K, parts_KA))
        exact_KS = self.low + (self.high - self.low) * expit(nats_KS / self.scale)
        noisy_KS = exact_KS + self.noise * _noise(answers, rng.standard_normal, nats_KS.shape[1:])
        return np.clip(np.rint(noisy_KS), self.low, self.high)


@dataclass(frozen=True)
class ScriptedVerdict(WorldUser):
    """Says which of two answers is better, how much, and why.

    temperature: noise in nats of each verdict (as Bradley and Terry have it). tie: nats of perceived difference below which they
    tie. acceptable: nats below which an answer is not acceptable; where both are not, it abstains (`Reason.NEITHER`; None: never).
    `strength` is the perceived difference in nats; the rationale names the worst faults of the worse answer."""

    traits = Traits(symmetric=True)
    temperature: float = 1.0
    tie: float = 0.0
    acceptable: float | None = None
    reasons: int = 2
    name: str = "scripted-verdict"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_noise(temperature=self.temperature, tie=self.tie)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        worth = self.world.utility([pair.left, pair.right], self.user)
        noise = rng.logistic(scale=self.temperature) if self.temperature else 0.0
        perceived = self.world.advantage(pair, self.user) + (noise if pair.is_canonical else -noise)
        if pair.left.text == pair.right.text:
            perceived = 0.0
        if self.acceptable is not None and max(worth) < self.acceptable:
            return Abstention(pair, Reason.NEITHER, self.name, "Neither answer is acceptable.")
        if abs(perceived) < self.tie or perceived == 0.0:
            return Preference(pair, 0.5, self.name, strength=0.0, rationale="Neither answer is clearly better.")
        worse, label = (pair.right, "B") if perceived > 0 else (pair.left, "A")
        faults = self.world.faults(worse, self.user)[: self.reasons]
        why = " ".join(dict.fromkeys(each.text for each in faults)) or "It is a matter of taste."
        rationale = f"Answer {'A' if label == 'B' else 'B'} is better. Of answer {label}: {why}"
        return Preference(pair, float(perceived > 0), self.name, strength=float(abs(perceived)), rationale=rationale)


def _noise(answers: Sequence[Completion], drawn: Callable[..., np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """One draw an answer, [K, *shape], made in the order of the texts; equal texts share the first's."""
    texts = sorted({each.text for each in answers})
    noise = drawn(size=(len(texts), *shape))
    return noise[[texts.index(each.text) for each in answers]]


def _check_noise(**noises: float) -> None:
    for name, value in noises.items():
        if not value >= 0:
            raise InputError(f"the {name} is {value}; it is 0 or more")
