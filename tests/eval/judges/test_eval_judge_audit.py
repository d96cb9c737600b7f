"""What an audit measures: planted likings are found, hand-worked numbers come out, and what is undefined says why."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pasture.core.errors import InputError, UnknownName
from pasture.core.records import Comparison, Completion, Prompt
from pasture.eval.files.labelled_pairs import read_labelled
from pasture.eval.intervals.clusters import clustered_mean
from pasture.eval.judges.agreement import cohen_kappa
from pasture.eval.judges.agreement_ceiling import ceiling_of_labels
from pasture.eval.judges.judge_audit import Asked, GoldLabels, audit_measures
from pasture.eval.judges.judge_quality import (
    agreement_leaving_one_out,
    intransitivity,
    judge_bias,
    judge_variance,
    prefers_lists,
    verbosity_bias,
)

NAN = math.nan


def pairs_of(*texts, prompt="q") -> list[Comparison]:
    asked = Prompt(prompt)
    return [Comparison(Completion(asked, one), Completion(asked, other)) for one, other in texts]


def test_verbosity_bias_by_hand():
    # gold longer: right 1, 1, 0.5 (mean 5/6); gold shorter: right 0, 1 (mean 1/2); one not judged, one without a side
    found = verbosity_bias(np.array([1, 1, 0.5, 0, 1, NAN, 1]), np.array([1, 1, 1, 0, 0, 1, NAN]), list("abcdefg"))
    assert found.value == pytest.approx(5 / 6 - 1 / 2)
    assert (found.n, found.abstentions) == (5, 1)
    # contributions (1/6, 1/6, -1/3)/3 and (1/2, -1/2)/2; squares 1/324 + 1/324 + 1/81 + 1/16 + 1/16; times 5/4
    assert found.standard_error == pytest.approx(math.sqrt(5 / 4 * (2 / 324 + 1 / 81 + 2 / 16)))
    assert "shorter" in verbosity_bias(np.ones(3), np.ones(3), list("abc")).how


def test_a_planted_taste_for_length_is_found_with_its_sign_and_in_order():
    rng = np.random.default_rng(0)
    quality, length = rng.normal(size=(2, 4000))
    gold = quality > 0
    found = []
    for taste in (-2.0, 0.0, 1.0, 4.0):
        said = quality + taste * length + 0.5 * rng.normal(size=4000) > 0
        found.append(verbosity_bias((said == gold).astype(float), (gold == (length > 0)).astype(float), list(range(4000))))
    values = [each.value for each in found]
    assert values == sorted(values)
    assert found[0].high < 0
    assert found[1].low < 0 < found[1].high
    assert found[2].low > 0


def test_circular_triads_by_hand():
    abc = [("a", "b"), ("b", "c"), ("c", "a")]
    assert intransitivity(pairs_of(*abc), np.ones(3)).value == 1.0  # a > b > c > a
    assert intransitivity(pairs_of(*abc), np.array([1, 1, 0])).value == 0.0
    assert intransitivity(pairs_of(*abc), np.array([1, 1, 0.5])).abstentions == 1
    assert "every triad" in intransitivity(pairs_of(*abc), np.array([1, NAN, 1])).how
    assert "three answers" in intransitivity(pairs_of(("a", "b"), ("b", "c")), np.ones(2)).how
    both = pairs_of(*abc) + pairs_of(*abc, prompt="p")
    assert intransitivity(both, np.array([1, 1, 1, 1, 1, 0])).value == 0.5


def test_coins_are_circular_in_a_quarter_of_triads():
    rng = np.random.default_rng(0)
    pairs = [pair for n in range(2000) for pair in pairs_of(("a", "b"), ("b", "c"), ("a", "c"), prompt=str(n))]
    found = intransitivity(pairs, rng.integers(2, size=len(pairs)))
    assert found.low < 0.25 < found.high
    assert found.n == 2000


def test_lists_count_where_just_one_answer_has_one():
    found = prefers_lists(np.array([1, 0, 0.5, 1, NAN]), np.array([0, 0, 3, 2, 0]), np.array([2, 1, 0, 2, 1]), list("abcde"))
    assert (found.value, found.n, found.abstentions) == (0.5, 3, 1)


def test_one_label_against_all_humans_but_one():
    # humans 1 1 0, judge 1: against {1, 0} half, {1, 0} half, {1, 1} one: 2/3
    assert agreement_leaving_one_out(np.array([1.0]), np.array([[1.0], [1], [0]])).value == pytest.approx(2 / 3)


def test_kappa_over_prompts_has_a_wider_interval_where_prompts_repeat():
    rng = np.random.default_rng(0)
    one = np.repeat(rng.integers(2, size=60), 5)
    other = np.where(np.repeat(rng.random(60) < 0.7, 5), one, 1 - one)
    narrow, wide = cohen_kappa(one, other), cohen_kappa(one, other, clusters_N=np.repeat(np.arange(60), 5).tolist())
    assert wide.value == narrow.value
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)  # sqrt(5) = 2.2 where prompts answer as one


def test_a_clustered_mean_by_hand():
    found = clustered_mean([1.0, 3.0, 5.0, NAN], ["a", "a", "b", "b"])
    # errors -2, 0, 2 over 3: prompts -2/3 and 2/3; variance 2/1 * (4/9 + 4/9)
    assert (found.value, found.n, found.abstentions) == (3.0, 3, 1)
    assert found.standard_error == pytest.approx(4 / 3)
    assert clustered_mean([NAN], ["a"]).value is None


def test_the_ceiling_is_read_off_the_labels_own_disagreement():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=5000)
    labels = np.where(rng.random((3, 5000)) < 0.25, 1 - truth, truth).astype(float)
    found = ceiling_of_labels(labels, [str(n) for n in range(5000)])
    assert found.low < 0.84375 < found.high  # three voters at e = .25: .75^3 + 3 * .75^2 * .25
    assert ceiling_of_labels(labels, [""] * 5000, 0.25).value == pytest.approx(0.84375)
    assert ceiling_of_labels(labels[:1], [str(n) for n in range(5000)]).value is None


def test_the_verbosity_bias_of_an_audit_goes_by_what_gold_prefers():
    pairs = pairs_of(("long long", "short"), ("short", "long long"), ("long long", "short"), ("short", "long long"), ("a", "b"))
    judge = np.array([[1.0, 0.0, 0.0, 1.0, 1.0]])  # longer, longer, shorter, shorter; of one length
    gold = np.array([[1.0, 0.0, 0.0, 0.0, 1.0]])  # longer, longer, shorter, longer
    found = {
        m.name: m.estimate for m in audit_measures(Asked(pairs, judge, (), judge, np.full((1, 5), NAN)), GoldLabels("g", gold))
    }
    # right on 2 of the 3 where gold is longer, and on the one where it is shorter
    assert found["verbosity bias"].value == pytest.approx(2 / 3 - 1)
    assert found["verbosity bias"].extra["right_if_longer"] == pytest.approx(2 / 3)
    assert found["verbosity bias"].n == 4


def test_every_measure_is_there_and_has_a_reason_where_it_has_no_value():
    pairs = pairs_of(("long " * 20, "short"), ("- a\n- b", "plain"), prompt="p") + pairs_of(("x", "y"), prompt="r")
    labels = np.array([[1.0, NAN, 0.0]])
    asked = Asked(pairs, labels, (), labels, np.full((1, 3), NAN))
    found = {each.name: each.estimate for each in audit_measures(asked, GoldLabels("g", np.array([[1.0, 1.0, 1.0]])))}
    assert (found["agreement"].value, found["agreement"].abstentions) == (0.5, 1)
    assert found["bias"].value == 0.5
    assert found["longer"].value == 1.0
    assert found["list, by gold"].value == 1.0
    assert found["abstained"].value == pytest.approx(1 / 3)
    assert all(each.how.startswith("undefined") for each in found.values() if each.value is None)
    assert "more seeds" in found["variance"].how
    without = {each.name for each in audit_measures(asked)}
    assert "agreement" not in without
    assert {"first", "longer", "variance"} <= without


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_several_rows_of_a_pair_are_several_labels_whichever_way_round(tmp_path):
    row = {"instruction": "q", "output_1": "a", "output_2": "b", "annotator": "me", "price_per_example": "0.5"}
    turned = {**row, "output_1": "b", "output_2": "a", "preference": 1}
    path = write(tmp_path / "a.jsonl", [{**row, "preference": 2}, turned, {**row, "input": "more", "preference": ""}])
    found = read_labelled(path)
    assert found.labels_AN[:, 0].tolist() == [0.0, 0.0]
    assert np.isnan(found.labels_AN[:, 1]).all()
    assert found.pairs[1].prompt.text == "q\n\nmore"
    assert found.dollars_AN[0, 0] == 0.5
    assert read_labelled(path, "me").labels_of([found.pairs[0].swapped()])[:, 0].tolist() == [1.0, 1.0]
    with pytest.raises(UnknownName, match="'you'"):
        read_labelled(path, "you")


def test_a_folder_holds_one_round_a_file(tmp_path):
    row = {"prompt": "q", "left": "a", "right": "b"}
    for n, p in enumerate((1.0, 0.0, 0.5)):
        write(tmp_path / f"seed{n}.jsonl", [{**row, "p_left": p}])
    assert read_labelled(tmp_path).labels_AN.tolist() == [[1.0], [0.0], [0.5]]


def test_what_was_chosen_is_not_known_by_its_place(tmp_path):
    rows = [{"prompt": f"q{n}", "chosen": f"good{n}", "rejected": f"bad{n}"} for n in range(200)]
    found = read_labelled(write(tmp_path / "p.jsonl", rows))
    assert 60 < np.nansum(found.labels_AN) < 140
    assert all(
        (pair.left.text.startswith("good")) == (label == 1) for pair, label in zip(found.pairs, found.labels_AN[0], strict=True)
    )


def test_dialogues_part_at_the_assistants_last_turn(tmp_path):
    before = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: A joke?\n\nAssistant:"
    rows = [{"chosen": before + " Knock knock.", "rejected": before + " No.\n\nHuman: Why?\n\nAssistant: Tired."}]
    (pair,) = read_labelled(write(tmp_path / "hh.jsonl", rows)).pairs
    assert [turn.role for turn in pair.prompt.history] == ["user", "assistant"]
    assert pair.prompt.text == "A joke?"
    assert {pair.left.text, pair.right.text} == {"Knock knock.", "No.\n\nHuman: Why?\n\nAssistant: Tired."}
    with pytest.raises(InputError, match=r"row 1: .* is not a dialogue"):
        read_labelled(write(tmp_path / "bad.jsonl", [{"chosen": "one", "rejected": "two"}]))


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({"instruction": "q", "output_1": "a", "output_2": "b"}, "no column `preference`"),
        ({"instruction": "q", "output_1": "a", "output_2": "b", "preference": 3}, "is 3"),
        ({"prompt": "q", "left": "a", "right": "b", "p_left": 1.5}, "a probability"),
        ({"prompt": "q", "left": "a", "right": "b", "p_left": "x"}, "a number"),
        ({"prompt": "q", "chosen": "a", "rejected": "b", "p_chosen": 0.1}, "in \\[0.5, 1\\]"),
    ],
)
def test_labels_that_are_none_are_named_by_row_and_column(tmp_path, row, match):
    with pytest.raises(InputError, match=match):
        read_labelled(write(tmp_path / "p.jsonl", [row]))


def test_bias_and_variance_are_clustered_by_prompt():
    """Three pairs a prompt that fare alike are one observation: SE over 40 prompts, sqrt(3) times that over 120 pairs."""
    per_prompt_P = np.random.default_rng(0).random(40) < 0.3
    judge_SN, gold_AN = np.ones((1, 120)), np.repeat(1.0 - per_prompt_P, 3)[None]
    prompts = [f"p{item // 3}" for item in range(120)]
    by_pair, by_prompt = judge_bias(judge_SN, gold_AN), judge_bias(judge_SN, gold_AN, prompts_N=prompts)
    assert by_prompt.value == by_pair.value == pytest.approx(per_prompt_P.mean())
    assert by_prompt.standard_error is not None
    assert by_pair.standard_error is not None
    assert by_prompt.standard_error / by_pair.standard_error == pytest.approx((3 * (119 / 120) / (39 / 40)) ** 0.5)
    calls_SN = np.array([np.ones(120), np.ones(120), 1.0 - np.repeat(per_prompt_P, 3)])
    assert "over 40 prompts" in judge_variance(np.ones((2, 120)), prompts_N=prompts).how
    assert "prompt (40)" in judge_variance(calls_SN, prompts_N=prompts).how
