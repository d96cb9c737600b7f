"""What models write is read where it is plain, and is None where it is not; nothing raises, and nothing takes long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pasture.annotators import make_annotator
from pasture.annotators.parsing import objects
from pasture.annotators.parsing import values as reading_values
from pasture.annotators.parsing import verdicts as reading
from pasture.annotators.runner import annotate
from pasture.core.records import Abstention, Comparison, Completion, Polarity, Prompt, ReactionKind
from pasture.core.requests import Reply
from pasture.engines.scripted import ScriptedEngine

CORPUS = [json.loads(line) for line in Path(__file__).with_name("corpus_readings.jsonl").read_text(encoding="utf-8").splitlines()]
"""`text` is a text, or a list of [piece, times] for the huge ones; `expect` is null where the reader must abstain."""


def spans(text: str, **options: Any) -> Any:
    found = reading_values.read_spans(text, **options)
    if found is None:
        return None
    spans = [[s.start, s.end, s.category, said] for s, said in zip(found.spans, found.polarities, strict=True)]
    return {"spans": spans, "lost": found.lost}


def listed(read: Callable[..., Any]) -> Callable[..., Any]:
    return lambda text, **options: None if (found := read(text, **options)) is None else list(found)


def strength(text: str) -> float | None:
    found = objects.read_object(text, "strength")
    return None if found is None else reading_values.strength_of(found["strength"])


def polarity(text: str) -> Polarity | None:
    found = objects.read_object(text, "polarity")
    return reading_values.polarity_of(text if found is None else found["polarity"])


READERS: dict[str, Callable[..., Any]] = {
    "verdict": reading.read_verdict,
    "strength": strength,
    "scores": reading_values.read_scores,
    "ranking": listed(reading_values.read_ranking),
    "spans": spans,
    "polarity": polarity,
    "reaction": reading_values.read_reaction,
    "text": objects.read_text,
    "texts": listed(objects.read_texts),
    "prose": objects.read_prose,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "scores": {"aspects": ["helpfulness", "correctness"], "low": 1, "high": 5},
    "ranking": {"n": 3},
    "spans": {"answer": "It is Rome.", "categories": ()},
    "text": {"name": "revision"},
    "texts": {"name": "principles"},
    "prose": {"name": "revision"},
}


def text_of(case: dict[str, Any]) -> str:
    text = case["text"]
    return text if isinstance(text, str) else "".join(piece * times for piece, times in text)


@pytest.mark.parametrize("case", CORPUS, ids=[f"{each['kind']}-{number}" for number, each in enumerate(CORPUS, 1)])
def test_the_corpus_is_read_as_it_says(case: dict[str, Any]):
    assert READERS[case["kind"]](text_of(case), **case["options"]) == case["expect"], case["why"]


def test_the_corpus_has_two_hundred_different_troubles_and_readings_of_both_sorts():
    assert len({each["why"] for each in CORPUS}) >= 200
    assert len({(each["kind"], text_of(each), str(each["options"])) for each in CORPUS}) == len(CORPUS)
    for kind in READERS:
        readable = [each["expect"] is not None for each in CORPUS if each["kind"] == kind]
        assert any(readable), kind
        assert not all(readable), kind


@pytest.mark.parametrize("case", [each for each in CORPUS if each["kind"] == "verdict" and each["expect"] in ("A", "B")])
def test_a_denial_added_to_a_verdict_never_turns_it_to_the_other_side(case: dict[str, Any]):
    opposite = {"A": "B", "B": "A"}[case["expect"]]
    assert reading.read_verdict(text_of(case) + "\nNo, that is not better.") != opposite


PIECES = st.sampled_from(
    [
        *(
            '{"verdict": "A"',
            '"verdict":',
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "\\",
            ",",
            ":",
            "\n",
            "“",
            "”",
            "```json\n",
            "NaN",
            "1e999",
        ),
        *(
            "A",
            "B",
            "Answer: ",
            " is better",
            "[[",
            "]]",
            "not ",
            "tie",
            "neither",
            "final ",
            "<think>",
            "</think>",
            "[THINK]",
            "<|END_THINKING|>",
            "\\u12",
            "\\ud83d",
        ),
        *('"spans": [{"quote": "', '"ranking": [1,2,3]', "1 > 2 > 3", '"strength": ', "4/5", "Helpfulness: ", "👍", "❤️"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join), st.text(st.characters(codec=None), max_size=30))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
@example('{"a": ' * 3000)
@example("\ud800")
def test_no_reader_raises_on_any_text(text: str):
    for kind, read in READERS.items():
        read(text, **OPTIONS.get(kind, {}))


HOSTILE = {
    "braces": "{" * 100_000,
    "objects": '{"x":1}' * 14_000,
    "quotes": '"' * 99_999,
    "escapes": '{"a": "' + "\\" * 99_000,
    "commas": '{"a": 1' + ", " * 49_000 + "}",
    "blanks": '{"a": 1,' + " " * 99_000 + "x}",
    "singles": "{" + "'a': 'b', " * 9_000 + "}",
    "labels": "Answer A is better. " * 4_900,
    "verdicts": "the answer is " * 7_000,
    "adverbs": "A is " + "really " * 14_000,
    "brackets": "[[" * 49_000,
    "signs": "1 > " * 24_000,
    "emoji": "👍" * 99_000,
    "lines": "A\n" * 49_000,
    "letters": "A is " * 19_000,
    "words": "a" * 99_999,
    "quotations": '"A ' * 33_000,
    "stops": "Helpfulness: 4. " * 6_000,
    "megabytes": "A is better. " * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_long_time(name: str):
    for kind, read in READERS.items():
        started = time.process_time()
        read(HOSTILE[name] if name == "megabytes" else HOSTILE[name][:40_000], **OPTIONS.get(kind, {}))
        assert time.process_time() - started < 1.0, kind


WRAPPINGS = st.sampled_from([("", ""), ("```json\n", "\n```"), ("Here it is: ", "\nThat is all."), ("<think>{}</think>", "")])
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@settings(deadline=None)
@given(st.sampled_from(["A", "B", "tie", "neither"]), st.sampled_from([1, 2, 3]), WORDS, WRAPPINGS, st.booleans())
def test_a_verdict_written_as_json_is_read_back(verdict: str, grade: int, said: str, around: tuple[str, str], ascii_only: bool):
    text = json.dumps({"rationale": said, "verdict": verdict, "strength": grade}, ensure_ascii=ascii_only)
    assert reading.read_verdict(around[0] + text + around[1]) == verdict
    assert strength(around[0] + text + around[1]) == grade


@settings(deadline=None)
@given(st.permutations(range(1, 7)), st.sampled_from(["json", ">", ","]))
def test_a_ranking_is_read_back(order: list[int], form: str):
    text = json.dumps({"ranking": order}) if form == "json" else f" {form} ".join(map(str, order))
    assert reading_values.read_ranking(text, 6) == tuple(place - 1 for place in order)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=3, max_size=3), WORDS)
def test_scores_are_read_back(scores: list[int], said: str):
    aspects = ["correctness", "coherence", "verbosity"]
    wanted = dict(zip(aspects, scores, strict=True))
    assert reading_values.read_scores(json.dumps({"rationale": said, **wanted}), aspects, 0, 4) == wanted
    assert reading_values.read_scores("\n".join(f"{name}: {score}" for name, score in wanted.items()), aspects, 0, 4) == wanted


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60), st.data())
def test_a_span_that_is_found_holds_its_quote(answer: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(answer) - 1))
    quote = answer[start : data.draw(st.integers(start + 1, len(answer)))].strip()
    found = reading_values.read_spans(json.dumps({"spans": [{"quote": quote}]}), answer)
    assert found is not None
    if not quote:
        assert (found.spans[0].start, found.spans[0].end) == (len(answer), len(answer))
    elif found.lost:
        assert sum(answer.startswith(quote, k) for k in range(len(answer))) > 1
    else:
        assert answer[found.spans[0].start : found.spans[0].end] == quote


@pytest.mark.parametrize("kind", list(ReactionKind))
def test_every_reaction_and_polarity_is_read_by_its_own_name(kind: ReactionKind):
    assert reading_values.read_reaction(json.dumps({"reaction": kind.value})) is kind
    for each in Polarity:
        assert polarity(json.dumps({"polarity": each.value})) is each


def test_thoughts_whose_tag_the_chat_template_opened_are_no_answer():
    scores = {"aspects": ["correctness"], "low": 1, "high": 5}
    assert reading_values.read_scores("Correctness: 4/5\n</think>\nI cannot say.", **scores) is None
    assert reading_values.read_scores("Correctness: 4/5\n</think>\nCorrectness: 2/5", **scores) == {"correctness": 2.0}
    assert reading_values.read_scores("Correctness: 4/5\n<think>\nI cannot", **scores) is None
    assert reading_values.read_ranking("<think>hm</think>\n2 > 1 > 3", 3) == (1, 0, 2)
    assert reading_values.read_ranking("1 > 2 > 3\n</think>\n2 > 1 > 3", 3) == (1, 0, 2)
    assert reading_values.read_ranking("1 > 2 > 3\n</think>\nI cannot say.", 3) is None
    assert reading_values.read_ranking("1 > 2 > 3\nor not</think>", 3) is None
    assert reading_values.read_reaction("👍\n</think>\nhm") is None
    assert reading_values.read_reaction("👍</think>\nhm") is None
    assert reading_values.read_reaction("hm\n</think>\n👎") is ReactionKind.THUMBS_DOWN


@pytest.mark.parametrize(
    ("said", "prose"),
    [
        ('{"critique": "Too long."}', "Too long."),
        (" Too long. ", "Too long."),
        ("<think>It says {x}.</think>Too long.", "Too long."),
        ('{"rationale": "Too long."}', None),
        ('{"critique": "Too', None),
        ("<think>Too long", None),
        ("...", None),
    ],
)
def test_prose_is_the_property_or_the_whole_plain_reply_without_its_thinking(said: str, prose: str | None):
    assert objects.read_prose(said, "critique") == prose


@pytest.mark.parametrize("name", ["verdict", "critic", "follow-up", "ultrafeedback"])
def test_one_reply_is_parsed_once(name: str, monkeypatch: pytest.MonkeyPatch):
    texts: list[str] = []
    parsed = objects._parsed
    monkeypatch.setattr(objects, "_parsed", lambda text: texts.append(text) or parsed(text))
    grades = dict.fromkeys(("helpfulness", "honesty", "instruction_following", "truthfulness"), 4)
    reply = json.dumps(
        {"verdict": "A", "strength": 2, "critique": f"fine, {name}", "spans": [], "follow_up": "so", "polarity": "praise"} | grades
    )
    prompt = Prompt("q")
    item = Comparison(Completion(prompt, "x"), Completion(prompt, "y")) if name == "verdict" else Completion(prompt, "x")
    engine = ScriptedEngine(respond=lambda _: Reply(reply))
    assert not isinstance(annotate([item], make_annotator(name), engine=engine).results[0], Abstention)
    assert texts == [reply]


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("<cot>", "</cot>"),
        ("<inner_monologue>", "</inner_monologue>"),
        ("<rationale>", "</rationale>"),
        ("<reason>", "</reason>"),
        ("<longcat_think>", "</longcat_think>"),
        ("<think_never_used_51bce0c785ca2f68>", "</think_never_used_51bce0c785ca2f68>"),
        ("<think id=1>", "</think>"),
        ("＜think＞", "＜/think＞"),
        ("&lt;think&gt;", "&lt;/think&gt;"),
        ("<|im_think|>", "<|/im_think|>"),
        ("<|inner_prefix|>", "<|inner_suffix|>"),
        ("<unused94>thought\n", "<unused95>"),
        ("<|channel>thought\n", "<channel|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"),
        ("analysis", "assistantfinal"),
    ],
)
def test_thoughts_between_less_common_marks_are_no_verdict(begins: str, ends: str):
    for between in ("\n\n", " ", ""):
        assert reading.read_verdict(f"{begins}A is better. Verdict: A.{ends}{between}B") == "B"
        assert reading.read_verdict(f'{begins}First {{"verdict": "A"}}.{ends}{between}{{"verdict": "B"}}') == "B"
    assert reading.read_verdict(f"{begins}A is better. Verdict: A.") is None
    assert objects.read_prose(f"{begins}I should be short.{ends}Too long.", "critique") == "Too long."


def test_an_answer_in_the_tags_of_a_trained_format_is_read():
    assert reading.read_verdict("<think>A is better.</think><answer>B</answer>") == "B"
    assert reading.read_verdict("<think>A is better.</think>\n<answer>B</answer>\n") == "B"
    assert reading.read_verdict("In my analysis, B is better.") == "B"
