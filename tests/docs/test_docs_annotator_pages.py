"""The commands of docs/annotators/*.md run as written, on a few items: a fence that names a file is that file, and every
`pasture annotate --world ...` is run, but for the few that need what another program makes."""

from __future__ import annotations

import re
import shlex
from inspect import signature
from pathlib import Path

import pytest
from pasture.annotators import ANNOTATORS
from pasture.benchmarks.claims import CLAIMS
from pasture.cli import app
from typer.testing import CliRunner

PAGES = sorted((Path(__file__).parents[2] / "docs" / "annotators").glob("*.md"))
FENCES = re.compile(r"^```toml (\S+)\n(.*?)^```$", flags=re.S | re.M)
COMMANDS = re.compile(r"^    (pasture annotate .*)$", flags=re.M)
DOCS = sorted((Path(__file__).parents[2] / "docs").rglob("*.md"))
CLAIMS_RUN = re.compile(r"pasture\s+claims\s+run\s+([a-z-]+(?![\w.-])(?:\s+--\w+\s+[\w=.-]+)*)")
NEED_MORE = {"routed.toml": "a router", "ratio.toml": "two checkpoints", "learned.toml": "more labels than this test makes"}


def commands_of(page: Path) -> list[list[str]]:
    """The arguments of each `pasture annotate`, as a shell reads them."""
    return [shlex.split(line, comments=True)[1:] for line in COMMANDS.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_an_annotators_page_run_as_written(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FENCES.findall(page.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    lines = commands_of(page)
    runnable = [each for each in lines if "--world" in each and not NEED_MORE.keys() & set(each)]
    assert lines[0] in runnable, "the first command of a page needs no model, no key and no file"
    for line in runnable:
        done = CliRunner().invoke(app, [*line, "--limit", "12"])
        assert done.exit_code == 0, f"pasture {shlex.join(line)}\n{done.output}\n{done.exception!r}"
        assert (tmp_path / line[line.index("--out") + 1]).is_file()


def test_every_page_is_linked_from_the_overview_and_names_an_annotator():
    overview = (PAGES[0].parents[1] / "annotators.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"(annotators/{page.name})" in overview
        if page.stem in ("scripted", "wrappers"):  # pages about several
            continue
        assert page.stem in ANNOTATORS.table
        assert page.read_text(encoding="utf-8").startswith(f"# `{page.stem}`: ")
    assert {"cdr", "cipher", "rlhs", "icai", "janus", "persona"} <= {page.stem for page in PAGES}


def test_every_claim_in_the_docs_is_in_the_table_and_takes_its_options():
    lines = [line for page in DOCS for line in CLAIMS_RUN.findall(page.read_text(encoding="utf-8"))]
    assert {line.split()[0] for line in lines} == set(CLAIMS.table)
    for line in lines:
        name, *options = shlex.split(line)
        known = signature(CLAIMS.load(name).run).parameters
        assert {each.partition("=")[0] for each in options if "=" in each} <= set(known), line
        assert {each for each in options if each.startswith("--")} <= {"--seeds", "--set", "--json"}, line
