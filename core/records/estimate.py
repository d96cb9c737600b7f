"""A number with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty. `value` is None where it is undefined, and `how` then says why.

    `low` and `high` bound it at `level`; `n` observations went in, `abstentions` were asked for and gave none.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    how: str
    abstentions: int = 0
    standard_error: float | None = None
    level: float = 0.95
    extra: Mapping[str, float] = field(default_factory=dict)
