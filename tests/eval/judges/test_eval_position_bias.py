"""Position bias and swap consistency of judges whose bias is known."""

from dataclasses import replace

import pytest
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.eval.judges.position_bias import position_bias


def pair(number: int, left: str = "a", right: str = "b") -> Comparison:
    prompt = Prompt(f"question {number}")
    return Comparison(Completion(prompt, left), Completion(prompt, right))


def both_orders(number: int, p_first: float, p_second: float, judge: str = "judge") -> Preference:
    """p_first: of the left answer when it stood first; p_second: of the right one when it did."""
    comparison = pair(number)
    parts = (Preference(comparison, p_first, judge), Preference(comparison.swapped(), p_second, judge))
    return Preference(comparison, (p_first + 1 - p_second) / 2, f"swap({judge})", parts=parts)


def test_a_judge_that_always_says_first_is_wholly_biased_and_never_consistent() -> None:
    found = position_bias([both_orders(number, 0.6, 0.9) for number in range(20)])
    assert found.first.value == 1.0
    assert found.first.extra["mean_probability"] == pytest.approx(0.75)
    assert found.first.n == 40
    assert found.consistency is not None
    assert (found.consistency.value, found.consistency.n) == (0.0, 20)


def test_a_judge_that_reads_the_answers_has_no_bias_and_is_consistent() -> None:
    found = position_bias([both_orders(number, 0.9, 0.1) for number in range(10)] + [both_orders(99, 0.5, 0.5)])
    assert found.first.value == 0.5
    assert found.consistency is not None
    assert found.consistency.value == 1.0


def test_a_tie_in_one_order_only_is_inconsistent() -> None:
    found = position_bias([both_orders(0, 0.5, 0.9), both_orders(1, 0.9, 0.1)])
    assert found.consistency is not None
    assert found.consistency.value == 0.5


def test_order_is_a_matter_of_what_was_shown_even_if_the_verdict_was_swapped() -> None:
    feedback = [both_orders(number, 0.9, 0.8) for number in range(5)]
    assert position_bias([each.swapped() for each in feedback]).first.value == position_bias(feedback).first.value == 1.0


def test_two_members_of_a_jury_are_not_one_judge_in_two_orders() -> None:
    comparison = pair(0)
    parts = (Preference(comparison, 1.0, "one"), Preference(comparison.swapped(), 1.0, "other"))
    found = position_bias([Preference(comparison, 0.5, "jury", parts=parts)])
    assert found.first.value == 1.0
    assert found.consistency is None


def test_a_jury_reads_nothing_so_its_members_showings_are_counted_and_said() -> None:
    # Three members, asked of two pairs. The first pair: A says first, B says first, C says second; the second: all say first.
    # 5 showings of 6 went to the first, whatever the jury's majority made of them (it was for the first, 2 of 2).
    said = [(1.0, 1.0, 0.0), (1.0, 1.0, 1.0)]
    juries = [
        Preference(pair(n), 1.0, "jury", parts=tuple(Preference(pair(n), p, name) for p, name in zip(each, "ABC", strict=True)))
        for n, each in enumerate(said)
    ]
    found = position_bias(juries)
    assert found.first.value == pytest.approx(5 / 6)
    assert (found.first.n, found.first.extra["pairs"], found.first.extra["judges"]) == (6, 2, 3)
    assert "6 showings of 2 pairs, to 3 judges" in found.first.how
    assert "no judge saw a pair in both orders" in found.first.how
    assert found.consistency is None


def test_a_swap_of_a_jury_compares_each_member_with_itself() -> None:
    # A names the left answer both times (first, then second); B names whatever is first; C ties once. 1 of 3 is consistent.
    comparison = pair(0)
    first, second = (
        Preference(shown, 1.0, "jury", parts=tuple(Preference(shown, p, name) for p, name in zip(said, "ABC", strict=True)))
        for shown, said in ((comparison, (1.0, 1.0, 0.5)), (comparison.swapped(), (0.0, 1.0, 1.0)))
    )
    found = position_bias([Preference(comparison, 0.5, "swap(jury)", parts=(first, second))])
    assert found.consistency is not None
    assert (found.consistency.value, found.consistency.n) == (pytest.approx(1 / 3), 3)
    assert found.first.value == 0.75  # (1 + 1 + 1/2 in the one order, 0 + 1 + 1 in the other) / 6


def test_one_question_put_to_two_members_is_not_two_orders_of_one_judge() -> None:
    # Both members ask "judge" in both orders, on models x and y: x always says left, y always says right. Each agrees with itself;
    # x in one order against y in the other would not.
    members = (both_orders(0, 1.0, 0.0), both_orders(0, 0.0, 1.0))
    named = tuple(replace(each, annotator=f"swap(judge)@{model}") for each, model in zip(members, "xy", strict=True))
    found = position_bias([Preference(pair(0), 0.5, "jury", parts=named)])
    assert found.consistency is not None
    assert (found.consistency.value, found.consistency.n) == (1.0, 2)
    assert (found.first.n, found.first.extra["judges"]) == (4, 2)


def test_one_judge_shown_each_pair_once_needs_no_words() -> None:
    assert "showings" not in position_bias([Preference(pair(n), 1.0, "judge") for n in range(3)]).first.how
    assert "6 showings of 3 pairs, to 1 judge" in position_bias([both_orders(n, 1.0, 1.0) for n in range(3)]).first.how


def test_neither_is_no_vote_for_a_place() -> None:
    lone = position_bias([Abstention(pair(0), Reason.NEITHER, "judge"), Preference(pair(1), 1.0, "judge")])
    assert (lone.first.value, lone.first.n, lone.first.extra["pairs"], lone.first.abstentions) == (1.0, 1, 1, 1)


def test_one_order_asked_twice_is_not_a_swap() -> None:
    parts = (Preference(pair(0), 1.0, "judge"), Preference(pair(0), 1.0, "judge"))
    assert position_bias([Preference(pair(0), 1.0, "twice(judge)", parts=parts)]).consistency is None


def test_nested_parts_are_taken_apart() -> None:
    members = (both_orders(0, 1.0, 1.0, "one"), both_orders(0, 1.0, 0.0, "two"))
    found = position_bias([Preference(pair(0), 0.75, "jury", parts=members)])
    assert (found.first.value, found.first.n) == (0.75, 4)
    assert found.consistency is not None
    assert (found.consistency.value, found.consistency.n) == (0.5, 2)


def test_equal_answers_say_nothing_about_consistency() -> None:
    comparison = pair(0, "same", "same")
    parts = (Preference(comparison, 1.0, "judge"), Preference(comparison.swapped(), 1.0, "judge"))
    assert position_bias([Preference(comparison, 0.5, "swap(judge)", parts=parts)]).consistency is None


def test_one_order_only_says_what_it_assumes_and_abstentions_are_counted() -> None:
    found = position_bias([Preference(pair(0), 1.0, "judge"), Abstention(pair(1), Reason.UNPARSABLE, "judge")])
    assert found.consistency is None
    assert "only if that order was random" in found.first.how
    assert (found.first.n, found.first.abstentions) == (1, 1)


def test_without_verdicts_it_is_undefined() -> None:
    found = position_bias([])
    assert found.first.value is None
    assert "no verdicts" in found.first.how
