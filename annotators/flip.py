"""Label noise around an annotator, drawn once a pair: symmetric flips, and flips that depend on length, position or closeness.

AlpacaFarm (Dubois et al. 2023, arXiv:2305.14387) flips 25 % of its judge's labels. Departs from it: noise is keyed on the
pair, not on the instruction, so that two pairs of one prompt err independently; and a label that noise decides is not bought.

A flip at rate r is a fair coin in place of the label with probability 2r. Where the rate differs by verdict, the coin is
tossed with twice the smaller rate, and the rest is a flip after the verdict.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.errors import InputError
from ..core.protocols import Annotator, Ask, World
from ..core.records import Abstention, Comparison, Item, Preference
from ..simulators.choice import draw
from ..simulators.noise import InstanceDependentFlip, LengthConditionalFlip, Noise, PositionConditionalFlip, SymmetricFlip
from .pairwise import pair_of, renamed, verdict_of


class Flip:
    """`inner`, whose label is inverted with probability `rate`, in [0, 0.5]; 0.5 is a fair coin that asks nobody."""

    def __init__(self, inner: Annotator, rate: float, name: str = "") -> None:
        self.inner = inner
        self.noise: Noise = SymmetricFlip(_checked("rate", rate))
        self.name = name or f"flip({inner.name}, {rate:g})"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        advantage = self.advantage(pair)
        rate_left = 1.0 - self.noise(1.0, pair, advantage)
        rate_right = self.noise(0.0, pair, advantage)
        coin = 2.0 * min(rate_left, rate_right)
        is_decided, toss, second = rng.random() < coin, draw(0.5, pair, rng), rng.random()
        if is_decided:
            return Preference(pair, toss, self.name, rationale="noise")
        said = verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)
        if isinstance(said, Abstention) or said.is_tied or coin == 1.0:
            return renamed(said, self.name)
        rate = rate_left if said.p_left > 0.5 else rate_right
        is_flipped = second < (rate - coin / 2.0) / (1.0 - coin)
        p_left = 1.0 - said.p_left if is_flipped else said.p_left
        return replace(said, p_left=p_left, annotator=self.name)

    def advantage(self, pair: Comparison) -> float:
        """True utility difference in nats where the noise depends on it; NaN where it does not."""
        return float("nan")


class FlipByLength(Flip):
    """A verdict for the longer answer (in words) is inverted with probability `rate_longer`, for the shorter `rate_shorter`."""

    def __init__(self, inner: Annotator, rate_longer: float, rate_shorter: float, name: str = "") -> None:
        self.inner = inner
        self.noise = LengthConditionalFlip(_checked("rate_longer", rate_longer), _checked("rate_shorter", rate_shorter))
        self.name = name or f"flip-by-length({inner.name}, {rate_longer:g}, {rate_shorter:g})"


class FlipByPosition(Flip):
    """A verdict for the answer shown first is inverted with probability `rate_left`, for the other with `rate_right`."""

    def __init__(self, inner: Annotator, rate_left: float, rate_right: float, name: str = "") -> None:
        self.inner = inner
        self.noise = PositionConditionalFlip(_checked("rate_left", rate_left), _checked("rate_right", rate_right))
        self.name = name or f"flip-by-position({inner.name}, {rate_left:g}, {rate_right:g})"


class FlipByCloseness(Flip):
    """Close pairs are flipped most: with probability largest * exp(-|true utility difference| / scale).

    largest: rate at equal utilities, in [0, 0.5]. scale: in nats, > 0.
    """

    def __init__(self, inner: Annotator, world: World, largest: float = 0.5, scale: float = 1.0, name: str = "") -> None:
        self.inner = inner
        self.world = world
        self.noise = InstanceDependentFlip(_checked("largest", largest), scale)
        self.name = name or f"flip-by-closeness({inner.name}, {largest:g}, {scale:g})"

    def advantage(self, pair: Comparison) -> float:
        return self.world.advantage(pair)


def _checked(name: str, rate: float) -> float:
    if not isinstance(rate, int | float) or not 0.0 <= rate <= 0.5:
        raise InputError(f"{name} is {rate!r}; it is a probability in [0, 0.5]: more than one half would invert the annotator")
    return float(rate)
