"""That neither answer is acceptable says nothing about which is better, wherever a verdict goes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.cli import app
from pasture.core.files.labels import read_labels
from pasture.core.files.preferences import write_preferences
from pasture.core.records import (
    Abstention,
    Comparison,
    Completion,
    Preference,
    Prompt,
    Rating,
    Reason,
    Slate,
    blind,
    labels_of,
    score_of,
)
from pasture.eval.labels.votes import votes_of
from pasture.eval.rankings.battles import battles_of_feedback
from typer.testing import CliRunner

PAIR = Comparison(Completion(Prompt("q"), "a", model="m"), Completion(Prompt("q"), "b", model="n"))
NEITHER = Abstention(PAIR, Reason.NEITHER, "judge", "both are rude")


def test_one_function_turns_a_verdict_into_a_score():
    assert [score_of(Preference(PAIR, p, "x"), side) for p in (1.0, 0.5, 0.3) for side in (True, False)] == [
        1,
        0,
        0.5,
        0.5,
        0.3,
        0.7,
    ]
    assert math.isnan(score_of(NEITHER))
    with pytest.raises(ValueError, match="Rating"):
        score_of(Rating(PAIR.left, {"overall": 1.0}, "x"))


def test_a_blind_item_tells_nothing_of_who_made_its_answers():
    made = Completion(Prompt("q"), "a", tokens=(1, 2), model="m")
    plain = Completion(Prompt("q"), "a")
    assert [blind(made), blind(Comparison(made, plain)), blind(Slate((plain, made)))] == [
        plain,
        Comparison(plain, plain),
        Slate((plain, plain)),
    ]
    assert blind(plain) is plain


def test_neither_is_no_battle():
    found = battles_of_feedback([NEITHER, Preference(PAIR, 1.0, "x")])
    assert (list(found.p_left_N), found.abstentions) == ([1.0], 1)


def test_neither_is_no_label_to_train_on():
    feedback = MeteredFeedback([PAIR.prompt], [], [NEITHER, Preference(PAIR, 1.0, "x")], lambda items: [], 2)
    assert [each.p_left for each in feedback.dataset()] == [1.0]
    assert (feedback.bought, feedback.abstained) == (2, 1)


def test_an_evaluator_that_finds_neither_acceptable_ranks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("neither.toml").write_text('kind = "scripted-verdict"\nacceptable = 1e9\n')
    words = "rank --world exact --evaluator neither.toml --seeds 1 --labels 50 --method sft --out r --json"
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["ranking"]
    assert (row["win_rate"], row["n"], row["abstentions"]) == (None, 0, 200)


def test_files_and_feedback_make_one_table_that_every_estimator_reads(tmp_path: Path):
    said = [Preference(PAIR, 1.0, "x"), Preference(PAIR.swapped(), 1.0, "x", persona="ann"), NEITHER, Preference(PAIR, 0.5, "y")]
    (tmp_path / "p").mkdir()
    write_preferences(tmp_path / "p" / "said.jsonl", said)
    read = list(read_labels(tmp_path / "p" / "said.jsonl"))
    made = labels_of(said)
    assert [each.judge for each in made] == ["x", "ann", "judge", "y"]
    of = battles_of_feedback(said)
    assert (sorted(of.p_left_N), of.abstentions) == ([0.5, 1.0, 1.0], 1)
    for labels in (read, made):
        votes = votes_of(labels)
        assert sorted(votes.labels[place] for place in votes.label_V) == ["first", "second", "tie"]
        assert votes.abstentions == 1
