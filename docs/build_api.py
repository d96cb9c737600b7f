"""Writes the API reference: a page for each room, with every public name, its signature and its docstring.

    python docs/build_api.py [FOLDER]     # by default docs/api; `make docs` does it

Ends with 1, and lists them, where a public name is missing from its room or has no docstring."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core", "engines", "policies", "simulators", "annotators", "methods", "eval", "benchmarks", "report", "testing")
OF_A_CONTRACT = {"Config", "train", "run", "main"}
"""Names that a contract gives to many modules, as the settings of methods: each is that of its module, and of no room."""
Public = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def build(folder: Path) -> list[str]:
    """Writes the pages to `folder`, and returns what is wrong, one line for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    for room in ROOMS:
        listed = set(import_module(f"pasture.{room}").__all__)
        own = {path.stem for path in (ROOT / room).iterdir()}
        parts = [f"# pasture.{room}\n"]
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = [node for node in tree.body if isinstance(node, Public) and not node.name.startswith("_")]
            if names:
                parts.append(f"## pasture.{module}\n\n{ast.get_docstring(tree) or ''}\n")
            for node in names:
                parts.append(_entry(node))
                if not ast.get_docstring(node) and node.name != "main":
                    wrong.append(f"pasture.{module}.{node.name} has no docstring")
                if node.name not in listed | own | OF_A_CONTRACT:
                    wrong.append(f"pasture.{module}.{node.name} is not a name of pasture.{room}: another module there has it too")
        (folder / f"{room}.md").write_text("\n".join(parts), encoding="utf-8")
    return wrong


def _entry(node: Public) -> str:
    """A class with its public methods, or a function."""
    about = ast.get_docstring(node) or ""
    if not isinstance(node, ast.ClassDef):
        return f"### {node.name}\n\n```python\n{_signature(node)}\n```\n\n{about}\n"
    parts = [f"### {node.name}\n\n{about}\n"]
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and (not each.name.startswith("_") or each.name == "__init__"):
            parts.append(f"```python\n{_signature(each)}\n```\n\n{ast.get_docstring(each) or ''}\n")
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not each.target.id.startswith("_"):
            parts.append(f"- `{ast.unparse(each)}`\n")
    return "\n".join(parts)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){returns}"


if __name__ == "__main__":
    found = build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "api")
    sys.stderr.writelines(f"{line}\n" for line in found)
    sys.exit(bool(found))
