"""An audit as one HTML page that needs nothing else: no network, no other file, no JavaScript."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from ..core.files.writing import write_atomically
from ..eval.judges.judge_audit import AuditReport
from .template import rendered


def audit_page(report: AuditReport) -> str:
    """The page's HTML. The same report gives the same bytes."""
    groups = [(name, list(rows)) for name, rows in groupby(report.measures, key=lambda each: each.group)]
    return rendered("audit.jinja", report=report, groups=groups)


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Writes the page, whole or not at all, and returns its path."""
    write_atomically(path, audit_page(report))
    return path
