"""Loads a checkpoint without running what comes with it: weights from safetensors alone, and no code of the folder's own."""

import json
from pathlib import Path
from typing import Any

from ..errors import InputError

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def load(model_family: Any, tokenizer_family: Any, source: str | Path, **options: Any) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder or hub name, by the `from_pretrained` of transformers' families.
    options: of the model's `from_pretrained`, such as dtype="float32". Raises InputError, in a sentence, where there is no such
    checkpoint, where its weights are pickled, and where only code that it brings along could load it."""
    check_weights(source)
    try:
        model = model_family.from_pretrained(source, trust_remote_code=False, use_safetensors=True, **options)
        tokenizer = tokenizer_family.from_pretrained(source, trust_remote_code=False)
        tokenizer("a")  # a setting of a wrong type shows at the first use
        return model, tokenizer
    except Exception as error:
        why = _own_code(source) or next(iter(str(error).strip().splitlines()), type(error).__name__)
        what = f"no checkpoint could be loaded from {str(source)!r} ({why}); give a folder with config.json"
        raise InputError(f"{what}, model.safetensors and a tokenizer, or the name of one on the hub that you can reach") from error


def check_weights(source: str | Path) -> None:
    """Raises InputError for a folder whose weights are pickled: reading them may run code."""
    folder = Path(source)
    pickled = next((path.name for kind in PICKLED for path in sorted(folder.glob(kind))), None)
    if pickled and next(folder.glob("*.safetensors"), None) is None:
        what = f"the weights in {str(source)!r} are pickled ({pickled}), and reading a pickle may run code; save them as"
        raise InputError(f"{what} safetensors (save_pretrained of a recent transformers does), or give another checkpoint")


def _own_code(source: str | Path) -> str:
    """Why, where the folder's configuration points to code of its own."""
    for path in (Path(source) / "config.json", Path(source) / "tokenizer_config.json"):
        try:
            held = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(held, dict) and "auto_map" in held:
            return f"{path.name} names code of its own in auto_map, and code that comes with a checkpoint is never run"
    return ""
