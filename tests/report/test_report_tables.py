"""What a terminal shows, with text that wants to be more than text."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from pasture.core.records import Estimate
from pasture.core.results import MethodResult, Pair, RankingResult
from pasture.report.headline import abstained, agreement, ranking_summary, title, verdict, within_reach
from pasture.report.page import page
from pasture.report.sweep import NoiseRun, sweep_table, write_sweep
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
    assert f"{best.method} won most" in text
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
    assert "Nothing was judged" in text
    assert "undefined: a method has no value" in text
    assert "–" in text


def test_an_empty_ranking_prints(ranking: RankingResult) -> None:
    assert "Nothing was judged" in printed(replace(ranking, methods=(), curves=(), examples=()))


def judged(method: MethodResult, rate: float, **changes: object) -> MethodResult:
    return replace(method, win_rate=Estimate(rate, rate - 0.05, rate + 0.05, 200, ""), **changes)  # type: ignore[arg-type]


def apart(better: str, worse: str, p_holm: float) -> Pair:
    return Pair(better, worse, Estimate(0.05, -0.1, 0.2, 400, "paired", extra={"p_holm": p_holm}))


def test_the_headline_names_those_that_cannot_be_told_apart_from_the_first(ranking: RankingResult) -> None:
    """By the paired differences, whatever the intervals of the single methods do."""
    first, second, third = ("ppo", 0.72), ("dpo", 0.71), ("sft", 0.70)
    methods = tuple(judged(replace(ranking.methods[0], method=name), rate) for name, rate in (first, second, third))
    some = replace(ranking, methods=methods, pairs=(apart("ppo", "dpo", 0.3), apart("ppo", "sft", 0.01), apart("dpo", "sft", 0.2)))
    assert within_reach(some) == ["dpo"]
    assert title(some) == "ppo and dpo cannot be told apart"
    assert "It cannot be told apart from dpo" in verdict(some)
    none = replace(some, pairs=(apart("ppo", "dpo", 0.04), apart("ppo", "sft", 0.01)))
    assert title(none) == "ppo came first"
    assert "ahead of every other method" in verdict(none)
    many = replace(ranking, pairs=tuple(apart(ranking.methods[0].method, each.method, 1.0) for each in ranking.methods[1:]))
    assert title(many) == "9 methods cannot be told apart"
    assert "8 other methods" in verdict(many)
    assert "overlap" not in printed(many)


def test_one_method_is_not_said_to_be_above_others(ranking: RankingResult) -> None:
    text = printed(replace(ranking, methods=ranking.methods[:1], pairs=()))
    assert "It was the only method." in text
    assert "came first" not in text
    assert "ahead" not in text


def test_two_methods_have_no_rank_correlation(ranking: RankingResult) -> None:
    two = replace(ranking, methods=ranking.methods[:2], spearman=Estimate(1.0, 1.0, 1.0, 2, ""))
    assert "1.00" not in agreement(two)
    assert "needs 3" in agreement(two)
    assert "Spearman" not in page(two)
    assert "Kendall" in agreement(ranking)


def test_results_of_0_1_have_no_pairs_and_nothing_is_said_of_them(ranking: RankingResult) -> None:
    old = replace(ranking, pairs=(), methods=tuple(replace(each, label_abstentions=None) for each in ranking.methods))
    assert "told apart" not in printed(old)
    assert "told apart" not in page(old)
    assert f"{old.methods[0].method} won most" in verdict(old)


def test_labels_and_verdicts_that_abstained_are_named_above_the_suites_share(ranking: RankingResult) -> None:
    lost = judged(ranking.methods[0], 0.6, labels=1000, label_abstentions=891)
    kept = judged(ranking.methods[1], 0.5, labels=1000, label_abstentions=200)
    result = replace(ranking, methods=(lost, kept), manifest={})
    assert abstained(result) == [f"Of the training labels of {lost.method}, 89 % abstained."]
    assert f"labels that abstained: {lost.method} 891/1000, {kept.method} 200/1000." in printed(result)
    assert "labels that abstained" not in printed(ranking)
    assert abstained(result)[0] in page(result)
    assert ">891<" in page(result)
    assert abstained(replace(result, manifest={"suite": {"abstained": 0.9}})) == []
    unjudged = replace(kept, win_rate=replace(kept.win_rate, n=70, abstentions=30))
    assert "more than 20 % are abstentions" in abstained(replace(result, methods=(unjudged,)))[0]


def test_a_world_without_gold_has_a_page_and_a_table(ranking: RankingResult) -> None:
    unknown = Estimate(None, None, None, 0, "undefined: 4 of 4 values are not finite")
    methods = tuple(replace(each, gold_win_rate=unknown, gold_value=unknown) for each in ranking.methods)
    examples = tuple(replace(each, gold_candidate=None, gold_rival=None) for each in ranking.examples)
    result = replace(ranking, methods=methods, examples=examples, spearman=unknown, kendall=unknown)
    assert "Against the truth" not in page(result)
    assert "undefined: 4 of 4" in printed(result)


def test_a_sweep_has_one_table_and_one_page_with_a_curve_per_method(ranking: RankingResult, tmp_path: Path) -> None:
    hostile = replace(ranking.methods[0], method="<b>dpo</b>")
    less = replace(ranking, methods=(hostile, *ranking.methods[2:]), pairs=())
    runs = [NoiseRun(0.0, ranking, "flip-0/index.html"), NoiseRun(0.25, less, "flip-0.25/index.html")]
    out = io.StringIO()
    Console(file=out, width=150).print(sweep_table(runs))
    assert "flip 0.25" in out.getvalue()
    text = write_sweep(runs, tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert 'href="flip-0.25/index.html"' in text
    assert "<b>dpo</b>" not in text
    assert f"{100 * (ranking.methods[0].win_rate.value or 0):.1f}" in text
    assert "–" in text  # a method that one of the runs does not have
    assert "<script" not in text


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
