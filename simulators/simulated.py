"""What the simulated worlds share: a name, prompts by split, and users with a taste each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..core.errors import UnknownName
from ..core.records import Prompt

GOLD = "gold"


class SimulatedWorld:
    """A world sets `_name`, `_splits` and `tastes`: the weights of each user, with those of gold among them."""

    _name: str
    _splits: Mapping[str, Sequence[Prompt]]
    tastes: dict[str, np.ndarray]

    @property
    def name(self) -> str:
        """What the world is called in results and seeds."""
        return self._name

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
