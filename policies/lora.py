"""Low-Rank Adaptation (Hu et al. 2021, arXiv:2106.09685) through PEFT: which layers, and how many parameters.

Departs from the paper: all linear layers but the output layer are adapted, without dropout."""

import copy
import math
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ..core.errors import InputError


@dataclass(frozen=True, slots=True)
class Lora:
    """Settings of the adapters.

    rank: of each update, 1 or more. alpha: the update is scaled by alpha / rank. targets: names of the modules to adapt,
    or "all-linear". seed: of the adapters' start, which changes no output, since their product starts at zero."""

    rank: int = 8
    alpha: float = 16.0
    targets: str | tuple[str, ...] = "all-linear"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(f"the LoRA rank is {self.rank}; it is at least 1")
        if not math.isfinite(self.alpha):
            raise InputError(f"LoRA's alpha is {self.alpha}; it is a finite number")


def with_adapters(model: Any, lora: Lora, task: str, modules_to_save: list[str] | None = None) -> Any:
    """The model, wrapped: its own parameters frozen, the adapters (and `modules_to_save`) trainable, in float32.

    Raises InputError for targets that the model does not have, and for those whose weights another module shares: merged into one
    of the two, an update would be lost, or would change the other."""
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    scale: Any = lora.alpha  # PEFT divides by the rank; a fraction is fine
    config = LoraConfig(task, r=lora.rank, lora_alpha=scale, target_modules=targets, modules_to_save=modules_to_save)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT warns of tied targets, which are refused below
        torch.manual_seed(lora.seed)
        try:
            made = get_peft_model(model, config)
        except ValueError as error:
            what = f"LoRA cannot adapt {targets!r} ({str(error).splitlines()[0]})"
            raise InputError(f"{what}; give names of linear layers, or 'all-linear'") from error
    owners = Counter(id(p) for module in made.modules() for p in module._parameters.values() if p is not None)
    layers = {name: module for name, module in made.named_modules() if isinstance(module, BaseTunerLayer)}
    shared = [name.removeprefix("base_model.model.") for name, on in layers.items() if owners[id(on.get_base_layer().weight)] > 1]
    if shared:
        raise InputError(
            f"LoRA's targets {', '.join(shared)} have weights that another module shares (tied embeddings), so that they cannot be "
            "merged into a checkpoint that computes the same; leave them out of `targets`, or untie them (tie_word_embeddings)"
        )
    for parameter in trainable(made, lora):
        parameter.data = parameter.data.float()
    return made


def merged(model: Any, lora: Lora | None) -> Any:
    """An ordinary model that computes the same: the model itself, or a copy with the adapters added in."""
    return model if lora is None else copy.deepcopy(model).merge_and_unload()


def trainable(model: Any, lora: Lora | None) -> list[torch.nn.Parameter]:
    """What training may change: everything, or the adapters and the head alone."""
    if lora is None:
        return list(model.parameters())
    return [p for name, p in model.named_parameters() if "lora_" in name or "modules_to_save" in name]


def trainable_copy(model: Any, lora: Lora | None) -> Any:
    """An independent copy to train, what is trained of it in float32: in half precision a small update is rounded away. What
    adapters leave as it is, is shared and not copied."""
    own = {id(p) for p in trainable(model, lora)}
    shared: Iterable[torch.nn.Parameter] = (p for p in model.parameters() if id(p) not in own)
    made = copy.deepcopy(model, {id(p): p for p in shared})
    if lora is None:
        made.float()
    for parameter in trainable(made, lora):
        parameter.requires_grad_(True)
        parameter.grad = None
    return made
