"""A trained policy in a folder, whatever kind it is, and how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.protocols import Policy, ValueModel


def load_policy(folder: Path) -> Policy:
    """The policy that `save` wrote: its kind is told by its files, never by a name that the folder gives."""
    if (folder / "n.txt").is_file():
        from ...methods.online.best_of_n import BestOfN, FiniteBestOfN
        from ...policies.tabular import TabularPolicy

        base, n = load_policy(folder / "policy"), int((folder / "n.txt").read_text())
        kind = FiniteBestOfN if isinstance(base, TabularPolicy) else BestOfN
        return kind(base, load_value_model(folder / "reward"), n)
    if (folder / "policy.npz").is_file():
        from ...policies.tabular import TabularPolicy

        return TabularPolicy.load(folder)
    if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
        from ...policies.causal_lm import CausalLMPolicy

        return CausalLMPolicy.load(folder)
    raise InputError(f"no policy in {str(folder)!r}; expected a folder that `pasture train --out` wrote")


def load_value_model(folder: Path) -> ValueModel:
    """The value model that `save` wrote."""
    if (folder / "value_model.npz").is_file():
        from ...policies.tabular import TabularValueModel

        return TabularValueModel.load(folder)
    if (folder / "scale.txt").is_file():
        from ...methods.rewards.log_ratio import LogRatio

        scale = float((folder / "scale.txt").read_text())
        return LogRatio(load_policy(folder / "policy"), load_policy(folder / "reference"), scale)
    from ...policies.causal_lm import CausalLMValueModel

    return CausalLMValueModel.load(folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """How the policy was trained."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise InputError(f"no manifest.json in {str(folder)!r}; expected a folder that `pasture train --out` wrote")
    return json.loads(path.read_text(encoding="utf-8"))
