"""A folder that is made once: whole or not at all, by one process while others wait, and made again where it was damaged."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError

WITNESS = ".complete.json"
"""Name and size of every file, written last."""


def cached_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, where `make(draft)` has written its files. Raises InputError where the cache cannot be written."""
    from filelock import FileLock

    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if _is_whole(folder):  # another process made it while this one waited
                return folder
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                make(draft)
                (draft / WITNESS).write_text(json.dumps(_sizes(draft)), encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"the cache folder {str(folder.parent)!r} cannot be written ({error}); make room or give another one by setting "
            "PASTURE_CACHE"
        ) from error
    return folder


def _is_whole(folder: Path) -> bool:
    witness = folder / WITNESS
    try:
        return json.loads(witness.read_text(encoding="utf-8")) == _sizes(folder)
    except (OSError, ValueError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != WITNESS)
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}
