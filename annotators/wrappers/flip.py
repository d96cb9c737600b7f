"""Label noise around an annotator, drawn once a pair: symmetric flips, lapses, and flips that depend on length, position,
closeness, on who answered, on the prompt, or on time (`Drift`).

AlpacaFarm (Dubois et al. 2023, arXiv:2305.14387) flips 25 % of its judge's labels. Departs from it: noise is keyed on the
pair, not on the instruction, so that two pairs of one prompt err independently; and a label that noise decides is not bought.

A flip at rate r is a fair coin in place of the label with probability 2r. Where the rate differs by verdict, the coin is
tossed with twice the smaller rate, and the rest is a flip after the verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng, World
from ...core.records import Abstention, Comparison, Item, Preference
from ...core.seeds import digest, rng_for
from ...simulators.noise import InstanceDependentFlip, LengthConditionalFlip, Noise, PositionConditionalFlip, SymmetricFlip, draw
from ..annotator import Traits, pair_of, renamed
from .log_odds import Temperature
from .wrapper import Wrapper


class Flip(Wrapper):
    """`inner`, whose label is inverted with probability `rate`, in [0, 0.5]; 0.5 is a fair coin that asks nobody."""

    def __init__(self, inner: Annotator, rate: float, name: str = "") -> None:
        super().__init__(inner, name or f"flip({inner.name}, {rate:g})")
        self.noise: Noise = SymmetricFlip(_checked("rate", rate))

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        rate_left, rate_right = self.rates(pair)
        coin = 2.0 * min(rate_left, rate_right)
        is_decided, toss, second = rng.random() < coin, draw(0.5, pair, rng), rng.random()
        if is_decided:
            return Preference(pair, toss, self.name, rationale="noise")
        verdict = await self.verdict(pair, ask, rng)
        if isinstance(verdict, Abstention) or verdict.is_tied or coin == 1.0:
            return renamed(verdict, self.name)
        is_flipped = second < (self.rate(verdict, rate_left, rate_right) - coin / 2.0) / (1.0 - coin)
        return replace(verdict, p_left=1.0 - verdict.p_left if is_flipped else verdict.p_left, annotator=self.name)

    def rates(self, pair: Comparison) -> tuple[float, float]:
        """The least probability of a flip of a verdict for the left answer, and for the right."""
        advantage = self.advantage(pair)
        return 1.0 - self.noise(1.0, pair, advantage), self.noise(0.0, pair, advantage)

    def rate(self, said: Preference, rate_left: float, rate_right: float) -> float:
        """The probability of a flip of this verdict, no less than `rates` say."""
        return rate_left if said.p_left > 0.5 else rate_right

    def advantage(self, pair: Comparison) -> float:
        """True utility difference in nats where the noise depends on it; NaN where it does not."""
        return float("nan")


class Lapse(Flip):
    """With probability `rate`, in [0, 1], a fair coin answers and `inner` is not asked (Wichmann & Hill 2001): a flip of half
    that rate."""

    def __init__(self, inner: Annotator, rate: float, name: str = "") -> None:
        if not isinstance(rate, int | float) or not 0.0 <= rate <= 1.0:
            raise InputError(f"the lapse rate is {rate!r}; it is a probability in [0, 1]")
        super().__init__(inner, rate / 2.0, name or f"lapse({inner.name}, {rate:g})")


class FlipByLength(Flip):
    """A verdict for the longer answer (in words) is inverted with probability `rate_longer`, for the shorter `rate_shorter`."""

    def __init__(self, inner: Annotator, rate_longer: float, rate_shorter: float, name: str = "") -> None:
        Wrapper.__init__(self, inner, name or f"flip-by-length({inner.name}, {rate_longer:g}, {rate_shorter:g})")
        self.noise = LengthConditionalFlip(_checked("rate_longer", rate_longer), _checked("rate_shorter", rate_shorter))


class FlipByPosition(Flip):
    """A verdict for the answer shown first is inverted with probability `rate_left`, for the other with `rate_right`."""

    traits = Traits()

    def __init__(self, inner: Annotator, rate_left: float, rate_right: float, name: str = "") -> None:
        Wrapper.__init__(self, inner, name or f"flip-by-position({inner.name}, {rate_left:g}, {rate_right:g})")
        self.noise = PositionConditionalFlip(_checked("rate_left", rate_left), _checked("rate_right", rate_right))


class FlipByCloseness(Flip):
    """Close pairs are flipped most: with probability largest * exp(-|true utility difference| / scale).

    largest: rate at equal utilities, in [0, 0.5]. scale: in nats, > 0."""

    def __init__(self, inner: Annotator, world: World, largest: float = 0.5, scale: float = 1.0, name: str = "") -> None:
        Wrapper.__init__(self, inner, name or f"flip-by-closeness({inner.name}, {largest:g}, {scale:g})")
        self.world = world
        self.noise = InstanceDependentFlip(_checked("largest", largest), scale)

    def advantage(self, pair: Comparison) -> float:
        return self.world.advantage(pair)


class FlipByAnnotator(Flip):
    """Each member of a pool errs at its own rate: that of the `persona` of the verdict, or of its `annotator` where it has none.

    rates: by name, each in [0, 0.5]. default: of those not named; without it they are an error. No call is saved but what the
    least rate decides, since who answers shows only in the answer."""

    def __init__(self, inner: Annotator, rates: Mapping[str, float], default: float | None = None, name: str = "") -> None:
        self._rates = {who: _checked(f"the rate of {who!r}", rate) for who, rate in rates.items()}
        self._default = None if default is None else _checked("default", default)
        known = [rate for rate in (*self._rates.values(), self._default) if rate is not None]
        if not known:
            raise InputError("`rates` is empty and there is no `default`; give each member of the pool its rate")
        self._least = min(known)
        said = ", ".join(f"{who}={rate:g}" for who, rate in self._rates.items())
        Wrapper.__init__(self, inner, name or f"flip-by-annotator({inner.name}, {said})")

    def rates(self, pair: Comparison) -> tuple[float, float]:
        return self._least, self._least

    def rate(self, said: Preference, rate_left: float, rate_right: float) -> float:
        who = said.persona or said.annotator
        rate = self._rates.get(who, self._default)
        if rate is None:
            raise InputError(f"{self.name!r} has no rate for {who!r}; it has: {', '.join(self._rates)}; or give a `default`")
        return rate


class FlipByPrompt(Flip):
    """Flips at `rate` that are correlated across the pairs of one prompt: two of them have correlation `correlation`, in [0, 1].

    Each pair takes its prompt's own draw with probability sqrt(correlation), and else one of its own; 0 is `Flip`, and at 1 all
    labels of a prompt are flipped or none is, as with noise keyed on the instruction (AlpacaFarm's). seed: of the prompts'
    draws; the run's seed moves the rest. A pair that takes its prompt's draw is asked about: only a flip that is independent
    can be had without the label."""

    def __init__(self, inner: Annotator, rate: float, correlation: float = 1.0, seed: int = 0, name: str = "") -> None:
        if not isinstance(correlation, int | float) or not 0.0 <= correlation <= 1.0:
            raise InputError(f"the correlation is {correlation!r}; it is in [0, 1]")
        super().__init__(inner, rate, name or f"flip-by-prompt({inner.name}, {rate:g}, {correlation:g})")
        self._rate, self._seed, self._shares = float(rate), seed, math.sqrt(correlation)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        if rng.random() >= self._shares:
            return await super().annotate(pair, ask, rng)
        verdict = await self.verdict(pair, ask, rng)
        if isinstance(verdict, Abstention) or rng_for(self._seed, self.name, pair.prompt.id).random() >= self._rate:
            return renamed(verdict, self.name)
        return replace(verdict, p_left=1.0 - verdict.p_left, annotator=self.name)


def _checked(name: str, rate: float) -> float:
    if not isinstance(rate, int | float) or not 0.0 <= rate <= 0.5:
        raise InputError(f"{name} is {rate!r}; it is a probability in [0, 0.5]: more than one half would invert the annotator")
    return float(rate)


Clock = Mapping[str, float] | Sequence[str]


class Drift(Wrapper):
    """`inner`, whose flip rate goes from rate[0] to rate[1], in [0, 0.5], and whose temperature (see `Temperature`) from
    temperature[0] to temperature[1], both in a straight line over time 0 to 1.

    clock: the time of each prompt's id, in [0, 1]; or the ids in the order in which they are worked through. None takes a hash
    of the id: times spread evenly over prompts, which gives the mixture of early and late labels and no order in time."""

    def __init__(
        self,
        inner: Annotator,
        rate: Sequence[float] = (0.0, 0.0),
        temperature: Sequence[float] = (1.0, 1.0),
        clock: Clock | None = None,
        name: str = "",
    ) -> None:
        for option, ends in (("rate", rate), ("temperature", temperature)):
            if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(isinstance(end, int | float) for end in ends):
                raise InputError(f"{option} is {ends!r}; it is two numbers: at the start and at the end")
        self._rate, self._temperature, self._times = rate, temperature, _times(clock)
        ends = f"{rate[0]:g}..{rate[1]:g}, {temperature[0]:g}..{temperature[1]:g}"
        super().__init__(inner, name or f"drift({inner.name}, {ends})")
        for end in (0, 1):  # both ends are sound, and so is what lies between them
            Flip(Temperature(inner, temperature[end]), rate[end])

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        time = self.time(pair.prompt.id)
        rate, temperature = ((1.0 - time) * ends[0] + time * ends[1] for ends in (self._rate, self._temperature))
        now = Flip(Temperature(self.inner, temperature), min(rate, 0.5), self.name)
        return await now.annotate(pair, ask, rng)

    def time(self, prompt_id: str) -> float:
        """When this prompt is worked on, in [0, 1]. Raises InputError for one that the clock does not know."""
        if self._times is None:
            return int.from_bytes(digest("drift", prompt_id)[:8], "little") / 2.0**64
        if prompt_id not in self._times:
            known = f"it has {len(self._times)} others"
            raise InputError(f"the clock of {self.name!r} has no time for the prompt {prompt_id!r}; {known}")
        return self._times[prompt_id]


def _times(clock: Clock | None) -> dict[str, float] | None:
    if clock is None:
        return None
    if isinstance(clock, str):
        raise InputError(f"the clock is {clock!r}; it is a table of times by prompt id, or a list of prompt ids")
    order = list(dict.fromkeys(clock))
    times = clock if isinstance(clock, Mapping) else {prompt: k / max(len(order) - 1, 1) for k, prompt in enumerate(order)}
    times = {prompt: float(time) for prompt, time in times.items()}
    for prompt, time in times.items():
        if not 0.0 <= time <= 1.0:
            raise InputError(f"the clock gives the prompt {prompt!r} the time {time}; it is in [0, 1]")
    return times
