"""What wrappers of annotators share, and the two that change what is asked: both orders of a pair, which cancels an additive
position bias (Wang et al. 2023, arXiv:2305.17926), or a part of the items."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask, Rng
from ...core.records import Abstention, Comparison, Feedback, Item, Preference, Reason
from ...core.seeds import rng_for
from ..annotator import Traits, foremost, pair_of, renamed, shared_seed, verdict_of
from ..prompting.prompted import together


class Wrapper:
    """A subclass gives `change`. An abstention of `inner` stays one, in the wrapper's name; only a preference is changed.

    name: blank for `inner`'s own, which a subclass may want to replace."""

    traits = Traits(symmetric=True)

    def __init__(self, inner: Annotator, name: str = "") -> None:
        self.inner, self.name = inner, name or inner.name

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        verdict = await self.verdict(pair, ask, rng)
        return renamed(verdict if isinstance(verdict, Abstention) else self.change(verdict, pair, rng), self.name)

    async def verdict(self, pair: Comparison, ask: Ask, rng: Rng) -> Preference | Abstention:
        """What `inner` says of the pair. Raises InputError where it gives another kind of feedback."""
        return verdict_of(await self.inner.annotate(pair, ask, rng), self.inner.name, self.name)

    def change(self, preference: Preference, pair: Comparison, rng: Rng) -> Preference:
        """The preference that the wrapper gives for that of `inner`; as it is, by default."""
        return preference


class Swap(Wrapper):
    """`inner` on the pair and on its swap; p_left and `strength` are means of both, and `parts` hold the two as they were shown.

    Both orders draw from like generators, as they would if they were asked apart. If one order gives no verdict, there is none."""

    def __init__(self, inner: Annotator, name: str = "") -> None:
        super().__init__(inner, name or f"swap({inner.name})")

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair, seed = pair_of(item, self.name), shared_seed(rng)
        orders = [self.inner.annotate(each, ask, rng_for(seed, self.inner.name)) for each in (pair, pair.swapped())]
        first, second = (verdict_of(each, self.inner.name, self.name) for each in await together(orders))
        if isinstance(first, Abstention) or isinstance(second, Abstention):
            said = (("in the order given", first), ("in the other order", second))
            silent = [(order, each) for order, each in said if isinstance(each, Abstention)]
            own: dict[str, Any] = {"item": pair, "annotator": self.name}
            return foremost([replace(each, detail=f"{order}: {each.detail}", **own) for order, each in silent])
        p_left, strength = (first.p_left + (1.0 - second.p_left)) / 2.0, None
        if first.strength is not None and second.strength is not None:  # a verdict for the other answer counts against it
            signed = first.strength * _side(first.p_left) - second.strength * _side(second.p_left)
            strength = max(_side(p_left) * signed / 2, 0.0)
        both: dict[str, Any] = {"parts": (first, second), "silent": first.silent + second.silent}
        return replace(first, p_left=p_left, annotator=self.name, strength=strength, **both)


def _side(p_left: float) -> int:
    return (p_left > 0.5) - (p_left < 0.5)


class Rationed:
    """`inner`, asked about a part of the items only. Give one of:

    share: in [0, 1], of the items, drawn by the run's seed, the annotator's name and the item: met as a coin meets it.
    labels: how many items, the first distinct ones of `among` (the items of the work, in order); a pair and its swap are one.
    dollars: as `labels`, at `dollars_a_label` each (the price that `pasture annotate --dry-run` says, divided by its pairs).
    Raises InputError for other combinations, and for an item that is not in `among`."""

    traits = Traits(symmetric=True)

    def __init__(
        self,
        inner: Annotator,
        share: float | None = None,
        labels: int | None = None,
        dollars: float | None = None,
        dollars_a_label: float | None = None,
        among: Iterable[Item] | None = None,
        name: str = "",
    ) -> None:
        limits = {key: value for key, value in (("share", share), ("labels", labels), ("dollars", dollars)) if value is not None}
        if len(limits) != 1 or (among is None) != (share is not None) or (dollars is None) != (dollars_a_label is None):
            expected = "`labels` and `dollars` go with `among`, the items in order, and `dollars` with `dollars_a_label`"
            raise InputError(f"a ration has one of share, labels, dollars, and was given {', '.join(limits) or 'none'}; {expected}")
        ((limit, size),) = limits.items()
        if not size >= 0 or (share is not None and share > 1) or (dollars_a_label is not None and not dollars_a_label > 0):
            raise InputError(f"{limit} is {size!r}; it is 0 or more, a share at most 1, and a label's price more than 0")
        self.inner, self._share = inner, share
        self.name = name or f"rationed({inner.name}, {limit}={size:g})"
        count = labels if dollars_a_label is None or dollars is None else int(dollars / dollars_a_label + 1e-9)
        order = list(dict.fromkeys(each.key for each in among)) if among is not None else []
        self._fits_in = {key: place < (count or 0) for place, key in enumerate(order)}
        self._detail = f"the ration of {size:g} {limit if limit != 'share' else 'of the items'} is used up"

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        if self._share is None and item.key not in self._fits_in:
            raise InputError(f"the item {item.key} is not among the {len(self._fits_in)} that {self.name!r} was given; give it all")
        if not (self._fits_in[item.key] if self._share is None else rng.random() < self._share):
            return Abstention(item, Reason.OVER_BUDGET, self.name, self._detail)
        return replace(await self.inner.annotate(item, ask, rng), annotator=self.name)
