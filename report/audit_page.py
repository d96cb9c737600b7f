"""An audit as one HTML page that needs nothing else: no network, no other file, no JavaScript."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from ..core.files.writing import write_atomically
from ..core.results import Measure
from ..eval.judges.judge_audit import GAMED, AuditReport
from .template import rendered
from .text import is_defined, shown, shown_interval


def conclusions(report: AuditReport) -> list[str]:
    """What the numbers say of the judge, in sentences; only what an interval shows is said to be so."""
    found = {each.name: each for each in report.measures}
    attacks = [each for each in report.measures if each.group == "attacks"]
    if attacks:
        gamed = [each.name for each in attacks if each.finding.startswith(GAMED)]
        names = f": {', '.join(gamed)}" if gamed else ", which is no proof that none would work"
        return [f"It is gamed by {len(gamed)} of {len(attacks)} attacks{names}."]
    said = []
    if "agreement" in found:
        top = f", where a perfect judge would reach {_shown(found, 'ceiling')}" if _is_known(found, "ceiling") else ""
        said.append(f"It agrees with the gold labels in {_shown(found, 'agreement')}{top}.")
    if not _is_known(found, "same in both orders"):
        found.pop("first", None)  # of stored verdicts it is not a place
    for name, bound, words in (
        ("first", 0.5, ("It prefers what is shown first: {}.", "It prefers what is shown second: the first wins {}.")),
        ("verbosity bias", 0.0, ("It likes longer answers too well: {}.", "It likes shorter answers too well: {}.")),
        ("self-preference", 0.0, ("It prefers its own answers: {}.", "It likes its own answers less than gold does: {}.")),
    ):
        row = found.get(name)
        low, high = (row.estimate.low, row.estimate.high) if row else (None, None)
        if low is not None and high is not None and not low <= bound <= high:
            said.append(words[low < bound].format(_shown(found, name)))
    if _is_known(found, "same in both orders"):
        said.append(f"Shown in the other order, its verdict stays the same in {_shown(found, 'same in both orders')}.")
    return said or ["Nothing here shows how good it is, or what it likes; see why below."]


def _is_known(found: Mapping[str, Measure], name: str) -> bool:
    return name in found and is_defined(found[name].estimate)


def _shown(found: Mapping[str, Measure], name: str) -> str:
    row = found[name]
    return f"{shown(row.estimate, row.unit)} {shown_interval(row.estimate, row.unit)}".rstrip()


def audit_page(report: AuditReport) -> str:
    """The page's HTML. The same report gives the same bytes."""
    groups = [(name, list(rows)) for name, rows in groupby(report.measures, key=lambda each: each.group)]
    return rendered("audit.jinja", report=report, groups=groups, conclusions=conclusions(report))


def write_audit_page(report: AuditReport, path: Path) -> Path:
    """Writes the page, whole or not at all, and returns its path."""
    write_atomically(path, audit_page(report))
    return path
