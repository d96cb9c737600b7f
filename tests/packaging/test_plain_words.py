"""What users read is plain English: help, messages of errors, the README, the docs and docstrings use none of the house's old
habits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "engines", "policies", "simulators", "annotators", "methods", "eval", "benchmarks", "report", "testing", "cli")
UNITS = "one|dollars|requests?|items?|nats|labels?|rows?|lines?|minutes|seconds|verdicts?|questions?|samples|answers|calls"
BANNED = {
    rf"\b({UNITS}) an? (pair|prompt|answer|token|million|persona|word|label|item|seed|model|call|method)\b": "say 'per' for rates",
    r"(?<![Tt]here )(?<!has )\b(is|are) no (?!more|longer|less|fewer|other|one\b|wider|older|newer|better|worse)": "say 'is not a'",
    r"\b[Ww]hoever\b|\b[Ww]hom\b|\b(for|of|from|to|by|with|and|or) who\b": "put a noun before 'who'",
    r"^(Who|Whose|Whom)\b": "begin with the thing: 'The annotator that ...'",
    r"\b(heard|anew|unheard)\b": "say what happened: answered, again",
    r"\bmend(s|ed|ing)?\b": "say 'repair' or 'correct'",
    r"\bsilent\b": "say 'abstained'",
}


def errors(tree: ast.Module) -> Iterator[str]:
    """The words of every error that is raised or made with text, without what is filled in."""
    for node in ast.walk(tree):
        name = node.func if isinstance(node, ast.Call) else None
        if isinstance(name, ast.Name) and name.id in ("InputError", "EngineError", "UnknownName", "BudgetExceeded", "PastureError"):
            yield from words(node)


def help_texts(tree: ast.Module) -> Iterator[str]:
    """Texts of options, and the docstrings of commands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "help":
            yield from words(node.value)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield ast.get_docstring(node) or ""


def docstrings(tree: ast.Module) -> Iterator[str]:
    """What the reference says of modules, classes and functions, without what is set as code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prose(" ".join((ast.get_docstring(node) or "").split()))


def words(node: ast.AST) -> Iterator[str]:
    """Each text in a node; the parts of an f-string as one, with a word in the place of what is filled in."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from words(child)


def prose(line: str) -> str:
    """The line without what is set as code."""
    return re.sub(r"`[^`]*`", "X", line)


@cache
def found() -> list[tuple[str, str]]:
    pages = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "api"),
    ]
    texts = [
        (path.relative_to(ROOT).as_posix(), prose(line)) for path in pages for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            place, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
            texts += [(place, text) for text in (*errors(tree), *docstrings(tree))]
            texts += [(place, text) for text in help_texts(tree) if room == "cli"]
    return texts


@pytest.mark.parametrize("pattern", BANNED)
def test_what_users_read_is_plain(pattern: str):
    hits = [f"{place}: {text}" for place, text in found() if re.search(pattern, text)]
    assert hits == [], BANNED[pattern]


def test_a_habit_is_found_where_there_is_one():
    assert len(found()) > 2000
    bad = ["12 nats an answer", "this is no policy", "for who ranks", "none was heard", "mend it", "2 silent", "Who judges."]
    assert all(any(re.search(pattern, text) for pattern in BANNED) for text in bad)
