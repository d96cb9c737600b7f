"""Whatever an annotator said is read back from its file as it was said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pasture.core.errors import InputError
from pasture.core.files.feedback import read_feedback, write_feedback
from pasture.core.records import (
    Abstention,
    Comparison,
    Completion,
    Critique,
    Directive,
    FollowUp,
    Message,
    Polarity,
    Preference,
    Prompt,
    Ranking,
    Rating,
    Reaction,
    ReactionKind,
    Reason,
    Revision,
    Slate,
    Span,
)

PROMPT = Prompt("Name a red fruit.", history=(Message("user", "Hi"), Message("assistant", "Hello\u2028 </script>")))
ONE, OTHER = Completion(PROMPT, "An apple.\n\x1b[31m", model="m1"), Completion(PROMPT, "Blue?")
CRITIQUE = Critique(ONE, "Says it.", "c", (Span(0, 2, "fact"),), Polarity.PRAISE)
SAID = [
    Preference(Comparison(ONE, OTHER), 0.75, "a", persona="p-1", strength=2.0, rationale="redder"),
    Preference(Comparison(ONE, OTHER), 0.5, "a", strength=0.0),
    Abstention(Comparison(ONE, OTHER), Reason.NEITHER, "a", "both are rude"),
    Rating(ONE, {"truth": 4.0, "style": 2.5}, "r", rationale="fine"),
    Ranking(Slate((ONE, OTHER)), (1, 0), "k", (1.0, 2.0)),
    Ranking(Slate((ONE, OTHER)), (0, 1), "k"),
    CRITIQUE,
    Revision(ONE, "A cherry.", "e", CRITIQUE),
    Revision(ONE, "A cherry.", "e"),
    Reaction(OTHER, ReactionKind.SILENCE, "u"),
    FollowUp(OTHER, "That is no fruit!", "u", Polarity.BLAME),
    Directive("Never answer with a question.", "d", (PROMPT, Prompt("x"))),
    *(Abstention(item, Reason.UNPARSABLE, "a", "it said '?'") for item in (ONE, Comparison(ONE, OTHER), Slate((ONE, OTHER)))),
]


@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.jsonl.gz"])
def test_every_kind_comes_back_as_it_was_said(name: str, tmp_path: Path):
    assert write_feedback(tmp_path / name, SAID) == len(SAID)
    assert read_feedback(tmp_path / name) == SAID


def test_neither_as_the_first_version_wrote_it_is_an_abstention(tmp_path: Path):
    path = tmp_path / "f.jsonl"
    old = {"kind": "preference", "annotator": "a", "prompt": "q", "left": "l", "right": "r", "p_left": 0.5, "neither": True}
    path.write_text(json.dumps(old | {"rationale": "both are rude"}) + "\n")
    (said,) = read_feedback(path)
    assert isinstance(said, Abstention)
    assert (said.reason, said.detail) == (Reason.NEITHER, "both are rude")


def test_a_line_that_is_no_feedback_is_named(tmp_path: Path):
    path = tmp_path / "f.jsonl"
    write_feedback(path, SAID[:2])
    good = path.read_text().split("\n")[0]
    for change, says in (
        ({"kind": "vote"}, "not about a Comparison"),
        ({"p_left": 1.5}, "p_left is 1.5"),
        ({"p_left": None}, "TypeError"),
    ):
        path.write_text(good + "\n" + json.dumps(json.loads(good) | change) + "\n")
        with pytest.raises(InputError, match=f"row 2 is not feedback: .*{says}"):
            read_feedback(path)


def test_a_file_that_cannot_hold_it_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(InputError, match=r"give a path that ends in one of: \.jsonl"):
        write_feedback(tmp_path / "f.parquet", SAID)
    assert not list(tmp_path.iterdir())
