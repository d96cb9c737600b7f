"""Every module is reached from the command line, or is declared to be for somebody else."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "engines", "policies", "simulators", "annotators", "methods", "eval", "benchmarks", "report", "cli")
ENTRANCES = ("cli.__main__", "cli", "core.moved", "benchmarks.ranking.suites")
"""The command; what the package itself installs; the folder whose TOMLs a suite's name finds."""
FOR_OTHERS = {
    "testing": "contract tests for users' own annotators, methods, engines and worlds",
    "benchmarks.throughput": "measures of speed, run by hand: `python -m pasture.benchmarks.throughput.X`",
}
TABLES = {
    "annotators.table": "annotators.toml",
    "methods": "methods.toml",
    "benchmarks.claims": "claims.toml",
    "cli": "commands.toml",
}
"""Modules whose table of targets is a file."""
TARGET = re.compile(r"pasture\.([a-z_0-9.]+)(?::\w+)?")


def modules() -> dict[str, Path]:
    """Name without `pasture.` -> file; a package is its `__init__`."""
    found = {}
    for path in (path for room in (*ROOMS, "testing") for path in (ROOT / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """What a module imports, at its top or in a function, and what its tables name as a target; not what is for types alone."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()

    def add(target: str, names: list[str]) -> None:
        for each in (target, *(f"{target}.{name}" if target else name for name in names)):
            parts = each.split(".")
            found.update(".".join(parts[: k + 1]) for k in range(len(parts)) if ".".join(parts[: k + 1]) in known)

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            if node.level or target.startswith("pasture"):
                add(target.removeprefix("pasture").lstrip("."), [alias.name for alias in node.names])
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "Entry"
            and path.name == "__init__.py"
            and isinstance(node.args[0], ast.Constant)
        ):
            add(f"{name}.{ast.literal_eval(node.args[0]).partition(':')[0]}", [])  # a folder's table names targets from there on
            add(ast.literal_eval(node.args[0]).partition(":")[0].removeprefix("pasture."), [])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (named := TARGET.fullmatch(node.value)):
            add(named[1], [])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    if name in TABLES:
        for line in lines_of(tomllib.loads((path.parent / TABLES[name]).read_text(encoding="utf-8"))):
            add(f"{name.removesuffix('.table')}.{line[0].partition(':')[0]}", [])
    return found - {name}


def lines_of(table: dict) -> list[list]:
    """The lines of a table of targets, with or without rooms in it."""
    return [line for each in table.values() for line in (lines_of(each) if isinstance(each, dict) else [each])]


def reached() -> set[str]:
    known = modules()
    seen, open_ = set(ENTRANCES), list(ENTRANCES)
    while open_:
        name = open_.pop()
        for each in imported(name, known[name], known) - seen:
            seen.add(each)
            open_.append(each)
    return seen


def is_for_others(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in FOR_OTHERS)


def test_every_module_is_reached_by_a_command_or_declared_to_be_for_others():
    lost = {name for name in set(modules()) - reached() if not is_for_others(name)}
    assert not lost, f"no command reaches {sorted(lost)}: give each a command or a claim, or take it out"


def test_what_is_declared_to_be_for_others_is_reached_by_no_command():
    assert not {name for name in reached() if is_for_others(name)}
