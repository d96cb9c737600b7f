"""An annotator with a budget of its own, beside that of the run: what does not fit abstains as `over budget`.

Departs from a counter that stops: which request comes first depends on batches and shards, so a count made while working would
give other labels each time. Who is asked follows from the item (`share`) or from a list made before the work (`among`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Feedback, Item, Reason
from ..traits import Traits


class Rationed:
    """`inner`, asked about a part of the items only. Give one of:

    share: in [0, 1], of the items, drawn by the run's seed, the annotator's name and the item: met as a coin meets it.
    labels: how many items, the first distinct ones of `among` (the items of the work, in order); a pair and its swap are one.
    dollars: as `labels`, at `dollars_a_label` each (the price that `pasture annotate --dry-run` says, divided by its pairs).
    Raises InputError for other combinations, and for an item that is not in `among`.
    """

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
            raise InputError(
                f"a ration has one of share, labels, dollars, and was given {', '.join(limits) or 'none'}; `labels` and `dollars` "
                "go with `among`, the items in order, and `dollars` with `dollars_a_label`"
            )
        ((limit, size),) = limits.items()
        if not size >= 0 or (share is not None and share > 1) or (dollars_a_label is not None and not dollars_a_label > 0):
            raise InputError(f"{limit} is {size!r}; it is 0 or more, a share at most 1, and a label's price more than 0")
        self.inner, self._share = inner, share
        self.name = name or f"rationed({inner.name}, {limit}={size:g})"
        count = labels if dollars_a_label is None or dollars is None else int(dollars / dollars_a_label + 1e-9)
        order = list(dict.fromkeys(each.key for each in among)) if among is not None else []
        self._fits_in = {key: place < (count or 0) for place, key in enumerate(order)}
        self._detail = f"the ration of {size:g} {limit if limit != 'share' else 'of the items'} is used up"

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention:
        if not self._is_asked(item, rng):
            return Abstention(item, Reason.OVER_BUDGET, self.name, self._detail)
        said = await self.inner.annotate(item, ask, rng)
        return replace(said, annotator=self.name)

    def _is_asked(self, item: Item, rng: np.random.Generator) -> bool:
        if self._share is not None:
            return bool(rng.random() < self._share)
        if item.key not in self._fits_in:
            raise InputError(f"the item {item.key} is not among the {len(self._fits_in)} that {self.name!r} was given; give it all")
        return self._fits_in[item.key]
