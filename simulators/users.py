"""Users given to a world as weight vectors over its aspects: those of a mapping, or sampled personas.

Gold stays the world's own. What compares users with gold (ceilings, heterogeneity, "the population's mean") holds only where the
users' mean is gold, as it is for a world's own users and for `persona_users` with `centred`, the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..core.errors import InputError

Tastes = Mapping[str, Sequence[float] | np.ndarray] | Callable[[np.ndarray], Mapping[str, Sequence[float] | np.ndarray]]
"""User -> nats a unit of each aspect (exact world: of each linear feature), shape [A]; or what makes that from gold's weights."""
PERSONAS = 100


def users_of(tastes: Tastes, aspects: Sequence[str], gold_A: np.ndarray) -> dict[str, np.ndarray]:
    """The users' weights, each checked. Raises InputError for no user, a user called `gold`, and weights of a wrong shape or not
    finite."""
    given = tastes(gold_A.copy()) if callable(tastes) else tastes
    found = {user: np.array(weights, dtype=float) for user, weights in given.items()}
    if not found or "gold" in found:
        raise InputError(f"the tastes are those of {sorted(found) or 'nobody'}; give at least one user, and none called 'gold'")
    for user, weights_A in found.items():
        if weights_A.shape != (len(aspects),) or not np.isfinite(weights_A).all():
            raise InputError(
                f"the taste of {user!r} is {weights_A}; it is one finite weight for each of the {len(aspects)} aspects: "
                f"{', '.join(aspects)}"
            )
    return found


def persona_users(
    aspects: Sequence[str],
    personas: int = PERSONAS,
    seed: int = 0,
    *,
    spread: float = 1.0,
    scale_A: np.ndarray | None = None,
    centred: bool = True,
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Tastes for a world's `tastes=`: personas 0 .. personas-1 of a seed (`personas.population`), each a user called by its id.

    spread, scale_A, centred: see `persona_tastes.persona_tastes`.
    """
    from .personas.population import population
    from .personas.tastes import persona_tastes

    people = population(personas, seed).personas

    def tastes(gold_A: np.ndarray) -> dict[str, np.ndarray]:
        weights_UA = persona_tastes(people, gold_A, aspects, spread=spread, scale_D=scale_A, centred=centred)
        return {each.id: weights_A for each, weights_A in zip(people, weights_UA, strict=True)}

    return tastes
