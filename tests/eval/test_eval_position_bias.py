"""Position bias and swap consistency of judges whose bias is known."""

import pytest
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Reason
from pasture.eval.position_bias import position_bias


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
