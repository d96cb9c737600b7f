"""Records refuse what cannot be, and a swap says the same thing of the swapped pair."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Ranking, Rating, Reason, Slate, Usage

PROMPT = Prompt("Name a colour.")


def pair(left: str = "red", right: str = "blue", prompt: Prompt = PROMPT) -> Comparison:
    return Comparison(Completion(prompt, left), Completion(prompt, right))


def test_equal_prompts_share_an_id_and_different_ones_do_not():
    assert Prompt("a").id == Prompt("a").id != Prompt("b").id
    assert Prompt("a", id="mine").id == "mine"


def test_a_comparison_holds_answers_to_one_prompt():
    with pytest.raises(ValueError, match="answers to one prompt"):
        Comparison(Completion(Prompt("a"), "x"), Completion(Prompt("b"), "y"))


@given(st.text(), st.text())
def test_a_comparison_and_its_swap_share_a_key_and_exactly_one_is_canonical_unless_equal(left: str, right: str):
    shown = pair(left, right)
    assert shown.key == shown.swapped().key
    assert (shown.is_canonical != shown.swapped().is_canonical) or left == right


def test_pairs_of_one_prompt_have_different_keys():
    assert pair("a", "bc").key != pair("ab", "c").key


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, 2, -1])
def test_what_is_no_probability_is_no_preference(p: float):
    with pytest.raises(ValueError, match="Abstention"):
        Preference(pair(), p, "someone")


@given(st.floats(0, 1))
def test_swapping_a_preference_keeps_what_was_said(p: float):
    said = Preference(pair(), p, "someone")
    assert said.swapped().swapped().comparison == said.comparison
    assert said.swapped().p_left == 1 - p
    if p != 0.5 and 1 - p != 0.5:
        assert said.swapped().chosen == said.chosen


def test_a_tie_chooses_nobody():
    tie = Preference(pair(), 0.5, "someone")
    assert tie.is_tied
    assert tie.chosen is None
    assert tie.rejected is None


def test_chosen_and_rejected_follow_the_verdict_and_not_the_position():
    said = Preference(pair("red", "blue"), 0.2, "someone")
    assert said.chosen is not None
    assert said.rejected is not None
    assert (said.chosen.text, said.rejected.text) == ("blue", "red")


def test_an_abstention_has_no_vote_to_count():
    assert not hasattr(Abstention(pair(), Reason.UNPARSABLE, "someone"), "p_left")


def test_a_ranking_is_a_permutation_and_a_rating_is_finite():
    answers = Slate((Completion(PROMPT, "a"), Completion(PROMPT, "b")))
    with pytest.raises(ValueError, match="no permutation"):
        Ranking(answers, (0, 0), "someone")
    with pytest.raises(ValueError, match="finite"):
        Rating(Completion(PROMPT, "a"), {"overall": math.nan}, "someone")


def test_usage_adds_up():
    assert Usage(1, 2, 3, 4, 0.5) + Usage(10, 20, 30, 40, 0.25) == Usage(11, 22, 33, 44, 0.75)
