"""Checkpoints on disk: ordinary Hugging Face folders, with what only Pasture knows beside them in `pasture.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..core.files.writing import write_atomically
from ..core.language_models.checkpoints import load
from .lora import Lora

SETTINGS = "pasture.json"
LARGE = 2**27
"""Bytes of weights from which reading and writing take long enough to show a bar."""


def load_pretrained(family: Any, source: str | Path, device: str, dtype: str) -> tuple[Any, Any]:
    """(model, tokenizer) of a checkpoint's folder or hub name; code that comes with a checkpoint is never run."""
    from transformers import AutoTokenizer

    with _bars(sum(path.stat().st_size for path in Path(source).glob("*.safetensors")) or LARGE):
        model, tokenizer = load(family, AutoTokenizer, source, dtype=getattr(torch, dtype))
    return model.to(device), tokenizer


def saved_settings(source: str | Path) -> dict[str, Any]:
    path = Path(source) / SETTINGS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def save_model(model: Any, folder: Path) -> None:
    with _bars(sum(parameter.nbytes for parameter in model.parameters())):
        model.save_pretrained(folder)


def save_settings(folder: Path, tokenizer: Any, lora: Lora | None, **more: Any) -> None:
    """Tokenizer and settings of a policy or value model, beside its weights."""
    tokenizer.save_pretrained(folder)
    settings = {"lora": asdict(lora) if lora else None, **more}
    write_atomically(Path(folder) / SETTINGS, json.dumps(settings, indent=1) + "\n")


@contextmanager
def _bars(size: int) -> Iterator[None]:
    """transformers' progress bars, for large models only."""
    from transformers.utils import logging

    if size >= LARGE or not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
