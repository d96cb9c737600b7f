"""Ratings, rankings and slates become pairs without losing an order, and come back."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.records import Completion, Preference, Prompt, Ranking, Rating, Slate
from pasture.core.records.conversions import (
    comparisons,
    overall,
    pairs_of_ranking,
    pairs_of_ratings,
    ranking_of_ratings,
    ratings_of_ranking,
)

PROMPTS = [Prompt(f"question {k}") for k in range(3)]
SCORES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(1, 5)), max_size=12)


def rated(scores: list[tuple[int, int, int]]) -> list[Rating]:
    """One answer each: the prompt's number, then two scores."""
    return [
        Rating(Completion(PROMPTS[p], f"answer {k}"), {"truth": float(a), "style": float(b)}, "rater")
        for k, (p, a, b) in enumerate(scores)
    ]


def said(preference: Preference) -> tuple[str, str]:
    assert preference.chosen is not None
    assert preference.rejected is not None
    return preference.chosen.text, preference.rejected.text


@settings(deadline=None)
@given(SCORES, st.sampled_from([None, {"truth": 1.0}, {"truth": 2.0, "style": -1.0}]), st.sampled_from([0.0, 0.5, 1.0]))
def test_every_order_beyond_the_margin_is_in_the_pairs_and_the_rest_is_counted(scores, weights, margin: float):
    ratings = rated(scores)
    preferences, ties = pairs_of_ratings(ratings, weights, margin)
    value = {each.completion.text: overall(each, weights) for each in ratings}
    same_prompt = [(a.completion, b.completion) for a, b in combinations(ratings, 2) if a.completion.prompt == b.completion.prompt]
    wanted = {
        (a.text, b.text) if value[a.text] > value[b.text] else (b.text, a.text)
        for a, b in same_prompt
        if abs(value[a.text] - value[b.text]) > margin
    }
    assert {said(each) for each in preferences} == wanted
    assert len(preferences) == len(wanted)
    assert len(preferences) + ties == len(same_prompt)
    for each in preferences:
        chosen, rejected = said(each)
        assert each.strength == value[chosen] - value[rejected] > margin


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=7))
def test_scores_to_a_ranking_and_back_keep_scores_and_pairs(scores: list[int]):
    ratings = rated([(0, each, each) for each in scores])
    ranking = ranking_of_ratings(ratings)
    back = ratings_of_ranking(ranking)
    assert [each.scores["overall"] for each in back] == scores
    assert [each.completion for each in back] == [each.completion for each in ratings]
    assert sorted(scores, reverse=True) == [scores[k] for k in ranking.order]
    pairs = pairs_of_ratings(ratings)
    assert sorted(map(said, pairs_of_ratings(back).preferences)) == sorted(map(said, pairs.preferences))
    assert sorted(map(said, pairs_of_ranking(ranking).preferences)) == sorted(map(said, pairs.preferences))
    assert pairs_of_ranking(ranking).ties == pairs.ties


@settings(deadline=None)
@given(st.permutations(range(5)))
def test_a_ranking_without_grades_gives_all_its_pairs_and_comes_back(order: list[int]):
    slate = Slate(tuple(Completion(PROMPTS[0], f"answer {k}") for k in range(5)))
    ranking = Ranking(slate, tuple(order), "ranker")
    preferences, ties = pairs_of_ranking(ranking)
    assert ties == 0
    assert {said(each) for each in preferences} == {(f"answer {a}", f"answer {b}") for a, b in combinations(order, 2)}
    assert all(each.strength is None for each in preferences)
    assert ranking_of_ratings(ratings_of_ranking(ranking)).order == ranking.order


def test_hand_worked_pairs():
    # Means 3.5, 3.5 and 2; by truth alone 5, 2 and 3.
    ratings = rated([(0, 5, 2), (0, 2, 5), (0, 3, 1)])
    by_mean = pairs_of_ratings(ratings)
    assert sorted(map(said, by_mean.preferences)) == [("answer 0", "answer 2"), ("answer 1", "answer 2")]
    assert by_mean.ties == 1
    assert [each.strength for each in by_mean.preferences] == [1.5, 1.5]
    by_truth = pairs_of_ratings(ratings, {"truth": 1.0}, margin=1.0)
    assert sorted(map(said, by_truth.preferences)) == [("answer 0", "answer 1"), ("answer 0", "answer 2")]
    assert overall(ratings[0], {"truth": 2.0, "style": -1.0}) == 8.0


def test_a_ranking_with_equal_grades_ties_whatever_its_places():
    slate = Slate(tuple(Completion(PROMPTS[0], text) for text in "abc"))
    assert pairs_of_ranking(Ranking(slate, (2, 0, 1), "r", (3.0, 3.0, 4.0))).ties == 1


def test_what_is_chosen_is_shown_on_either_side():
    preferences = pairs_of_ratings(rated([(0, k % 5 + 1, k // 5 + 1) for k in range(20)])).preferences
    left = np.mean([each.p_left for each in preferences])
    assert abs(left - 0.5) < 4 * 0.5 / np.sqrt(len(preferences))
    slate = Slate(tuple(Completion(PROMPTS[0], f"answer {k}") for k in range(20)))
    pairs = comparisons(slate)
    assert len(pairs) == 190
    assert 60 < sum(each.is_canonical for each in pairs) < 130
    assert comparisons(Slate(slate.completions[::-1]))[-1] == comparisons(slate)[0]


def test_an_answer_is_never_compared_with_itself():
    one = Completion(PROMPTS[0], "same")
    assert comparisons(Slate((one, one))) == []
    ratings = [Rating(one, {"overall": 1.0}, "r"), Rating(one, {"overall": 2.0}, "r")]
    assert pairs_of_ratings(ratings) == ([], 1)


def test_finer_scores_give_more_pairs_than_binary_ones():
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(200, 4))
    fine = np.clip(np.round(3 + latent), 1, 5)
    made = {}
    for name, scores in (("fine", fine), ("binary", (fine > 3).astype(float))):
        ratings = [
            Rating(Completion(Prompt(f"q{p}"), f"a{k}"), {"overall": float(scores[p, k])}, "r")
            for p in range(200)
            for k in range(4)
        ]
        preferences, ties = pairs_of_ratings(ratings)
        assert len(preferences) + ties == 1200
        for each in preferences:
            left, right = (latent[int(c.prompt.text[1:]), int(c.text[1:])] for c in (each.comparison.left, each.comparison.right))
            assert (left > right) == (each.p_left == 1.0)
        made[name] = len(preferences)
    assert made["fine"] > 1.3 * made["binary"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: overall(Rating(Completion(PROMPTS[0], "a"), {}, "r")), "has no scores"),
        (lambda: overall(rated([(0, 1, 1)])[0], {"tone": 1.0}), "a weight for 'tone', which was not rated; rated: truth, style"),
        (lambda: pairs_of_ratings(rated([(0, 1, 1), (0, 2, 2)]), margin=-1), "the margin is -1"),
        (lambda: ranking_of_ratings(rated([(0, 1, 1), (1, 2, 2)])), "one prompt"),
        (lambda: ranking_of_ratings([]), "one prompt"),
        (
            lambda: pairs_of_ranking(Ranking(Slate(tuple(Completion(PROMPTS[0], t) for t in "ab")), (0, 1), "r"), margin=1),
            "without grades",
        ),
        (
            lambda: pairs_of_ratings([Rating(Completion(PROMPTS[0], t), {"overall": 1.0}, t) for t in "ab"]),
            "the ratings are by a, b",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message: str):
    with pytest.raises(InputError, match=message):
        call()
