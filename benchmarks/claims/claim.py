"""The contract of a claim: a finding of the literature, made again as rows, and a check that can fail.

A module of a claim ends with `CLAIM = Claim(run, checks)`; its line in the table (`claims.toml`) says what is claimed, and
where. `run` takes `seeds` first; its other parameters have defaults, and are options of `pasture claims run`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from inspect import signature

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.results import Measure
from ...eval.intervals.clusters import mean_over_seeds
from ...eval.win_rates.win_rate import win_rate_from_scores


class Outcome(StrEnum):
    """What a check of a claim comes to."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_BE_TOLD = "cannot be told"


def check_seeds(seeds: int) -> None:
    """Raises InputError for fewer than two."""
    if seeds < 2:
        raise InputError(f"{seeds} seeds were asked for; an interval over seeds needs two or more")


@dataclass(frozen=True, slots=True)
class Check:
    """That the row `name` of `group` lies above `bound`, or below it, with the whole of its interval."""

    group: str
    name: str
    bound: float = 0.0
    below: bool = False

    def outcome(self, of: Estimate) -> Outcome:
        """`CANNOT_BE_TOLD` where the interval holds the bound, and where there is none."""
        if of.low is None or of.high is None or not of.low <= of.high:  # no interval, or NaN
            return Outcome.CANNOT_BE_TOLD
        if of.low > self.bound or of.high < self.bound:
            return Outcome.HOLDS if (of.high < self.bound) == self.below else Outcome.DOES_NOT_HOLD
        return Outcome.CANNOT_BE_TOLD


@dataclass(frozen=True, slots=True)
class Claim:
    """run: `(seeds, ...) -> rows`. checks: what must be true of them, all of it."""

    run: Callable[..., Sequence[Measure]]
    checks: tuple[Check, ...]

    @property
    def seeds(self) -> int:
        """How many `run` takes unless it is told."""
        return signature(self.run).parameters["seeds"].default

    def judged(self, rows: Sequence[Measure]) -> tuple[list[Measure], Outcome]:
        """The rows, those that are checked with what was found, and what is found of the claim: one check that fails is enough."""
        found = {(each.group, each.name): each for each in rows}
        outcomes = {(each.group, each.name): each.outcome(found[each.group, each.name].estimate) for each in self.checks}
        told = [replace(row, finding=str(outcomes.get(key, ""))) for key, row in found.items()]
        for worst in (Outcome.DOES_NOT_HOLD, Outcome.CANNOT_BE_TOLD):
            if worst in outcomes.values():
                return told, worst
        return told, Outcome.HOLDS


def over_seeds(values_S: Sequence[float] | np.ndarray) -> Estimate:
    """The mean of one number per seed, with a t interval."""
    return mean_over_seeds(np.array(values_S, dtype=float)[:, None])


def share_over_seeds(shares_S: Sequence[float]) -> Estimate:
    """The same of shares, with an interval that stays within 0 and 1."""
    found = win_rate_from_scores(shares_S, range(len(shares_S)))
    return replace(found, how=f"mean share of {len(shares_S)} seeds, each a sample", extra={})
