"""Adults of the United States as one joint table of ten attributes, raked to published census margins.

Counts of the US Census Bureau, public domain. Seed: 1,561 adults of the ACS 2012 public-use sample. Margins: ACS 2022 1-year tables
B01001B to E, H and I (race by sex by age), CPS 2021 (education of those over 25), marital status of 2016. Approximations: `white`
is "white alone, not Hispanic"; the groups but that one hold some who are Hispanic or Latino too and are counted there as well, so
the six are renormalised; people of two or more races and of "some other race", who overlap with Hispanic or Latino most, are left
out; the years differ. Citizenship, home language and disability are known as shares of all adults only, and depend on the rest as
`parameters.toml` assumes."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from ...core.errors import InputError
from .parameters import Odds, Parameters

OLDEST = 94  # the last band is open; nobody is made older


def _bands(*firsts: int) -> dict[str, tuple[int, int]]:
    lasts = (*(first - 1 for first in firsts[1:]), OLDEST)
    return {f"{first}-{last}" if last < OLDEST else f"{first}+": (first, last) for first, last in zip(firsts, lasts, strict=True)}


BANDS, SEED_BANDS = _bands(18, 20, 25, 30, 35, 45, 55, 65, 75, 85), _bands(18, 25, 35, 45, 55, 65)
EMPLOYMENT = ("employed", "unemployed", "not in labor force")
EARNINGS = ("none", "1-15k", "15-35k", "35-60k", "60-100k", "100k+")
SEXES = ("female", "male")
SEED_EDUCATION = {"bachelor's degree": "bachelor", "advanced degree": "advanced"}
"""What the sample calls each; everything else is `below bachelor` there."""
AXES = ("age_band", "sex", "race", "education", "employment", "marital_status", "earnings", "citizenship", "language", "disability")


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
    """Iterative proportional fitting (Deming & Stephan 1940): a table of the seed's shape whose every margin is within `tolerance`
    (in the targets' unit) of its target, the closest to the seed in Kullback-Leibler divergence (Csiszar 1975): every odds ratio
    that no margin speaks of stays the seed's, and a zero a zero. Departure: a margin may be one of a part of the table only.

    seed: counts or weights, >= 0. Raises InputError for a margin that the seed's zeros or the other margins make impossible."""
    table = np.array(seed, dtype=float)
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise InputError("the seed table holds a negative or undefined weight; weights are finite and 0 or more")
    for margin in margins:
        shape = tuple(table.shape[axis] for axis in margin.axes)
        if margin.target.shape != shape:
            raise InputError(f"the margin {margin.name!r} has shape {margin.target.shape}, and its axes have sizes {shape}")
        if not (np.isfinite(margin.target).all() and (margin.target >= 0).all()):
            wrong = f"the margin {margin.name!r} holds a negative or undefined number"
            raise InputError(f"{wrong}; give counts or shares, 0 or more")
        empty = np.argwhere((margin.of(table) == 0) & (margin.target > 0))
        if len(empty):
            where = tuple(empty[0].tolist())
            wrong = f"the margin {margin.name!r} wants {margin.target[where]:g} at {where}, where the seed has nobody"
            raise InputError(f"{wrong}; give the seed some weight there, or the margin none")
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
    what = f"the margin {worst.name!r} is still off by {gap:.3g} after {limit} rounds: the margins contradict one another"
    raise InputError(f"{what}, or the seed's zeros; see that they have one total, and that some cell of the seed can hold each")


@dataclass(frozen=True, slots=True)
class Adults:
    """shares: of all adults, one axis an attribute in the order of AXES, sum 1. levels: the answers along each axis.
    margins: what the table was raked to, in shares of all adults."""

    shares: np.ndarray
    levels: Mapping[str, tuple[str, ...]]
    margins: tuple[Margin, ...]


@lru_cache(maxsize=8)
def adults(parameters: Parameters) -> Adults:
    """The raked table under the given assumptions; every margin is met to 1e-9. Remembered, as it takes a moment to make."""
    published = _published()
    levels = {"age_band": tuple(BANDS), "sex": SEXES, "race": tuple(parameters.seed.race)}
    levels |= {"education": tuple(published["education"]), "employment": EMPLOYMENT}
    levels |= {"marital_status": tuple(published["marital_status"]), "earnings": EARNINGS}
    people, found = np.zeros((len(BANDS), 2, len(levels["race"]))), _rows("acs2022_adults.csv")
    if (known := {row["race"] for row in found}) != set(levels["race"]):
        raise InputError(f"seed.race names {sorted(levels['race'])}; the census table has {sorted(known)}")
    for row in found:
        place = (tuple(BANDS).index(row["age_band"]), SEXES.index(row["sex"]), levels["race"].index(row["race"]))
        people[place] = int(row["people"])
    people /= people.sum()
    over_25 = np.array([first >= 25 for first, _ in BANDS.values()])
    schooling = _shares(published["education"]) * people[over_25].sum()
    margins = [
        Margin("race by sex by age (ACS 2022)", (0, 1, 2), people),
        Margin("education of those over 25 (CPS 2021)", (3,), schooling, over_25),
        Margin("marital status (2016)", (5,), _shares(published["marital_status"])),
    ]
    shares = rake(_seed(parameters, levels), margins)
    for name in ("citizenship", "language", "disability"):
        odds: Odds = getattr(parameters.odds, name)
        ((level, percent),) = published[name].items()
        if level not in odds.answers:
            raise InputError(f"odds.{name}.answers are {list(odds.answers)}; the census gives the share of {level!r}")
        rare = percent / 100 if odds.answers[1] == level else 1 - percent / 100
        shares = _with_binary(shares, levels, odds, rare, name)
        levels[name] = odds.answers
        margins.append(Margin(f"{name} (ACS 2012)", (len(levels) - 1,), np.array([1 - rare, rare])))
    return Adults(shares, levels, tuple(margins))


def _with_binary(shares: np.ndarray, levels: Mapping[str, tuple[str, ...]], odds: Odds, rare: float, name: str) -> np.ndarray:
    """The table with one more axis, on which log-odds are the assumed ones plus the intercept that meets the second's share."""
    offsets = np.zeros(shares.shape)
    for axis, attribute in enumerate(levels):
        given: Mapping[str, float] = getattr(odds, attribute, {})
        if unknown := sorted(set(given) - set(levels[attribute])):
            raise InputError(f"odds.{name}.{attribute} names {unknown}; known: {', '.join(levels[attribute])}")
        shape = [-1 if each == axis else 1 for each in range(shares.ndim)]
        offsets = offsets + np.array([given.get(level, 0.0) for level in levels[attribute]]).reshape(shape)
    intercept: Any = brentq(lambda a: float((shares * expit(a + offsets)).sum()) - rare, -60.0, 60.0, xtol=1e-13)
    p = expit(intercept + offsets)
    return np.stack([shares * (1 - p), shares * p], axis=-1)


def _seed(parameters: Parameters, levels: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """Weights of the seven attributes that the sample has; coarse answers are divided as the shares or parameters say."""
    below = {name: share for name, share in _published()["education"].items() if name not in SEED_EDUCATION}
    coarse = np.zeros((len(SEED_BANDS), 2, len(levels["race"]), 3, 3, 2, len(EARNINGS)))
    education = ("below bachelor", *SEED_EDUCATION.values())
    for row in _rows("acs2012_adults_joint.csv"):
        mix = [parameters.seed.race[race].get(row["race"], 0.0) for race in levels["race"]]
        place = (tuple(SEED_BANDS).index(row["age_band"]), SEXES.index(row["sex"]))
        rest = (education.index(row["education"]), EMPLOYMENT.index(row["employment"]), int(row["married"] == "yes"))
        coarse[(*place, slice(None), *rest, EARNINGS.index(row["earnings"]))] += np.array(mix) * int(row["people"])
    by_race = coarse.sum(axis=(0, 1, 3, 4, 5, 6), keepdims=True)
    smoothing = parameters.seed.smoothing
    coarse = (1 - smoothing) * coarse + smoothing * by_race * coarse.sum(axis=2, keepdims=True) / coarse.sum()
    bands = np.array([[lo <= first <= hi for lo, hi in SEED_BANDS.values()] for first, _ in BANDS.values()], dtype=float)
    finished = [
        [below.get(name, 0.0) / sum(below.values()), *(name == each for each in SEED_EDUCATION)] for name in levels["education"]
    ]
    seed = np.einsum("ab,bsrewmi,Ee->asrEwmi", bands, coarse, np.array(finished, dtype=float))
    if missing := sorted(set(SEED_BANDS) ^ set(parameters.seed.unmarried)):
        raise InputError(f"seed.unmarried has missing or unknown age bands {missing}; it has {', '.join(SEED_BANDS)}")
    unmarried = np.array([[parameters.seed.unmarried[b].get(m, 0.0) for m in levels["marital_status"]] for b in SEED_BANDS])
    unmarried /= unmarried.sum(axis=1, keepdims=True)
    married = np.array([m == "married" for m in levels["marital_status"]], dtype=float)
    marital = np.stack([bands @ unmarried, np.tile(married, (len(BANDS), 1))], axis=1)  # [age, married or not, status]
    seed = np.einsum("asrEwmi,amM->asrEwMi", seed, marital)
    for name, age in parameters.youngest.items():
        if name not in levels["education"]:
            raise InputError(f"youngest names the education {name!r}; known: {', '.join(levels['education'])}")
        too_young = np.array([last < age for _, last in BANDS.values()])
        seed[too_young, :, :, levels["education"].index(name)] = 0.0
    return seed


def _shares(percents: Mapping[str, float]) -> np.ndarray:
    """Published percentages, which rounding makes sum to 100.1 or so, as shares that sum to 1."""
    found = np.array(list(percents.values()))
    return found / found.sum()


def _published() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in _rows("published_shares.csv"):
        found.setdefault(row["attribute"], {})[row["level"]] = float(row["percent"])
    return found


@lru_cache(maxsize=8)
def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__ or "").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
