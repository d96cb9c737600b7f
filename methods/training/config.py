"""A configuration that checks itself: wrong kinds, unknown fields and values out of range are errors that name the way out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

from ...core.errors import InputError
from ...core.text import one_line

SCHEDULES = ("constant", "linear", "cosine")
LARGEST = 10**18  # no whole number of a setting reaches it: numbers beyond are too large for floating point or for torch


class Limit(NamedTuple):
    """What the value of a field must be, in words, and whether one is."""

    expected: str
    allows: Callable[[Any], bool]


ABOVE_0 = Limit("more than 0", lambda value: value > 0)
AT_LEAST_0 = Limit("at least 0", lambda value: value >= 0)
AT_LEAST_1 = Limit("at least 1", lambda value: value >= 1)


@dataclass(frozen=True)
class Checked:
    """The base of every `Config`. A field holds what its default holds, within the `limits` of its class and the bases."""

    limits: ClassVar[Mapping[str, Limit]] = {}

    def __post_init__(self) -> None:
        for each in fields(self):
            self._check_kind(each.name, getattr(self, each.name), each.default)
        for kind in reversed(type(self).__mro__):
            for field, (expected, allows) in vars(kind).get("limits", {}).items():
                if not allows(value := getattr(self, field)):
                    raise InputError(f"{field} is {value!r}; it must be {expected}; correct it where the method is configured")

    @staticmethod
    def _check_kind(field: str, value: object, default: object) -> None:
        if not isinstance(default, bool | int | float | str):
            return
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{field} is {value}; it must be a finite number")
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise InputError(f"{field} is {one_line(value)}; it must be a number of at most 18 digits")
        if type(value) is type(default) or (type(default) is float and type(value) is int):
            return
        what = f"{field} is {value!r}, of the type {type(value).__name__}"
        raise InputError(f"{what}; its default is {default!r}, and it must be of that type")


@dataclass(frozen=True)
class Training(Checked):
    """How a loss is minimised: the fields with which every trained method's `Config` starts."""

    learning_rate: float = 2e-5
    """Peak step size of AdamW, > 0; of the critic too, where there is one."""
    epochs: int = 3
    """Passes over the data, at least 1."""
    batch_size: int = 128
    """Answers or labelled pairs per optimiser step, at most; at least 1."""
    schedule: str = "cosine"
    """Learning rate after warm-up: `constant`, or down to 0 by `linear` or `cosine`."""
    warmup: float = 0.03
    """Share of the steps over which the learning rate rises from 0, in [0, 1)."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this Euclidean norm, > 0."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay, at least 0."""
    adam_eps: float = 1e-8
    """AdamW's term in the denominator, > 0."""

    limits: ClassVar = {
        **dict.fromkeys(("learning_rate", "max_grad_norm", "adam_eps"), ABOVE_0),
        **dict.fromkeys(("epochs", "batch_size"), AT_LEAST_1),
        "schedule": Limit(f"one of {', '.join(SCHEDULES)}", SCHEDULES.__contains__),
        "warmup": Limit("a share of the steps, in [0, 1)", lambda value: 0 <= value < 1),
        "weight_decay": AT_LEAST_0,
    }
