"""Iterative proportional fitting: the table closest to a seed that has given margins (Deming & Stephan 1940).

Closest is in Kullback-Leibler divergence (Csiszar 1975): every odds ratio that no margin speaks of stays the seed's, and a zero
stays a zero. Departure: a margin may be one of a part of the table only (`within`), such as education of those over 25."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...core.errors import InputError


@dataclass(frozen=True, slots=True)
class Margin:
    """What the table sums to over all axes but `axes` (ascending), `target` having their sizes.

    within: True where the margin speaks of a cell; its axes are the table's first ones, each of the table's size or 1."""

    name: str
    axes: tuple[int, ...]
    target: np.ndarray
    within: np.ndarray = field(default_factory=lambda: np.array(True))

    def of(self, table: np.ndarray) -> np.ndarray:
        """The table's own margin, of the target's shape."""
        return (table * self.mask(table)).sum(axis=tuple(axis for axis in range(table.ndim) if axis not in self.axes))

    def mask(self, table: np.ndarray) -> np.ndarray:
        """`within`, of a shape that broadcasts to the table's."""
        return self.within.reshape(self.within.shape + (1,) * (table.ndim - self.within.ndim))


def rake(seed: np.ndarray, margins: Sequence[Margin], tolerance: float = 1e-10, limit: int = 2000) -> np.ndarray:
    """A table of the seed's shape whose every margin is within `tolerance` (in the targets' unit) of its target.

    seed: counts or weights, >= 0. Raises InputError for a margin that the seed's zeros or the other margins make impossible."""
    table = np.array(seed, dtype=float)
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise InputError("the seed table holds a negative or undefined weight; weights are finite and 0 or more")
    for margin in margins:
        _check(table, margin)
    gap = np.inf
    for _ in range(limit):
        for margin in margins:
            now = margin.of(table)
            factor = np.divide(margin.target, now, out=np.ones_like(now), where=now > 0)
            shape = [size if axis in margin.axes else 1 for axis, size in enumerate(table.shape)]
            table *= np.where(margin.mask(table), factor.reshape(shape), 1.0)
        gap = max((np.abs(margin.of(table) - margin.target).max() for margin in margins), default=0.0)
        if gap <= tolerance:
            return table
    worst = max(margins, key=lambda margin: np.abs(margin.of(table) - margin.target).max())
    raise InputError(
        f"the margin {worst.name!r} is still off by {gap:.3g} after {limit} rounds: the margins contradict one another, or the "
        "seed's zeros; see that they have one total, and that some cell of the seed can hold each"
    )


def _check(table: np.ndarray, margin: Margin) -> None:
    shape = tuple(table.shape[axis] for axis in margin.axes)
    if margin.target.shape != shape:
        raise InputError(f"the margin {margin.name!r} has shape {margin.target.shape}, and its axes have sizes {shape}")
    empty = np.argwhere((margin.of(table) == 0) & (margin.target > 0))
    if len(empty):
        where = tuple(empty[0].tolist())
        raise InputError(
            f"the margin {margin.name!r} wants {margin.target[where]:g} at {where}, where the seed has nobody; give the seed some "
            "weight there, or the margin none"
        )
