"""Ratings, rankings and slates to pairs and back, so that one set of feedback trains scalar, pairwise and listwise methods.

No order is lost: every strict order among the scores is in the pairs; what ties is dropped, and counted. Departs from the binarised
UltraFeedback (Tunstall et al. 2023, arXiv:2310.16944), which keeps the best answer and one other of each prompt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from ..errors import InputError
from . import Comparison, Completion, Preference, Ranking, Rating, Slate


class Pairs(NamedTuple):
    """Preferences, all of them decided, and how many pairs were dropped as ties."""

    preferences: list[Preference]
    ties: int


def overall(rating: Rating, weights: Mapping[str, float] | None = None) -> float:
    """One score of several: the sum of `weights` times the scores, aspects without a weight left out; without weights the mean.
    Raises InputError for a weight of an aspect that was not rated, and for a rating without scores."""
    if not rating.scores:
        raise InputError(f"the rating by {rating.annotator!r} has no scores; an overall score needs one at least")
    if weights is None:
        return sum(rating.scores.values()) / len(rating.scores)
    for aspect in weights:
        if aspect not in rating.scores:
            raise InputError(f"there is a weight for {aspect!r}, which was not rated; rated: {', '.join(rating.scores)}")
    return sum(weight * rating.scores[aspect] for aspect, weight in weights.items())


def comparisons(slate: Slate) -> list[Comparison]:
    """Every pair of a slate's answers once, in drawn order; equal texts make no pair."""
    return [drawn_order(first, second) for first, second in combinations(slate.completions, 2) if first.text != second.text]


def pairs_of_ratings(ratings: Iterable[Rating], weights: Mapping[str, float] | None = None, margin: float = 0.0) -> Pairs:
    """All pairs of rated answers to one prompt whose overall scores differ by more than `margin`; `strength` is the difference.
    margin: >= 0, in the unit of the overall score. Raises InputError for answers that several annotators rated: their scales
    differ, so give them apart."""
    given = list(ratings)
    by = sorted({each.annotator for each in given})
    if len(by) > 1:
        raise InputError(f"the ratings are by {', '.join(by)}; scales differ between annotators, so make the pairs of each apart")
    prompts: dict[str, list[tuple[Completion, float]]] = {}
    for each in given:
        prompts.setdefault(each.completion.prompt.id, []).append((each.completion, overall(each, weights)))
    made = [_pairs(scored, margin, by[0]) for scored in prompts.values()]
    return Pairs([pair for each in made for pair in each.preferences], sum(each.ties for each in made))


def pairs_of_ranking(ranking: Ranking, margin: float = 0.0) -> Pairs:
    """All pairs of a ranked slate. With grades, those that differ by more than `margin`, `strength` being the difference (equal
    grades tie, whatever their places); without, every pair, by place and without a strength. Raises InputError for a margin
    without grades."""
    answers = ranking.slate.completions
    if ranking.grades is not None:
        return _pairs(list(zip(answers, ranking.grades, strict=True)), margin, ranking.annotator)
    if margin:
        raise InputError(f"a margin of {margin} was asked for in a ranking without grades; leave it out")
    places = [(answers[k], float(-place)) for place, k in enumerate(ranking.order)]
    preferences, ties = _pairs(places, 0.0, ranking.annotator)
    return Pairs([replace(each, strength=None) for each in preferences], ties)


def ranking_of_ratings(ratings: Sequence[Rating], weights: Mapping[str, float] | None = None) -> Ranking:
    """The order of the rated answers to one prompt, with their overall scores as grades; equal ones in the order given.
    Raises InputError for none, and for answers to several prompts."""
    if len({each.completion.prompt.id for each in ratings}) != 1:
        raise InputError("a ranking is made of ratings of answers to one prompt; group them by prompt first")
    grades = tuple(overall(each, weights) for each in ratings)
    order = tuple(sorted(range(len(grades)), key=lambda k: -grades[k]))
    return Ranking(Slate(tuple(each.completion for each in ratings)), order, ratings[0].annotator, grades)


def ratings_of_ranking(ranking: Ranking) -> list[Rating]:
    """A score `overall` for each answer of the slate: its grade; without grades, how many answers it is better than."""
    grades = ranking.grades or [float(len(ranking.order) - 1 - ranking.order.index(k)) for k in range(len(ranking.order))]
    rated = zip(ranking.slate.completions, grades, strict=True)
    return [Rating(answer, {"overall": grade}, ranking.annotator) for answer, grade in rated]


def _pairs(scored: Sequence[tuple[Completion, float]], margin: float, annotator: str) -> Pairs:
    if not margin >= 0:
        raise InputError(f"the margin is {margin}; it is 0 or more, in the unit of the scores")
    made: list[Preference] = []
    ties = 0
    for (first, its), (second, others) in combinations(scored, 2):
        if first.text == second.text or abs(its - others) <= margin:
            ties += 1
            continue
        shown = drawn_order(first, second)
        left_wins = (its > others) == (shown.left is first)
        made.append(Preference(shown, float(left_wins), annotator, strength=abs(its - others)))
    return Pairs(made, ties)


def drawn_order(first: Completion, second: Completion) -> Comparison:
    """The pair in an order drawn from its content, because an annotator that likes what comes first must not look right."""
    pair = Comparison(first, second)
    canonical = pair if pair.is_canonical else pair.swapped()
    return canonical if int(pair.key, 16) % 2 == 0 else canonical.swapped()
