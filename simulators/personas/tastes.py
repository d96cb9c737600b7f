"""Personas as weight vectors over a world's attributes, so that in the exact and text worlds agreement has a truth.

A taste is the mean taste plus a linear function of the persona's Big Five and values, so opposed values give opposed departures.
The attributes of the text world have loadings in `parameters.toml`; any other attribute, of the exact world for instance,
gets a direction on the circle of values and one in the Big Five, both drawn from its name. _U personas, _D attributes, _T traits.
"""

from collections.abc import Sequence

import numpy as np

from ...core.errors import InputError
from ...core.seeds import rng_for
from .parameters import TRAITS, Parameters, default_parameters
from .persona import BIG_FIVE, VALUES, Persona
from .traits import trait_model

PART_OF_CHARACTER = 0.6
"""Size of the Big Five's part beside that of the values, 1, for an attribute without loadings."""


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
    raw = [_stated(name, known) if name in known.tastes else _drawn(name, known, covariance_TT) for name in attributes]
    return np.stack([_unit(raw_T, covariance_TT) for raw_T in raw], axis=1) if raw else np.zeros((len(TRAITS), 0))


def _stated(name: str, parameters: Parameters) -> np.ndarray:
    row = parameters.tastes[name]
    if not any(row.values()):
        raise InputError(f"tastes.{name} has no loading other than 0; give it one, or leave the row out")
    return np.array([row.get(trait, 0.0) for trait in TRAITS])


def _drawn(name: str, parameters: Parameters, covariance_TT: np.ndarray) -> np.ndarray:
    rng = rng_for(0, "taste", name)
    direction = rng.uniform(0.0, 360.0)
    angles = np.array([parameters.values.angles[value] for value in VALUES])
    values_T = np.append(np.zeros(len(BIG_FIVE)), np.cos(np.deg2rad(angles - direction)))
    character_T = np.append(rng.standard_normal(len(BIG_FIVE)), np.zeros(len(VALUES)))
    return _unit(values_T, covariance_TT) + PART_OF_CHARACTER * _unit(character_T, covariance_TT)


def _unit(loadings_T: np.ndarray, covariance_TT: np.ndarray) -> np.ndarray:
    return loadings_T / np.sqrt(loadings_T @ covariance_TT @ loadings_T)
