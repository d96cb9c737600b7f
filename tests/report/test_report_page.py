"""The HTML page, read as text and opened in a real browser."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pasture.core.results import RankingResult
from pasture.report.page import embedded_json, page, write_page

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "{{7*7}}{% raw %}",
    "\x1b[31mred\x1b[0m",
    "line\u2028separator",
    "\u202eright to left",
    '"quoted" & <!-- comment',
    "half \ud800 pair",
)


@pytest.fixture(scope="session")
def hostile(ranking: RankingResult) -> RankingResult:
    every = "\n".join(HOSTILE)
    first = replace(
        ranking.examples[0],
        method=HOSTILE[0],
        prompt=every,
        candidate=every,
        rival=HOSTILE[1],
        annotator=HOSTILE[2],
        rationale=every,
    )
    methods = (replace(ranking.methods[0], method=HOSTILE[0]), replace(ranking.methods[1], method=HOSTILE[3]), *ranking.methods[2:])
    return replace(
        ranking,
        world=HOSTILE[1],
        feedback=HOSTILE[2],
        evaluator=every,
        methods=methods,
        examples=(first, *ranking.examples[1:]),
        spearman=replace(ranking.spearman, how=every),
        manifest={HOSTILE[0]: {HOSTILE[1]: [every, None, True, 1.5]}},
    )


def test_hostile_text_is_inert_in_the_source(hostile: RankingResult) -> None:
    source = page(hostile)
    source.encode()
    assert source.count("<script") == 2  # the data and the page's own
    assert source.count("</script>") == 2
    assert "<img" not in source
    assert "{{7*7}}" in html.unescape(source)
    assert "49" not in re.findall(r"<th scope=\"row\">.*?</th>", source)[1]
    assert not any(bad in source for bad in "\x1b\u2028\u202e\ud800")


def test_the_data_survives_embedding() -> None:
    for each in HOSTILE:
        assert json.loads(embedded_json([each])) == [each]
        assert not any(bad in embedded_json(each) for bad in "<>&\u2028")
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json(float("nan"))


def test_the_page_asks_nothing_of_the_network(written: Path) -> None:
    source = written.read_text(encoding="utf-8")
    assert "default-src 'none'" in source
    asked = re.findall(r"""(?:src|href|action|data|poster)\s*=\s*["']([^"']*)|url\(([^)]*)\)|@import""", source)
    assert all((href or css).startswith(("#", "data:,")) for href, css in asked)
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", source)) <= namespaces


def test_the_same_result_gives_the_same_page_and_leaves_nothing_beside_it(ranking: RankingResult, written: Path) -> None:
    assert written.read_text(encoding="utf-8") == page(ranking)
    assert [each.name for each in written.parent.iterdir()] == ["report.html"]


def test_the_page_says_how_it_was_made(written: Path) -> None:
    source = written.read_text(encoding="utf-8")
    for told in ("flip(pool, 0.25)", "2.13.0+cpu", "base policy", "173.4", "beta"):
        assert told in source


def test_a_result_with_nothing_judged_still_makes_a_page(ranking: RankingResult) -> None:
    nothing = replace(ranking.spearman, value=None, low=None, high=None, how="undefined: a method has no value")
    methods = tuple(replace(each, win_rate=nothing, gold_win_rate=nothing, kl=nothing) for each in ranking.methods)
    source = page(replace(ranking, methods=methods, curves=(), examples=(), manifest={}, spearman=nothing))
    assert "No method has a win rate" in source
    assert "undefined: a method has no value" in source
    assert "No method" in page(replace(ranking, methods=(), curves=(), examples=()))


@pytest.fixture(scope="session")
def written(ranking: RankingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(ranking, tmp_path_factory.mktemp("report") / "report.html")


class Opened:
    """A page in the browser, and whatever it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, javascript: bool = True) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
        self.complaints: list[str] = []
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", self._dialog)
        self.tab.on("request", lambda request: self.complaints.append(request.url) if request.url != path.as_uri() else None)
        self.tab.goto(path.as_uri())

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def text(self, selector: str) -> str:
        return self.tab.locator(selector).inner_text()


@pytest.fixture
def opened(browser: Any, written: Path) -> Iterator[Opened]:
    found = Opened(browser, written)
    yield found
    found.context.close()


def test_the_page_opens_without_complaint_and_shows_every_method(opened: Opened, ranking: RankingResult, tmp_path: Path) -> None:
    assert opened.tab.locator("#ranking tbody tr").count() == len(ranking.methods)
    assert opened.tab.locator("figure svg").count() == 7
    assert "cannot be told apart" in opened.text("h1")
    assert ranking.methods[0].method in opened.text(".lead")
    opened.tab.screenshot(path=tmp_path / "report.png", full_page=True)
    assert (tmp_path / "report.png").stat().st_size > 50_000
    assert opened.complaints == []


def test_the_browser_steps_through_comparisons_by_button_and_key(opened: Opened, ranking: RankingResult) -> None:
    many = len(ranking.examples)
    assert opened.text("#count") == f"1 of {many}"
    first = opened.text("#comparison")
    assert opened.tab.locator("#previous").is_disabled()
    opened.tab.click("#next")
    assert opened.text("#count") == f"2 of {many}"
    assert opened.text("#comparison") != first
    opened.tab.locator("#comparison").scroll_into_view_if_needed()
    opened.tab.locator("#next").press("ArrowRight")
    assert opened.text("#count") == f"3 of {many}"
    opened.tab.locator("#next").press("ArrowLeft")
    opened.tab.click("#previous")
    assert opened.text("#comparison") == first


def test_a_comparison_is_shown_in_its_order_with_the_winner_and_the_reason(opened: Opened, ranking: RankingResult) -> None:
    example = ranking.examples[0]  # the rival was shown first, and the candidate won with .91
    assert (example.shown_first, example.p_candidate) == ("rival", 0.91)
    answers = opened.tab.locator(".answer")
    assert example.rival in answers.nth(0).inner_text()
    assert "preferred" not in answers.nth(0).inner_text()
    assert example.candidate in answers.nth(1).inner_text()
    assert "preferred" in answers.nth(1).inner_text()
    card = opened.text("#comparison")
    assert f"pool: 91 % for {example.method}, 9 % for the rival" in card
    assert example.rationale in card
    assert f"Gold utility {example.gold_candidate:.2f}".replace("-", "−") in card


def test_the_filters_choose_by_method_verdict_seed_and_text(opened: Opened, ranking: RankingResult) -> None:
    tab, many = opened.tab, len(ranking.examples)
    tab.select_option("#f-method", "dpo")
    assert opened.text("#count") == f"1 of 8 (of {many})"
    tab.select_option("#f-seed", "1")
    tab.select_option("#f-verdict", "abstained")
    assert opened.text("#count") == f"1 of 1 (of {many})"
    assert "pool gave no verdict" in opened.text("#comparison")
    tab.select_option("#f-verdict", "tied")
    assert "(a tie)" in opened.text("#comparison")
    assert tab.locator(".winner").count() == 0
    for each in ("#f-method", "#f-seed", "#f-verdict"):
        tab.select_option(each, "")
    tab.fill("#f-text", "NORWAY")
    assert opened.text("#count") == f"1 of {sum('Norway' in each.prompt for each in ranking.examples)} (of {many})"
    tab.fill("#f-text", "nowhere to be found")
    assert "0 of" in opened.text("#count")
    assert "No comparison matches" in opened.text("#comparison")
    tab.fill("#f-text", "")
    tab.select_option("#f-verdict", "against")
    against = [
        e
        for e in ranking.examples
        if e.p_candidate not in (None, 0.5) and (e.p_candidate > 0.5) != (e.gold_candidate > e.gold_rival)
    ]
    assert opened.text("#count") == f"1 of {len(against)} (of {many})"
    assert "against gold" in opened.text("#comparison")


def test_hostile_text_is_inert_in_the_browser(browser: Any, hostile: RankingResult, tmp_path: Path) -> None:
    opened = Opened(browser, write_page(hostile, tmp_path / "hostile.html"))
    card = opened.text("#comparison")
    for shown in ("<script>alert(1)</script>", "<img src=x onerror=alert(3)>", "{{7*7}}", "␛[31mred␛[0m", "⟨U+202E⟩right to left"):
        assert shown in card
    assert opened.tab.locator("main img, main script").count() == 0
    assert opened.tab.locator("#ranking tbody tr").count() == len(hostile.methods)
    opened.tab.select_option("#f-method", HOSTILE[0])
    opened.tab.click("#f-text")
    assert opened.complaints == []
    opened.context.close()


def test_without_javascript_the_ranking_is_there_and_the_browser_says_why_it_is_not(
    browser: Any, ranking: RankingResult, written: Path
) -> None:
    opened = Opened(browser, written, javascript=False)
    assert opened.tab.locator("#ranking tbody tr").count() == len(ranking.methods)
    assert not opened.tab.locator("#browser").is_visible()
    assert "needs JavaScript" in opened.tab.locator("#browse").inner_text()
    opened.context.close()


def test_a_telephone_scrolls_down_and_not_sideways(browser: Any, written: Path) -> None:
    opened = Opened(browser, written, width=390)
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= 390
    facts = "[...document.querySelectorAll('.made dd')].map(each => each.getBoundingClientRect().width)"
    assert min(opened.tab.evaluate(facts)) > 150  # and no fact is set one letter per line
    opened.context.close()


def test_every_control_is_reached_by_keyboard_and_named(opened: Opened) -> None:
    tab = opened.tab
    tab.locator("#f-method").focus()
    reached = [tab.evaluate("document.activeElement.id")]
    for _ in range(4):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
    assert reached == ["f-method", "f-seed", "f-verdict", "f-text", "next"]  # previous is disabled on the first
    assert tab.get_by_label("Verdict").count() == 1
    assert tab.get_by_role("button", name="Next").count() == 1
