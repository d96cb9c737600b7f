"""How an actor judges and writes: the options that make one actor differ from another."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ....core.errors import InputError

_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Habits:
    """The options of `engine.Actor`, where each is explained. Raises InputError for a value out of range."""

    temperature: float = 0.3
    skill: float = 1.0
    foresight: bool = False
    position_bias: float = 0.0
    taste: str = ""
    acceptable: float = 0.0
    sharpness: float = 1.0
    prose: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0 or not 0 <= self.skill <= 1:
            raise InputError(
                f"temperature={self.temperature} and skill={self.skill}: expected nats of 0 or more and a probability in [0, 1]"
            )

    def spelled(self, spec: str) -> Habits:
        """These habits with those that `spec` names, written `name:value,name:value`. Raises InputError for an unknown name and
        for a value of another type."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        changes: dict[str, Any] = {}
        for part in spec.split(","):
            name, _, text = (each.strip() for each in part.partition(":"))
            if name not in known:
                raise InputError(f"the actor has no {name!r}, in the model {spec!r}; it has: {', '.join(known)}; try skill:0.8")
            kind = type(known[name])
            try:
                changes[name] = _TRUTH[text.lower()] if kind is bool else kind(text)
            except (ValueError, KeyError) as error:
                raise InputError(f"the actor's {name} is {text!r}; it is a {kind.__name__}, such as {known[name]}") from error
        return replace(self, **changes)
