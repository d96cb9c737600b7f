"""Checkpoints on disk: ordinary Hugging Face folders, with what only Pasture knows beside them in `pasture.json`."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, StrictInt, TypeAdapter
from pydantic.dataclasses import dataclass

from ..core.errors import InputError
from ..core.files.reading import cause, is_file, read_json, reading, shown_path
from ..core.files.writing import writing
from ..core.language_models.checkpoints import load
from .lora import Lora

SETTINGS = "pasture.json"
EXPECTED = "a folder that `save` wrote"
DTYPES = ("float32", "bfloat16", "float16")
LARGE = 2**27  # bytes of weights from which reading and writing take long enough to show a bar


Count = Annotated[StrictInt, Field(ge=0, le=2**20)]


@dataclass(config=ConfigDict(extra="forbid"))
class Settings:
    """What `pasture.json` holds. Of a value model: `lora` and `control` alone."""

    lora: Lora | None = None
    control: StrictInt | None = None
    controls: Count = 8
    max_new_tokens: Count = 64


def load_pretrained(family: Any, source: str | Path, device: str, dtype: str) -> tuple[Any, Any]:
    """(model, tokenizer) of a checkpoint's folder or hub name; code that comes with a checkpoint is never run. Raises InputError
    where there is none, where a weight is not finite, and for a device or type that does not exist here."""
    from transformers import AutoTokenizer

    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}; expected {', '.join(DTYPES)}")
    with _bars(sum(path.stat().st_size for path in Path(source).glob("*.safetensors")) or LARGE):
        model, tokenizer = load(family, AutoTokenizer, source, dtype=getattr(torch, dtype))
    _check_finite(model, f"the checkpoint {shown_path(source)} holds")
    try:
        return model.to(device), tokenizer
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"the model cannot be put on the device {device!r} ({cause(error)}); try device='cpu'") from error


def saved_settings(source: str | Path) -> Settings:
    """What `save_checkpoint` wrote beside a checkpoint, or the defaults. Raises InputError for a broken file."""
    path = Path(source) / SETTINGS
    if not is_file(path):
        return Settings()
    with reading(path, EXPECTED):
        return TypeAdapter(Settings).validate_python(read_json(path, EXPECTED))


def save_checkpoint(folder: Path, model: Any, tokenizer: Any, lora: Lora | None, **settings: int | None) -> None:
    """Model, tokenizer and settings, each file whole or not at all, `config.json` last. Raises InputError for weights that are not
    finite, and where the folder cannot be written."""
    folder = Path(folder)
    _check_finite(model, f"nothing is saved in {shown_path(folder)}, since the model holds")
    with writing(folder), _bars(sum(parameter.nbytes for parameter in model.parameters())):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
            draft = Path(name)
            model.save_pretrained(draft)
            tokenizer.save_pretrained(draft)
            (draft / SETTINGS).write_text(json.dumps({"lora": asdict(lora) if lora else None, **settings}, indent=1) + "\n")
            for old in folder.glob("*.safetensors*"):  # shards of another model
                old.unlink()
            for path in sorted(draft.iterdir(), key=lambda path: path.name == "config.json"):
                shutil.rmtree(folder / path.name, ignore_errors=True)  # a folder, as some tokenizers write, is not replaced
                path.replace(folder / path.name)


def _check_finite(model: Any, who_holds: str) -> None:
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and not parameter.isfinite().all():
            raise InputError(f"{who_holds} weights that are NaN or infinite ({name}); train again from a sound checkpoint")


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
