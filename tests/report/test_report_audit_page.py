"""An audit's page: whole, self-contained, and safe with strangers' text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from pasture.core.records import Estimate
from pasture.core.results import Measure
from pasture.eval.judges.judge_audit import AuditReport
from pasture.report.audit_page import audit_page, write_audit_page

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
