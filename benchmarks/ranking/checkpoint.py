"""A trained policy in a folder, whatever kind it is, and how it was made."""

import math
from pathlib import Path
from typing import Any

from ...core.errors import InputError, UnknownName
from ...core.files.reading import is_file, read_json, read_text, shown_path
from ...core.protocols import Policy, ValueModel
from ...simulators import WORLDS

TRAINED = "a folder that `pasture train --out` wrote"


def load_policy(folder: Path) -> Policy:
    """The policy that `save` wrote: its kind is told by its files, never by a name that the folder gives. Raises InputError where
    a file is missing or broken."""
    if is_file(folder / "n.txt"):
        from ...methods.online.best_of_n import BestOfN, FiniteBestOfN
        from ...policies.tabular import TabularPolicy

        n = _number(folder / "n.txt")
        if n < 1 or n != int(n):
            raise InputError(f"{shown_path(folder / 'n.txt')} holds {n:g}; expected a whole number of answers, at least 1")
        base = load_policy(folder / "policy")
        kind = FiniteBestOfN if isinstance(base, TabularPolicy) else BestOfN
        return kind(base, load_value_model(folder / "reward"), int(n))
    if is_file(folder / "policy.npz"):
        from ...policies.tabular import TabularPolicy

        return TabularPolicy.load(folder)
    if is_file(folder / "config.json") or is_file(folder / "adapter_config.json"):
        from ...policies.causal_lm import CausalLMPolicy

        return CausalLMPolicy.load(folder)
    raise InputError(f"no policy in {shown_path(folder)}; expected {TRAINED}")


def load_value_model(folder: Path) -> ValueModel:
    """The value model that `save` wrote. Raises InputError where a file is missing or broken."""
    if is_file(folder / "value_model.npz"):
        from ...policies.tabular import TabularValueModel

        return TabularValueModel.load(folder)
    if is_file(folder / "scale.txt"):
        from ...methods.rewards.reward_model import LogRatio

        scale = _number(folder / "scale.txt")
        return LogRatio(load_policy(folder / "policy"), load_policy(folder / "reference"), scale)
    from ...policies.causal_lm import CausalLMValueModel

    return CausalLMValueModel.load(folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """How the policy was trained. Raises InputError unless its `method` is text and its `world` a registered name: a file from a
    stranger never says which code is loaded."""
    path = folder / "manifest.json"
    made = read_json(path, TRAINED)
    method, world = (made.get(name) if isinstance(made, dict) else None for name in ("method", "world"))
    if not (isinstance(method, str) and isinstance(world, str)):
        untold = "does not say in words which `method` was trained in which `world`"
        raise InputError(f"{shown_path(path)} {untold}; expected {TRAINED}")
    if world not in WORLDS.entries():
        raise UnknownName("world", world, WORLDS.entries(), f"It stands in {shown_path(path)}.")
    return made


def _number(path: Path) -> float:
    text = read_text(path, TRAINED).strip()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{shown_path(path)} holds {text[:40]!r}; expected a finite number, as in {TRAINED}")
    return number
