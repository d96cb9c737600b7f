"""What a terminal shows, with text that wants to be more than text."""

import io
from dataclasses import replace

import pytest
from pasture.core.records import Estimate
from pasture.core.results import RankingResult
from pasture.report.headline import agreement, rivals_within_reach, verdict
from pasture.report.tables import ranking_summary
from pasture.report.text import duration, interval, number, percent, visible, visible_everywhere
from rich.console import Console

NOTHING = Estimate(None, None, None, 0, "undefined: no verdicts (3 abstentions)", 3)


def printed(result: RankingResult, width: int = 150) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(ranking_summary(result))
    return out.getvalue()


def test_the_table_has_a_row_for_each_method_and_says_who_won(ranking: RankingResult) -> None:
    text = printed(ranking)
    best = ranking.methods[0]
    for each in ranking.methods:
        assert each.method in text
    assert f"{best.method} came first" in text
    assert f"{100 * best.win_rate.value:.1f}" in text
    assert "Spearman" in text
    assert "judged by pool" in text


def test_markup_and_terminal_codes_are_printed_and_not_obeyed(ranking: RankingResult) -> None:
    names = ["[bold red]dpo[/]", "\x1b[31mred\x1b[0m", "\u202eltr", "a\x07bell"]
    methods = tuple(replace(each, method=name) for each, name in zip(ranking.methods, names, strict=False))
    text = printed(replace(ranking, methods=methods, evaluator="[link=http://x]\x1b]0;title\x07"))
    assert "[bold red]dpo[/]" in text
    assert "␛[31mred␛[0m" in text
    assert "⟨U+202E⟩ltr" in text
    assert "[link=http://x]" in text
    assert not any(bad in text for bad in "\x1b\x07\u202e")


def test_what_is_undefined_is_a_dash_and_never_a_zero(ranking: RankingResult) -> None:
    unjudged = tuple(replace(each, win_rate=NOTHING) for each in ranking.methods)
    result = replace(ranking, methods=unjudged, spearman=replace(NOTHING, how="undefined: a method has no value"))
    text = printed(result)
    assert "nothing was judged" in text
    assert "undefined: a method has no value" in text
    assert "–" in text


def test_an_empty_ranking_prints(ranking: RankingResult) -> None:
    assert "nothing was judged" in printed(replace(ranking, methods=(), curves=(), examples=()))


def test_the_headline_names_those_within_reach(ranking: RankingResult) -> None:
    first, second, third = ranking.methods[:3]
    far = replace(third, win_rate=Estimate(0.2, 0.1, 0.3, 9, ""))
    near = replace(second, win_rate=Estimate(0.6, 0.5, 0.7, 9, ""))
    best = replace(first, win_rate=Estimate(0.7, 0.65, 0.75, 9, ""))
    assert (
        verdict(replace(ranking, methods=(best, near, far)))
        == f"{best.method} came first: it won 70.0 % of its comparisons [65.0, 75.0]."
    )
    assert rivals_within_reach(replace(ranking, methods=(best, near, far))) == f"Its interval overlaps with that of {near.method}."
    assert rivals_within_reach(replace(ranking, methods=(best, far))) == "Its interval lies above all others."
    assert "8 other methods" in rivals_within_reach(replace(ranking, methods=(best, *[near] * 8)))
    assert "Kendall" in agreement(ranking)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain text\n\twith lines", "plain text\n\twith lines"),
        ("\x1b[2J", "␛[2J"),
        ("\x00\x7f\x9b", "␀␡⟨U+009B⟩"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("\u202e\u2066", "⟨U+202E⟩⟨U+2066⟩"),
        ("half \ud800 pair", "half ⟨U+D800⟩ pair"),
        ("naïve – שלום 日本 👩‍🔬 a\u00a0b", "naïve – שלום 日本 👩‍🔬 a\u00a0b"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
    ],
)
def test_hidden_and_controlling_characters_are_made_visible(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_text_is_cleaned_at_any_depth() -> None:
    assert visible_everywhere({"a\x07": [("\x1b", 1, None)]}) == {"a␇": [["␛", 1, None]]}


def test_numbers_are_written_for_people() -> None:
    assert [number(-0.001), number(-1.5), number(None), percent(0.1234)] == ["0.00", "−1.50", "–", "12.3"]
    assert interval(Estimate(0.5, -0.25, 0.75, 1, ""), 100, 0) == "[−25, 75]"
    assert interval(NOTHING) == ""
    assert [duration(s) for s in (0.44, 47.2, 200, 7500)] == ["0.4 s", "47 s", "3 min 20 s", "2 h 5 min"]
