"""An annotator that changes while it works: it tires, or learns; its flip rate and its temperature move with time.

An annotator is asked about one item and sees no clock, and nothing may depend on the order in which items happen to be asked.
So time is a property of the prompt, which `clock` gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Item, Preference
from ...core.seeds import digest
from ..traits import Traits
from .flip import Flip
from .pairwise import pair_of
from .temperature import Temperature

Clock = Mapping[str, float] | Sequence[str]


class Drift:
    """`inner`, whose flip rate goes from rate[0] to rate[1], in [0, 0.5], and whose temperature (see `Temperature`) from
    temperature[0] to temperature[1], both in a straight line over time 0 to 1.

    clock: the time of each prompt's id, in [0, 1]; or the ids in the order in which they are worked through. None takes a hash
    of the id: times spread evenly over prompts, which gives the mixture of early and late labels and no order in time.
    """

    traits = Traits(symmetric=True)

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
        self.inner, self._rate, self._temperature = inner, rate, temperature
        self._times = _times(clock)
        ends = f"{rate[0]:g}..{rate[1]:g}, {temperature[0]:g}..{temperature[1]:g}"
        self.name = name or f"drift({inner.name}, {ends})"
        for end in (0, 1):  # both ends are sound, and so is what lies between them
            Flip(Temperature(inner, temperature[end]), rate[end])

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Preference | Abstention:
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
            raise InputError(
                f"the clock of {self.name!r} has no time for the prompt {prompt_id!r}; it has {len(self._times)} others"
            )
        return self._times[prompt_id]


def _times(clock: Clock | None) -> dict[str, float] | None:
    if clock is None:
        return None
    if isinstance(clock, Mapping):
        times = {prompt: float(time) for prompt, time in clock.items()}
    elif isinstance(clock, str):
        raise InputError(f"the clock is {clock!r}; it is a table of times by prompt id, or a list of prompt ids")
    else:
        order = list(dict.fromkeys(clock))
        times = {prompt: place / max(len(order) - 1, 1) for place, prompt in enumerate(order)}
    for prompt, time in times.items():
        if not 0.0 <= time <= 1.0:
            raise InputError(f"the clock gives the prompt {prompt!r} the time {time}; it is in [0, 1]")
    return times
