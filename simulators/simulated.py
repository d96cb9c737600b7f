"""What the simulated worlds share: a name, prompts by split, and users with a taste each: the world's own, those of a mapping of
weight vectors over its aspects, or sampled personas.

Gold stays the world's own. What compares users with gold (ceilings, heterogeneity, "the population's mean") holds only where the
users' mean is gold, as it is for a world's own users and for `persona_users` with `centred`, the default."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from ..core.errors import InputError, UnknownName
from ..core.records import Prompt

GOLD = "gold"
PERSONAS = 100
Tastes = Mapping[str, Sequence[float] | np.ndarray] | Callable[[np.ndarray], Mapping[str, Sequence[float] | np.ndarray]]
"""User -> nats a unit of each aspect (exact world: of each linear feature), shape [A]; or what makes that from gold's weights."""


class SimulatedWorld:
    """A world sets `name`, which it has in results and seeds, `_splits`, and `tastes`: the weights of users and of gold."""

    name: str
    _splits: Mapping[str, Sequence[Prompt]]
    tastes: dict[str, np.ndarray]

    @property
    def users(self) -> Sequence[str]:
        """All whose tastes are known, but for gold."""
        return tuple(user for user in self.tastes if user != GOLD)

    def prompts(self, split: str) -> Sequence[Prompt]:
        """The prompts of a split. Raises UnknownName for an unknown one."""
        if split not in self._splits:
            raise UnknownName("split", split, self._splits)
        return self._splits[split]

    def taste(self, user: str = GOLD) -> np.ndarray:
        """The weights of a user, as they are kept. Raises UnknownName for an unknown one."""
        if user not in self.tastes:
            raise UnknownName("user", user, self.tastes)
        return self.tastes[user]


def check_aspects(asked: Collection[str] | None, known: Sequence[str]) -> None:
    """Raises UnknownName for an aspect that a world does not have."""
    for aspect in asked or ():
        if aspect not in known:
            raise UnknownName("aspect", aspect, known)


def number_of_users(users: int | None, tastes: Tastes | None, default: int) -> int:
    """How many users of its own a world draws. Raises InputError where both a number and tastes are given."""
    if users is not None and tastes is not None:
        raise InputError(f"both users={users} and tastes were given; the tastes say how many users there are")
    return default if users is None else users


def tastes_of(own_UA: np.ndarray, gold_A: np.ndarray, tastes: Tastes | None, aspects: Sequence[str]) -> dict[str, np.ndarray]:
    """The weights of gold and of each user: of `tastes` where they are given, else the world's own. Raises InputError for no user,
    a user called `gold`, and weights of a wrong shape or not finite."""
    if tastes is None:
        return {GOLD: gold_A} | {f"user-{place:02d}": own_A for place, own_A in enumerate(own_UA)}
    given = tastes(gold_A.copy()) if callable(tastes) else tastes
    found = {user: np.array(weights, dtype=float) for user, weights in given.items()}
    if not found or GOLD in found:
        raise InputError(f"the tastes are those of {sorted(found) or 'nobody'}; give at least one user, and none called 'gold'")
    for user, weights_A in found.items():
        if weights_A.shape != (len(aspects),) or not np.isfinite(weights_A).all():
            what = f"the taste of {user!r} is {weights_A}"
            raise InputError(f"{what}; it is one finite weight for each of the {len(aspects)} aspects: {', '.join(aspects)}")
    return {GOLD: gold_A} | found


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

    spread, scale_A, centred: see `personas.traits.persona_tastes`."""
    from .personas.population import population
    from .personas.traits import persona_tastes

    people = population(personas, seed).personas

    def tastes(gold_A: np.ndarray) -> dict[str, np.ndarray]:
        weights_UA = persona_tastes(people, gold_A, aspects, spread=spread, scale_D=scale_A, centred=centred)
        return {each.id: weights_A for each, weights_A in zip(people, weights_UA, strict=True)}

    return tastes
