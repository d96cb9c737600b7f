"""The leaderboard's page and tables: whole, self-contained, and safe with strangers' text."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from pasture.eval.files.judgments import Instructions, Judgments, Texts
from pasture.eval.leaderboards.leaderboard import leaderboard
from pasture.report.leaderboard import comparisons, leaderboard_tables, page
from rich.console import Console

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def judged(model: str, texts: Texts | None) -> Judgments:
    scores = np.array([1, 0, 0.5, np.nan, 0.25, 0.7])
    return Judgments(
        model, "judge", "base", tuple(range(6)), scores, np.arange(1.0, 7), np.array([3.0, 9, 1, 2, 2, 8]), texts=texts
    )


def rendered() -> str:
    texts = Texts(tuple(f"prompt {EVIL} {at}" for at in range(6)), (EVIL,) * 6, ("plain",) * 6)
    given = [judged(f"[red]{EVIL}", texts), judged("no-texts", None)]
    return page(leaderboard(given), given, [("Undefined", [EVIL])], None, {})


def test_text_of_strangers_cannot_act() -> None:
    html = rendered()
    assert "<img src=x" not in html
    assert html.count("<script") == 2  # the data and the page's own
    assert "default-src 'none'" in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)
    assert "&lt;/script&gt;" in html


def test_the_data_holds_every_comparison_and_each_text_once() -> None:
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', rendered(), re.S)[1])  # type: ignore[index]
    assert len(data["texts"]) == len(set(data["texts"])) == 6 + 2 + 6
    assert [len(each) for each in data["comparisons"]] == [6, 6]
    assert {row[3] for row in data["comparisons"][0]} == {1, 0, 0.5, None, 0.25, 0.7}


def test_texts_come_from_the_folders_outputs_where_the_judgments_have_none() -> None:
    of = judged("m", None)
    known = Instructions({"ask": 0}, {0: "ask"})
    data = comparisons(leaderboard([of]), [of], known, {"m": {"ask": "ours"}, "base": {}})
    assert data["texts"][:2] == ["ask", "ours"]
    assert data["comparisons"][0][0] == [0, 1, None, 1.0]
    assert data["comparisons"][0][1][:3] == [2, None, None]
    assert data["texts"][2] == "instruction 1"


def test_the_terminal_shows_names_as_they_are_and_undefined_as_a_dash() -> None:
    of = judged("[red]x[/red]", None)
    never = Judgments("never", "judge", "base", of.ids, np.zeros(6), of.lengths_N, of.baseline_lengths_N)
    text = StringIO()
    console = Console(file=text, width=80)
    for table in leaderboard_tables(leaderboard([of, never])):
        console.print(table)
    assert "[red]x[/red]" in text.getvalue()
    assert "–" in text.getvalue()


def test_the_page_sorts_and_steps_through_the_comparisons_of_a_row(browser: Any, tmp_path: Path) -> None:
    path, complaints = tmp_path / "page.html", []
    path.write_text(rendered(), encoding="utf-8")
    tab = browser.new_context().new_page()
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    tab.goto(path.as_uri())
    assert tab.locator("#count").inner_text() == "1 of 6"
    assert EVIL in tab.locator("#comparison").inner_text()
    tab.locator("#next").click()
    assert tab.locator("#count").inner_text() == "2 of 6"
    assert tab.locator(".badge").count() == 1
    tab.locator("#f-verdict").select_option("tied")
    assert tab.locator("#count").inner_text() == "1 of 1"
    assert "(a tie)" in tab.locator("#comparison").inner_text()
    assert tab.locator("#next").is_disabled()
    tab.locator("#t-model").fill("no-texts")
    assert tab.locator("#board tbody tr:visible").count() == 1
    tab.locator("#board th button.sort").first.click()
    assert not complaints
