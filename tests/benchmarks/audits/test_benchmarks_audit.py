"""Auditing by asking: planted biases are found in both orders and under several seeds, blind, and nothing silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.benchmarks.audits.audit import audit, gold_from_annotator
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Rating, Reason
from pasture.eval.judges.judge_audit import GoldLabels


@pytest.fixture(scope="module")
def pairs() -> list[Comparison]:
    found = []
    for n in range(120):
        prompt = Prompt(f"question {n}")
        long, short = Completion(prompt, f"word {n} " * 12, model="me"), Completion(prompt, f"answer {n}", model="it")
        found.append(Comparison(long, short) if n % 2 else Comparison(short, long))
    return found


def measured(judge, pairs, gold=None, **options):
    report = audit(make_annotator(judge), pairs, gold, **options)
    return {each.name: each.estimate for each in report.measures}


def long_is_right(pairs) -> GoldLabels:
    return GoldLabels("length", np.array([[float(len(pair.left.text) > len(pair.right.text)) for pair in pairs]]), 0.0)


def test_a_judge_of_the_first_place_is_found_out(pairs):
    found = measured("first", pairs, long_is_right(pairs), seeds=4)
    assert found["first"].value == 1.0
    assert found["same in both orders"].value == 0.0
    assert found["agreement, both orders"].value == 0.5
    assert found["agreement"].low < 0.5 < found["agreement"].high
    assert found["variance"].value > 0.4  # a call's order is drawn, so its verdict is a coin


def test_a_judge_of_length_likes_its_own_longer_answers_as_gold_does(pairs):
    found = measured("longest", pairs, long_is_right(pairs), own="me", seeds=3)
    assert found["longer"].value == found["longer, by gold"].value == found["agreement"].value == 1.0
    assert found["variance"].value == 0.0
    assert found["self-preference"].value == 0.0
    other = GoldLabels("short", 1 - long_is_right(pairs).labels_AN)
    assert measured("longest", pairs, other, own="me")["self-preference"].value == 1.0


def test_no_judge_sees_who_made_an_answer(pairs):
    seen = set()

    def watch(comparison):
        seen.update((each.model, each.tokens) for each in (comparison.left, comparison.right))
        return 0.5

    measured(watch, pairs[:3])
    assert seen == {("", ())}


def test_abstentions_and_neither_are_counted_and_are_no_votes(pairs):
    class Shy:
        name = "shy"

        async def annotate(self, item, ask, rng):
            if int(item.key, 16) % 3 == 0:
                return Abstention(item, Reason.REFUSED, self.name, "no")
            if int(item.key, 16) % 3 == 1:
                return Abstention(item, Reason.NEITHER, self.name, "neither")
            return Preference(item, float(len(item.left.text) > len(item.right.text)), self.name)

    kinds = [int(pair.key, 16) % 3 for pair in pairs]
    found = measured(Shy(), pairs, long_is_right(pairs))
    assert found["agreement"].value == 1.0
    assert found["agreement"].n == kinds.count(2)
    assert found["agreement"].abstentions == 120 - kinds.count(2)
    assert found["abstained"].value == pytest.approx(1 - kinds.count(2) / 120)
    assert f"{2 * kinds.count(0)} refused" in found["abstained"].how


def test_the_other_annotators_verdicts_are_gold_labels(pairs):
    gold = gold_from_annotator(make_annotator("longest"), pairs)
    np.testing.assert_array_equal(gold.labels_AN, long_is_right(pairs).labels_AN)


def test_flips_take_agreement_to_where_they_should(pairs):
    noisy = make_annotator("flip", inner="longest", rate=0.25)
    found = measured(noisy, pairs, long_is_right(pairs), seeds=6)
    assert found["agreement"].low < 0.75 < found["agreement"].high
    assert 0.15 < found["variance"].value < 0.45


def test_what_cannot_be_audited_is_said(pairs):
    class Rater:
        name = "rater"

        async def annotate(self, item, ask, rng):
            return Rating(item.left, {"overall": 1.0}, self.name)

    with pytest.raises(InputError, match="gives no preferences"):
        measured(Rater(), pairs[:2])
    with pytest.raises(InputError, match="no pairs"):
        measured("longest", [])


def test_the_report_is_the_same_whatever_the_order_of_the_pairs(pairs):
    gold = long_is_right(pairs)
    noisy = make_annotator("flip", inner="longest", rate=0.25)
    turned = replace(gold, labels_AN=gold.labels_AN[:, ::-1])
    one, other = measured(noisy, pairs, gold, seeds=3), measured(noisy, pairs[::-1], turned, seeds=3)
    assert one["agreement"].value == pytest.approx(other["agreement"].value)
    assert one["variance"].value == pytest.approx(other["variance"].value)
