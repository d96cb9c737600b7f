"""An audit's page: whole, self-contained, and safe with strangers' text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from pasture.core.records import Estimate
from pasture.core.results import Measure
from pasture.eval.judges.judge_audit import AuditReport
from pasture.report.audit_page import audit_page, conclusions, write_audit_page

EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e{{ 7*7 }}"


def report() -> AuditReport:
    rate = Estimate(0.625, 0.5, 0.75, 40, f"how {EVIL}", 2)
    none = Estimate(None, None, None, 0, f"undefined: {EVIL}")
    measures = (
        Measure("agreement", "agreement", rate, "share", f"means {EVIL}"),
        Measure("agreement", "ceiling", none, "share", "means"),
        Measure("likings", "verbosity bias", Estimate(-0.2, -0.3, -0.1, 9, "how"), "difference", "means"),
        Measure("cost", "dollars per 1,000", Estimate(43.734, None, None, 9, "how"), "dollars", "means"),
    )
    return AuditReport(f"judge {EVIL}", {f"gold {EVIL}": EVIL}, measures)


def test_text_of_strangers_cannot_act():
    html = audit_page(report())
    assert "<script" not in html
    assert "<img" not in html
    assert "default-src 'none'" in html
    assert "script-src" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "{{ 7*7 }}" in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)


def test_the_page_is_well_formed_and_says_everything():
    open_tags: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link"):
                open_tags.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    html = audit_page(report())
    Balanced().feed(html)
    assert open_tags == []
    for word in ("62.5 %", "[50.0, 75.0]", "−20.0 points", "$43.73", "undefined"):
        assert word in html
    assert html.count("<circle") == 2  # none for what is undefined, and none for dollars
    assert 'cx="40.00"' in html  # -0.2 on [-1, 1]


def test_the_page_is_written_whole(tmp_path):
    assert write_audit_page(report(), tmp_path / "a" / "page.html").read_text(encoding="utf-8") == audit_page(report())


def rows(*given: tuple[str, str, float | None, float | None, float | None]) -> AuditReport:
    measures = [Measure("g", name, Estimate(value, low, high, 9, "how"), unit) for name, unit, value, low, high in given]
    return AuditReport("judge", {}, tuple(measures))


def test_the_page_opens_with_what_the_numbers_show():
    agreement, ceiling = ("agreement", "share", 0.7, 0.6, 0.8), ("ceiling", "share", 0.9, None, None)
    first, fair = ("first", "share", 0.8, 0.7, 0.9), ("first", "share", 0.55, 0.45, 0.65)
    short = ("verbosity bias", "difference", -0.2, -0.3, -0.1)
    same = ("same in both orders", "share", 0.75, 0.7, 0.8)
    said = " ".join(conclusions(rows(agreement, ceiling, first, short, same)))
    assert "agrees with the gold labels in 70.0 % [60.0, 80.0], where a perfect judge would reach 90.0 %" in said
    assert "prefers what is shown first: 80.0 %" in said
    assert "the other order, its verdict stays the same in 75.0 %" in said
    assert "shown first" not in " ".join(conclusions(rows(agreement, first)))  # of stored verdicts, first is not a place
    assert "likes shorter answers too well: −20.0 points" in said
    assert "shown" not in " ".join(conclusions(rows(agreement, fair, same)))  # the interval holds 50 %
    assert conclusions(rows(("first", "share", None, None, None))) == [
        "Nothing here shows how good it is, or what it likes; see why below."
    ]
    attacks = [
        Measure("attacks", name, Estimate(0.1, 0.0, 0.2, 9, "how"), "difference", "", finding)
        for name, finding in (("lists", "GAMED: wins more"), ("null", "no gain"))
    ]
    assert conclusions(AuditReport("judge", {}, tuple(attacks))) == ["It is gamed by 1 of 2 attacks: lists."]
    assert "It is gamed by 1 of 2 attacks: lists." in audit_page(AuditReport("judge", {}, tuple(attacks)))
