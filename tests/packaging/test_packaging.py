"""The wheel holds what the repository holds, and light commands stay light."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "engines", "policies", "simulators", "annotators", "methods", "eval", "benchmarks", "report", "testing", "cli")


def room_files() -> set[str]:
    """Python files and package data of the rooms, by their path in the package."""
    found = {path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    kept = {".py", ".toml", ".jinja", ".css", ".js", ".csv", ".mplstyle"}
    return {f"pasture/{path.relative_to(ROOT).as_posix()}" for path in found if path.suffix in kept} | {"pasture/__init__.py"}


def test_every_folder_with_code_is_listed_as_a_package():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {path.rsplit("/", 1)[0].replace("/", ".") for path in room_files() if path.endswith(".py")}
    assert folders == listed


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_rooms(tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "__init__.py", "py.typed"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped - {"pasture/py.typed"} == room_files()


@pytest.mark.parametrize("command", [["--help"], ["methods", "list"], ["annotators", "list"], ["worlds", "list"]])
def test_light_commands_import_no_heavy_library(command: list[str]):
    heavy = "('torch', 'transformers', 'vllm', 'pandas', 'matplotlib', 'scipy', 'openai')"
    code = (
        "import sys\nfrom pasture.cli import app\n"
        f"app({command!r}, standalone_mode=False)\n"
        f"loaded = [each for each in {heavy} if each in sys.modules]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_the_base_dependencies_bring_no_torch():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [
        each for each in project["dependencies"] if each.startswith(("torch", "transformers", "vllm", "peft", "accelerate"))
    ]
