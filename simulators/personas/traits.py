"""Big Five, values, ideology and religiosity of a persona: a linear map of independent normals, each a standard score; and tastes.

Values lie on Schwartz's circle (1992). Being linear, the shares of ideologies and of the religious are the stated ones exactly,
before the consistency rules, and the covariance of all scores is known. A taste is a weight vector over a world's attributes, so
that agreement has a truth: the mean taste plus a linear function of the Big Five and values, so that opposed values give opposed
departures. The attributes of the text world have loadings in `parameters.toml`; any other gets a direction on the circle of
values and one in the Big Five, both drawn from its name. _U personas, _D attributes, _T traits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from scipy.special import ndtri

from ...core.errors import InputError
from ...core.seeds import rng_for
from .parameters import TRAITS, Cut, Habit, Parameters, default_parameters
from .persona import BIG_FIVE, VALUES, Persona

PART_OF_CHARACTER = 0.6  # size of the Big Five's part beside that of the values, 1, for an attribute without loadings
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
    correlation = np.eye(len(BIG_FIVE))
    for pair, value in parameters.big_five.correlations.items():
        one, other = (BIG_FIVE.index(name) for name in pair.split())
        correlation[one, other] = correlation[other, one] = value
    try:
        factor_55 = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError as error:
        what = "big_five.correlations are not correlations of anything (not positive definite)"
        raise InputError(f"{what}; make them smaller") from error
    noise = np.eye(NOISES)
    scores: dict[str, np.ndarray] = dict(zip(BIG_FIVE, factor_55 @ noise[: len(BIG_FIVE)], strict=True))
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


def _mixed(loadings: Mapping[str, float], scores: Mapping[str, np.ndarray]) -> np.ndarray:
    return sum((weight * scores[name] for name, weight in loadings.items()), np.zeros(NOISES))


def _standard(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def _cuts(of: Cut) -> np.ndarray:
    """Scores between which each answer lies, so that it has its share of a standard normal."""
    return ndtri(np.clip(np.cumsum(list(of.shares.values()))[:-1], 0.0, 1.0))


def persona_tastes(
    personas: Sequence[Persona],
    mean_taste_D: np.ndarray,
    attributes: Sequence[str] | None = None,
    *,
    spread: float = 0.5,
    scale_D: np.ndarray | float | None = None,
    centred: bool = True,
    parameters: Parameters | None = None,
) -> np.ndarray:
    """One weight vector a persona, [U, D], in the unit of `mean_taste_D`: mean + spread * scale_D * departures.

    attributes: their names; None is `feature-0` .. `feature-{D-1}`. spread: >= 0; 0 makes all tastes the mean one.
    scale_D: the size of a departure of one standard deviation; None is |mean| / sqrt(D) for each, as the exact world's own users
        have.
    centred: shift so that the mean over these personas is `mean_taste_D` exactly, as a world's `gold` needs; without it a
        persona's taste does not depend on the others."""
    mean_D = np.asarray(mean_taste_D, dtype=float)
    names = [f"feature-{place}" for place in range(len(mean_D))] if attributes is None else list(attributes)
    if mean_D.ndim != 1 or len(names) != len(mean_D):
        raise InputError(f"the mean taste has shape {mean_D.shape} for {len(names)} attributes; give one weight an attribute")
    if not personas:
        raise InputError("there is no persona to make tastes for; sample at least one")
    if not spread >= 0:
        raise InputError(f"the spread is {spread}; it is 0 (all alike) or more")
    size = np.linalg.norm(mean_D) / np.sqrt(len(mean_D)) if scale_D is None else np.asarray(scale_D, dtype=float)
    own_UD = spread * size * departures(personas, names, parameters)
    return mean_D + (own_UD - own_UD.mean(axis=0) if centred else own_UD)


def departures(personas: Sequence[Persona], attributes: Sequence[str], parameters: Parameters | None = None) -> np.ndarray:
    """How far each persona's weights depart from the mean ones, [U, D], each attribute with mean 0 and variance 1 over the
    population that the parameters describe."""
    traits_UT = np.array([(*each.big_five, *each.values) for each in personas], dtype=float)
    return traits_UT @ loadings(attributes, parameters)


def loadings(attributes: Sequence[str], parameters: Parameters | None = None) -> np.ndarray:
    """Weight of each trait of TRAITS in each attribute's departure, [T, D]; a column depends on its own attribute only."""
    known = parameters or default_parameters()
    covariance_TT = trait_model(known).covariance_TT
    raw = []
    for name in attributes:
        stated = known.tastes.get(name)
        if stated is not None and not any(stated.values()):
            raise InputError(f"tastes.{name} has no loading other than 0; give it one, or leave the row out")
        raw.append(_drawn(name, known, covariance_TT) if stated is None else np.array([stated.get(each, 0.0) for each in TRAITS]))
    return np.stack([_unit(raw_T, covariance_TT) for raw_T in raw], axis=1) if raw else np.zeros((len(TRAITS), 0))


def _drawn(name: str, parameters: Parameters, covariance_TT: np.ndarray) -> np.ndarray:
    rng = rng_for(0, "taste", name)
    direction = rng.uniform(0.0, 360.0)
    angles = np.array([parameters.values.angles[value] for value in VALUES])
    values_T = np.append(np.zeros(len(BIG_FIVE)), np.cos(np.deg2rad(angles - direction)))
    character_T = np.append(rng.standard_normal(len(BIG_FIVE)), np.zeros(len(VALUES)))
    return _unit(values_T, covariance_TT) + PART_OF_CHARACTER * _unit(character_T, covariance_TT)


def _unit(loadings_T: np.ndarray, covariance_TT: np.ndarray) -> np.ndarray:
    return loadings_T / np.sqrt(loadings_T @ covariance_TT @ loadings_T)
