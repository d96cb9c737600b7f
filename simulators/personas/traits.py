"""Big Five, values, ideology and religiosity of a persona: a linear map of independent normals, each a standard score.

Values lie on Schwartz's circle (1992). Being linear, the shares of ideologies and of the religious are the stated ones exactly,
before the consistency rules, and the covariance of all scores is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from scipy.special import ndtri

from ...core.errors import InputError
from .parameters import TRAITS, Cut, Habit, Parameters
from .persona import BIG_FIVE, VALUES

NOISES = len(BIG_FIVE) + 2 + len(VALUES) + 2
"""Independent normals a persona: the Big Five's, the direction on the circle, each value's own, ideology's and religiosity's."""


@dataclass(frozen=True, slots=True)
class TraitModel:
    """scores_TG @ (standard normals [G]) are the traits, in the order of TRAITS, then ideology and religiosity."""

    parameters: Parameters
    scores_TG: np.ndarray
    ideology_cuts: np.ndarray
    religion_cuts: np.ndarray

    @property
    def covariance_TT(self) -> np.ndarray:
        """Covariance of TRAITS over the population, before the rules; its diagonal is 1."""
        traits_TG = self.scores_TG[: len(TRAITS)]
        return traits_TG @ traits_TG.T

    def religion(self, score: float, race: str, uniform: float) -> str:
        """By religiosity the kind of belief, and among the affiliated a religion by the group's weights."""
        kind = tuple(self.parameters.religion.shares)[int(np.searchsorted(self.religion_cuts, score))]
        if kind != "affiliated":
            return kind
        changed = self.parameters.religion.race.get(race, {})
        weights = {name: weight * changed.get(name, 1.0) for name, weight in self.parameters.religion.weights.items()}
        ends = np.cumsum(list(weights.values()))
        if not ends[-1] > 0:
            raise InputError(f"religion.weights leave no religion to {race!r}; give one of them a weight above 0")
        return tuple(weights)[int(np.searchsorted(ends, uniform * ends[-1], side="right"))]

    def ideology(self, score: float) -> str:
        return tuple(self.parameters.ideology.shares)[int(np.searchsorted(self.ideology_cuts, score))]

    def habits(self, kind: str, answers: Mapping[str, object], traits_T: np.ndarray, uniforms: np.ndarray) -> tuple[str, ...]:
        """Quirks or mannerisms that fit the answers, without replacement, each with weight exp(strength * sign * score) (Gumbel's
        trick; a uniform a habit)."""
        of: tuple[Habit, ...] = getattr(self.parameters, kind)
        weights = [each.sign * traits_T[TRAITS.index(each.trait)] if each.trait else 0.0 for each in of]
        keys = self.parameters.habits.strength * np.array(weights) - np.log(-np.log(uniforms))
        fitting = (of[place].text for place in np.argsort(-keys, kind="stable") if of[place].fits(answers))
        return tuple(islice(fitting, getattr(self.parameters.habits, f"{kind}_a_persona")))


@lru_cache(maxsize=8)
def trait_model(parameters: Parameters) -> TraitModel:
    """The model under the given assumptions. Remembered."""
    noise = np.eye(NOISES)
    scores: dict[str, np.ndarray] = dict(zip(BIG_FIVE, _big_five(parameters) @ noise[: len(BIG_FIVE)], strict=True))
    east, north, *own = noise[len(BIG_FIVE) : -2]
    raw = []
    for name, own_G in zip(VALUES, own, strict=True):
        angle = np.deg2rad(parameters.values.angles[name])
        row = parameters.values.circle * (np.cos(angle) * east + np.sin(angle) * north) + parameters.values.own * own_G
        raw.append(row + _mixed(parameters.values.big_five.get(name, {}), scores))
    scores |= {name: _standard(row - np.mean(raw, axis=0)) for name, row in zip(VALUES, raw, strict=True)}
    ideology = _standard(_mixed(parameters.ideology.values, scores) + parameters.ideology.own * noise[-2])
    religion = _standard(_mixed(parameters.religion.values, scores) + parameters.religion.own * noise[-1])
    rows = np.stack([*(scores[name] for name in TRAITS), ideology, religion])
    return TraitModel(parameters, rows, _cuts(parameters.ideology), _cuts(parameters.religion))


def _big_five(parameters: Parameters) -> np.ndarray:
    """Cholesky factor of the correlations, [5, 5]."""
    correlation = np.eye(len(BIG_FIVE))
    for pair, value in parameters.big_five.correlations.items():
        one, other = (BIG_FIVE.index(name) for name in pair.split())
        correlation[one, other] = correlation[other, one] = value
    try:
        return np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError as error:
        raise InputError(
            "big_five.correlations are not correlations of anything (not positive definite); make them smaller"
        ) from error


def _mixed(loadings: Mapping[str, float], scores: Mapping[str, np.ndarray]) -> np.ndarray:
    return sum((weight * scores[name] for name, weight in loadings.items()), np.zeros(NOISES))


def _standard(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def _cuts(of: Cut) -> np.ndarray:
    """Scores between which each answer lies, so that it has its share of a standard normal."""
    return ndtri(np.clip(np.cumsum(list(of.shares.values()))[:-1], 0.0, 1.0))
