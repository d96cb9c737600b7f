"""Labels that several workers gave to items, some items by some workers: the input of every aggregation.

Names are sorted, so that the order in which labels came changes no result. _V votes, _W workers, _I items, _L labels."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import InputError
from ...core.records import Abstention, Feedback, Label, labels_of

Name = str | int | float
FIRST, SECOND, TIE = "first", "second", "tie"


@dataclass(frozen=True, slots=True)
class Votes:
    """worker_V, item_V, label_V: places in `workers`, `items` and `labels`. Several votes of one worker on one item all count.
    abstained: how often each worker was asked and said nothing. Make one with `votes` or `votes_of_feedback`."""

    workers: tuple[Name, ...]
    items: tuple[Name, ...]
    labels: tuple[Name, ...]
    worker_V: np.ndarray
    item_V: np.ndarray
    label_V: np.ndarray
    abstained: Mapping[Name, int]

    def __len__(self) -> int:
        return len(self.label_V)

    @property
    def abstentions(self) -> int:
        return sum(self.abstained.values())

    def counts_IL(self, some_V: np.ndarray | slice = slice(None)) -> np.ndarray:
        """How many votes each item got for each label, of some votes or of all."""
        cell_V = (self.item_V * len(self.labels) + self.label_V)[some_V]
        return np.bincount(cell_V, minlength=len(self.items) * len(self.labels)).reshape(len(self.items), -1).astype(float)

    def per_worker(self) -> np.ndarray:
        """Votes a worker gave, [W]."""
        return np.bincount(self.worker_V, minlength=len(self.workers))


def votes(
    workers: Sequence[Name], items: Sequence[Name], labels: Sequence[Name | None], known: Sequence[Name] | None = None
) -> Votes:
    """Votes from three columns, one row a question asked. A label of None or NaN is an abstention: counted, and missing data.
    known: all labels there are, where some may never have been given; None is those that were."""
    if not len(workers) == len(items) == len(labels):
        raise InputError(f"the columns hold {len(workers)}, {len(items)} and {len(labels)} rows; they are equally long")
    said = [label is not None and not (isinstance(label, float) and math.isnan(label)) for label in labels]
    given = {label for label, is_said in zip(labels, said, strict=True) if is_said and label is not None}
    if known is not None and (unknown := given - set(known)):
        raise InputError(f"labels {_sorted(unknown)} were given, which `known` does not list; add them, or leave `known` out")
    names = (_sorted(set(workers)), _sorted(set(items)), _sorted(given if known is None else set(known)))
    places = [{name: place for place, name in enumerate(each)} for each in names]
    rows = sorted(
        (places[0][worker], places[1][item], places[2][label])  # type: ignore[index]
        for worker, item, label, is_said in zip(workers, items, labels, said, strict=True)
        if is_said
    )
    table = np.array(rows, dtype=np.intp).reshape(-1, 3)
    silent = Counter(worker for worker, is_said in zip(workers, said, strict=True) if not is_said)
    return Votes(*names, table[:, 0], table[:, 1], table[:, 2], {name: silent[name] for name in names[0]})


def votes_of(labels: Iterable[Label]) -> Votes:
    """Votes on pairs from labels, whichever way round each was shown: `first` for the answer that comes first in the pair's
    canonical order, `second`, or `tie`; soft verdicts are rounded. The worker is the label's judge, the item the pair."""
    table = list(labels)
    return votes([each.judge for each in table], [each.pair.key for each in table], [_said(each) for each in table])


def votes_of_feedback(feedback: Sequence[Feedback | Abstention]) -> Votes:
    """Votes on pairs from preferences and abstentions. Raises ValueError for other feedback."""
    return votes_of(labels_of(feedback))


def _said(label: Label) -> str | None:
    if label.abstained:
        return None
    if label.p_left == 0.5:
        return TIE
    return FIRST if (label.p_left > 0.5) == label.pair.is_canonical else SECOND


def _sorted(names: set[Name] | set[Name | None]) -> tuple[Name, ...]:
    return tuple(sorted((name for name in names if name is not None), key=lambda name: (type(name).__name__, name)))
