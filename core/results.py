"""What a command found, as rows that every printer reads, and what a ranking produced; and their JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from .files.reading import read_json, reading
from .files.writing import write_atomically
from .records import Estimate

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of a result: an estimate under a name, in a group of rows that belong together.
    unit: `share` in [0, 1], `difference` of shares, `kappa`, `correlation`, `dollars`, `number` for what has no unit, or a plural
    noun, such as `nats`. means: what is measured, in a few words. finding: what the number shows, where a rule decided that."""

    group: str
    name: str
    estimate: Estimate
    unit: str
    means: str = ""
    finding: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row as scripts read it: all that the estimate says stands beside its name."""
        words = {"group": self.group, "name": self.name, "unit": self.unit, "means": self.means, "finding": self.finding}
        return words | estimate_json(self.estimate)


def estimate_json(estimate: Estimate) -> dict[str, Any]:
    """An estimate as plain values, under the names that it has."""
    return json_safe({each.name: getattr(estimate, each.name) for each in fields(estimate)})


def json_safe(value: Any) -> Any:
    """The same value with null for NaN and the infinities, which JSON does not have, and with tables and lists made plain."""
    if isinstance(value, Mapping):
        return {name: json_safe(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One line of a method's training log. None where a quantity is not known at that step."""

    step: int
    reward: float | None
    kl: float | None
    length: float | None
    entropy: float | None
    extra: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curve:
    """A method's training log under one seed."""

    method: str
    seed: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """How far two methods are apart: the win rate of the better one less that of the worse, on the same prompts."""

    better: str
    worse: str
    difference: Estimate
    """In [-1, 1]; the interval is this pair's own. `extra["p_holm"]`: p-value after Holm's correction over all pairs."""

    @property
    def is_separated(self) -> bool:
        """Whether the two can be told apart, at the level of the interval and after Holm's correction."""
        return self.difference.extra.get("p_holm", 1.0) <= 1.0 - self.difference.level


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method over all seeds. KL is in nats per answer from the policy that the suite starts from."""

    method: str
    win_rate: Estimate
    gold_win_rate: Estimate
    gold_value: Estimate
    kl: Estimate
    length: float
    """Mean tokens an answer."""
    seeds: int
    labels: int
    """Labels bought, per seed."""
    seconds: float
    """Wall-clock of training and evaluation, per seed."""
    label_abstentions: int | None = None
    """How many of the labels are abstentions, in the seed that has most of them; None in results of 0.1, which do not say."""


@dataclass(frozen=True, slots=True)
class Example:
    """One judged comparison. `p_candidate` is None where the evaluator abstained; `gold_*` are latent utilities, None where the
    world knows none."""

    method: str
    seed: int
    prompt: str
    candidate: str
    rival: str
    shown_first: str
    """`candidate` or `rival`: which of the two the evaluator saw first."""
    p_candidate: float | None
    annotator: str
    rationale: str
    gold_candidate: float | None
    gold_rival: float | None


@dataclass(frozen=True, slots=True)
class RankingResult:
    """A ranking of methods by win rate against fixed rivals, best first, beside the ranking by gold."""

    world: str
    feedback: str
    """Who labelled the training data, noise included."""
    evaluator: str
    """Who judged the answers."""
    methods: tuple[MethodResult, ...]
    spearman: Estimate
    kendall: Estimate
    curves: tuple[Curve, ...]
    examples: tuple[Example, ...]
    manifest: Mapping[str, Any]
    pairs: tuple[Pair, ...] = ()
    """Every two methods, in the order of the ranking; none in results of 0.1."""

    def rows(self) -> list[Measure]:
        """What was measured of each method, of every two, and of the ranking, as rows."""
        found = []
        for each in self.methods:
            found += [
                Measure(each.method, "win rate", each.win_rate, "share", "against fixed answers, as the evaluator sees it"),
                Measure(each.method, "gold win rate", each.gold_win_rate, "share", "the same by the world's truth"),
                Measure(each.method, "gold value", each.gold_value, "nats", "mean true utility of the answers"),
                Measure(each.method, "KL", each.kl, "nats", "per answer, from the policy that the suite starts from"),
            ]
        for each in self.pairs:
            apart = "told apart" if each.is_separated else "not told apart"
            name = f"{each.better} less {each.worse}"
            found.append(Measure("paired differences", name, each.difference, "difference", "of win rates, by Holm", apart))
        for name, estimate in (("Spearman", self.spearman), ("Kendall", self.kendall)):
            found.append(Measure("agreement with gold", name, estimate, "correlation", "of the ranking with that by gold"))
        return found

    def save(self, path: Path) -> None:
        write_atomically(path, TypeAdapter(RankingResult).dump_json(self, indent=1))

    @staticmethod
    def load(path: Path) -> RankingResult:
        """Raises InputError for a file that is missing, damaged or of something else."""
        return read_record(path, RankingResult, "the ranking.json that `pasture rank` writes in its run folder")


def read_record(path: Path, kind: type[T], expected: str) -> T:
    """The record that a JSON file holds, its numbers finite. Raises InputError for what is not `expected`."""
    found = read_json(path, expected)
    with reading(path, expected):
        return TypeAdapter(kind).validate_json(json.dumps(found, allow_nan=False), strict=True)
