"""Text generation behind one protocol, `core.protocols.Engine`. Importing this imports no torch."""

from __future__ import annotations

import inspect
from typing import Any

from ..core.errors import InputError
from ..core.protocols import Engine
from ..core.registry import Entry, Registry

ENGINES = Registry(
    "engine",
    {
        "scripted": Entry("pasture.engines.scripted:ScriptedEngine", "answers by a Python function, or by a hash; no model"),
        "transformers": Entry(
            "pasture.engines.transformers_engine:TransformersEngine",
            "a Hugging Face checkpoint in batches, on a CPU or a GPU",
        ),
        "vllm": Entry(
            "pasture.engines.vllm_engine:VllmEngine",
            "a Hugging Face checkpoint through vLLM, with prefix caching, on a CPU or a GPU",
            "Kwon et al. 2023, arXiv:2309.06180",
        ),
    },
)


def make_engine(name: str, model: str = "", **options: Any) -> Engine:
    """The engine of this name serving `model`. vLLM loads the model when it is first asked.

    `options` are the keyword arguments of its class. Raises InputError for an unknown engine, model or option, for an option
    out of range, and where a package is missing; EngineError where it does not start.
    """
    make = ENGINES.load(name)
    known = inspect.signature(make).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        names = ", ".join(option for option in known if option != "model")
        raise InputError(f"the engine {name!r} has no option {', '.join(map(repr, unknown))}; it has: {names}")
    if not model and "model" in known and known["model"].default is inspect.Parameter.empty:
        raise InputError(f"the engine {name!r} serves a model, and none was given; try --model smollm2-135m")
    return make(model, **options) if "model" in known else make(**options)
