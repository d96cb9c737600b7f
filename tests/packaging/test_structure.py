"""The house: imports make no circle, and what the rules of CONTRIBUTING say of folders and files holds."""

from __future__ import annotations

import ast
import importlib
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "engines", "policies", "simulators", "annotators", "methods", "eval", "benchmarks", "report", "testing", "cli")


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name within the package."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return dict(zip(names, paths, strict=True))


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the product that a module imports anywhere in its text: at the top, within functions and for types alone."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            source = ".".join(filter(None, base))
            inner = {f"{source}.{alias.name}" for alias in node.names}
            found |= inner & set(known) or {source}
    return (found & set(known)) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """What is left of a graph when modules that import nothing that is left are taken away, again and again; then the same from the
    other side, so that only modules on a circle (or between two) stay."""
    left = {name: set(to) for name, to in graph.items()}
    while True:
        imported = set().union(*left.values()) if left else set()
        done = {name for name, to in left.items() if not to or name not in imported}
        if not done:
            return [[name, *sorted(to)] for name, to in sorted(left.items())]
        left = {name: to - done for name, to in left.items() if name not in done}


def test_no_module_imports_itself_by_way_of_others_not_even_for_types():
    known = modules()
    graph = {name: imports(name, path, known) for name, path in known.items()}
    assert sum(map(len, graph.values())) > 1000  # so many arrows are seen
    assert circles(graph) == []


def test_a_circle_is_found_where_there_is_one():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}, "e": set()}) == [["b", "c"], ["c", "b"]]


def test_a_public_class_has_a_name_of_its_own_in_the_whole_product():
    """`Config` apart: the settings of every method have that name, by the contract of methods."""
    places: dict[str, list[str]] = {}
    for name, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name)
    assert len(places) > 250
    assert {name: at for name, at in places.items() if len(at) > 1 and name != "Config"} == {}


def test_every_name_that_changed_is_still_imported_by_its_old_one():
    table = tomllib.loads((ROOT / "core" / "moved.toml").read_text(encoding="utf-8"))
    checked = 0
    for old, homes in table.items():
        for line in [each for each in ([homes] if isinstance(homes, str) else homes) if "=" in each]:
            with pytest.warns(DeprecationWarning, match="is now") if f"pasture.{old}" not in sys.modules else nullcontext():
                module = importlib.import_module(f"pasture.{old}")
            assert getattr(module, line.partition("=")[0]).__name__ == line.partition("=")[2]
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("annotators.desk", "STOP_SECONDS"),
        ("annotators.runner", "ledger_of"),
        ("core.labels", "score_of"),
        ("core.tables", "ROWS_A_GROUP"),
        ("engines.openai_calls", "SECRET"),
        ("cli.material", "named_engine"),
    ],
)
@pytest.mark.filterwarnings("ignore:.* is now .*:DeprecationWarning")
def test_what_moved_on_from_its_module_is_found_by_the_old_one(module: str, name: str):
    assert hasattr(importlib.import_module(f"pasture.{module}"), name)


def test_the_readme_prints_the_tree_as_it_is():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Where things are")[2].split("```")[1]
    printed: list[str] = []
    parents: list[str] = []
    for line in tree.strip().splitlines():
        folder, _, comment = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], folder]
        printed.append("".join(parents).rstrip("/"))
        assert folder.endswith("/"), line
        assert comment.strip(), line
    folders = {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    folders |= {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.toml")}
    assert sorted(set(printed) - {"docs", "tests"}) == sorted(folders)


def test_a_folder_holds_at_most_fourteen_modules():
    sizes: dict[str, int] = {}
    for path in modules().values():
        sizes[path.parent.relative_to(ROOT).as_posix()] = sizes.get(path.parent.relative_to(ROOT).as_posix(), 0) + 1
    assert {folder: size for folder, size in sizes.items() if size > 14} == {}


def test_at_most_eight_files_have_more_than_250_lines():
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert len([name for name, count in lines.items() if count > 250]) <= 8, sorted(lines.items(), key=lambda each: -each[1])[:12]
