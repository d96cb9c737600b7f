"""Ratings by aspect: what is asked and read, agreement, pairs and rankings, and the text world's truth recovered from them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pasture.annotators import make_annotator
from pasture.annotators.judges.rater import HelpSteer2, PromptedRater, UltraFeedback
from pasture.annotators.runner import annotate
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Comparison, Completion, Preference, Prompt, Ranking, Rating, Reason, Slate
from pasture.core.records.conversions import pairs_of_ranking, pairs_of_ratings
from pasture.core.requests import Request
from pasture.core.seeds import rng_for
from pasture.core.store import Store
from pasture.engines.scripted import ScriptedEngine
from pasture.simulators.text.actor.engine import Actor
from pasture.simulators.text.world import TextWorld
from scipy.special import expit

ASKED = Prompt("What is the capital of Italy?")
SHORT, LONG, WRONG = (Completion(ASKED, text) for text in ("Rome.", "Rome, which lies on the Tiber.", "Paris."))
OF = {"Rome.": 4, "Rome, which lies on the Tiber.": 5, "Paris.": 1}


def answer_of(request: Request) -> str:
    return request.messages[-1].content.split("===== answer =====\n")[1].split("\n=====")[0]


def by_the_book(request: Request) -> str:
    """Scores an answer by `OF`, 2 less on honesty but at least 1, with reasons."""
    score = OF[answer_of(request)]
    aspects = ["instruction_following", "truthfulness", "honesty", "helpfulness"]
    said = {key: value for each in aspects for key, value in ((f"{each}_rationale", f"Why {each}."), (each, score))}
    return json.dumps(said | {"honesty": max(score - 2, 1), "critique": "More, please."})


BOOK = ScriptedEngine(respond=by_the_book)


def test_a_rating_has_every_aspect_its_reasons_and_a_critique():
    found = annotate([SHORT], UltraFeedback(), engine=BOOK).results[0]
    assert isinstance(found, Rating)
    assert found.scores == {"instruction_following": 4.0, "truthfulness": 4.0, "honesty": 2.0, "helpfulness": 4.0}
    assert found.rationale.splitlines() == [
        "instruction_following: Why instruction_following.",
        "truthfulness: Why truthfulness.",
        "honesty: Why honesty.",
        "helpfulness: Why helpfulness.",
        "critique: More, please.",
    ]


def test_reasons_are_asked_for_before_each_score_on_the_scale():
    request = UltraFeedback().prompted.request(SHORT)
    properties = json.loads(request.sampling.schema)["properties"]
    assert list(properties)[:2] == ["instruction_following_rationale", "instruction_following"]
    assert list(properties)[-1] == "critique"
    assert properties["honesty"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert "a whole number from 1 (worst or least) to 5" in request.messages[-1].content
    other = UltraFeedback().prompted.request(LONG).messages[-1].content
    assert other.startswith(request.messages[-1].content.split("===== instruction")[0])


def test_a_pair_is_decided_by_the_gap_and_a_slate_by_its_grades():
    # Means: (4 + 4 + 2 + 4) / 4 = 3.5, (5 + 5 + 3 + 5) / 4 = 4.5, 1.
    pair, slate = Comparison(SHORT, LONG), Slate((SHORT, LONG, WRONG))
    with Store() as store:
        found = annotate([pair, pair.swapped(), slate], UltraFeedback(), engine=BOOK, store=store)
        first, second, ranking = found.results
        assert found.usage.requests == 3  # a rating is paid for once, whatever it is in
    assert isinstance(first, Preference)
    assert isinstance(second, Preference)
    assert (first.p_left, first.strength) == (0.0, 1.0)
    assert (second.p_left, second.strength) == (1.0, 1.0)
    assert first.rationale.startswith("A: instruction_following: Why")
    assert isinstance(ranking, Ranking)
    assert (ranking.order, ranking.grades) == ((1, 0, 2), (3.5, 4.5, 1.0))
    close = annotate([pair], UltraFeedback(margin=1.0), engine=BOOK).results[0]
    assert isinstance(close, Preference)
    assert close.is_tied


def test_weights_and_aspects_are_the_users():
    steered = UltraFeedback(weights={"Honesty": 2, "helpfulness": -1})
    found = annotate([Comparison(SHORT, LONG)], steered, engine=BOOK).results[0]
    assert isinstance(found, Preference)
    assert (found.p_left, found.strength) == (0.0, 1.0)  # 2 * 2 - 4 = 0 against 2 * 3 - 5 = 1
    own = make_annotator("pasture.annotators.judges.rater:HelpSteer2", aspects={"warmth": "how kind"}, raters=1, low=1, high=10)
    assert isinstance(own, PromptedRater)
    assert (own.weights, own.agree_on, own.high) == ({}, ("warmth",), 10)
    assert '"warmth": how kind' in own.prompted.request(SHORT).messages[-1].content


def raters(*scores: Any) -> ScriptedEngine:
    """Each request of an answer gets the next of `scores`, by its seed's place among the seeds seen."""
    seeds: list[int] = []

    def respond(request: Request) -> str:
        seeds.append(request.sampling.seed)
        score = scores[len(seeds) - 1]
        aspects = ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
        return score if isinstance(score, str) else json.dumps(dict.fromkeys(aspects, 2) | score | {"critique": "c"})

    return ScriptedEngine(respond=respond)


def test_raters_are_averaged_and_must_agree():
    agreeing = raters({"helpfulness": 4}, {"helpfulness": 3}, {"helpfulness": 2})
    found = annotate([SHORT], HelpSteer2(), engine=agreeing).results[0]
    assert isinstance(found, Rating)
    assert found.scores["helpfulness"] == 3.0
    assert found.usage.requests == 3
    differing = raters({"helpfulness": 4}, {"helpfulness": 1}, {"helpfulness": 2})
    left_out = annotate([SHORT], HelpSteer2(), engine=differing).results[0]
    assert isinstance(left_out, Abstention)
    assert left_out.reason is Reason.NOT_APPLICABLE
    assert left_out.detail == "the raters gave helpfulness 4, 1, 2; they may differ by 2"
    # The paper's filter looks at helpfulness alone; a stricter one at what it is told.
    other = ({"correctness": 4}, {"correctness": 0}, {})
    assert isinstance(annotate([SHORT], HelpSteer2(), engine=raters(*other)).results[0], Rating)
    strict = HelpSteer2(agree_on=["correctness"])
    assert isinstance(annotate([SHORT], strict, engine=raters(*other)).results[0], Abstention)


def test_an_answer_is_sampled_alike_on_either_side_and_unlike_its_rival():
    seeds: dict[str, set[int]] = {}

    def respond(request: Request) -> str:
        seeds.setdefault(answer_of(request), set()).add(request.sampling.seed)
        return json.dumps(dict.fromkeys(HelpSteer2().aspects, 2))

    pair = Comparison(SHORT, LONG)
    annotate([pair, pair.swapped()], HelpSteer2(), engine=ScriptedEngine(respond=respond))
    assert [len(each) for each in seeds.values()] == [3, 3]
    assert seeds["Rome."].isdisjoint(seeds[LONG.text])


def test_one_unreadable_rater_names_its_request_and_no_other():
    found = annotate([SHORT], HelpSteer2(), engine=raters({}, "no idea", {})).results[0]
    assert isinstance(found, Abstention)
    assert found.reason is Reason.UNPARSABLE
    assert len(found.unread) == 1
    in_pair = annotate([Comparison(SHORT, LONG)], UltraFeedback(), engine=ScriptedEngine(respond=lambda _: "4")).results[0]
    assert isinstance(in_pair, Abstention)
    assert in_pair.item == Comparison(SHORT, LONG)
    assert len(in_pair.unread) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aspects": {}}, "the aspects are {}"),
        ({"aspects": ["warmth"]}, "a table of different names"),
        ({"aspects": {"a b": "x", "a-b": "y"}}, "a table of different names"),
        ({"weights": {"warmth": 1}}, "`weights` names 'warmth', which is not an aspect"),
        ({"agree_on": ["warmth"]}, "`agree_on` names 'warmth'"),
        ({"low": 5}, "`low` is below `high`"),
        ({"raters": 0}, "raters=0"),
        ({"raters": 3}, "3 raters at temperature 0 all say the same"),
        ({"margin": -1}, "margin=-1"),
        ({"tone": "rude"}, "has no part 'tone'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        UltraFeedback(**options)


# The systems' checks, in the text world.


@pytest.fixture(scope="module")
def world() -> TextWorld:
    return TextWorld(preference=110, sft=1, unlabeled=1, eval=1)


@pytest.fixture(scope="module")
def slates(world: TextWorld) -> list[Slate]:
    made = []
    for prompt in world.prompts("preference"):
        rng = rng_for(0, "slate", prompt.id)
        texts = dict.fromkeys(world.answer(prompt, quality, rng).text for quality in (0.1, 0.4, 0.7, 1.0))
        made.append(Slate(tuple(Completion(prompt, text) for text in texts)))
    return [each for each in made if len(each.completions) == 4]


@pytest.fixture(scope="module")
def ratings(slates: list[Slate]) -> list[Rating]:
    answers = [each for slate in slates for each in slate.completions]
    found = annotate(answers, UltraFeedback(), engine=Actor()).results
    assert all(isinstance(each, Rating) for each in found)
    return [each for each in found if isinstance(each, Rating)]


def bradley_terry_fit(differences_NF: np.ndarray) -> np.ndarray:
    """Weights that maximise the likelihood of `differences` (chosen minus rejected) being preferred, with a ridge of one half nat
    a standardised weight; Newton's method."""
    scale_F = np.maximum(differences_NF.std(axis=0), 1e-9)
    scaled_NF, weights_F = differences_NF / scale_F, np.zeros(differences_NF.shape[1])
    for _ in range(30):
        surprise_N = expit(-scaled_NF @ weights_F)
        curvature_FF = (scaled_NF.T * (surprise_N * (1 - surprise_N))) @ scaled_NF + np.eye(len(weights_F))
        weights_F += np.linalg.solve(curvature_FF, scaled_NF.T @ surprise_N - weights_F)
    return weights_F / scale_F


def accuracy(world: TextWorld, weights_F: np.ndarray, pairs: list[Comparison]) -> float:
    """Share of pairs with a true preference on which the weights and the truth agree."""
    true_N = np.array([world.advantage(each) for each in pairs])
    left, right = (world.features([getattr(each, side) for each in pairs]) for side in ("left", "right"))
    kept = np.abs(true_N) > 1e-9
    return float(np.mean(((left - right) @ weights_F > 0)[kept] == (true_N > 0)[kept]))


def held_out(world: TextWorld) -> list[Comparison]:
    pairs = []
    for prompt in world.prompts("preference"):
        rng = rng_for(1, "held out", prompt.id)
        texts = [world.answer(prompt, float(rng.uniform()), rng).text for _ in range(2)]
        pairs.append(Comparison(*(Completion(prompt, text) for text in texts)))
    return pairs


def test_a_reward_model_of_binarised_scores_recovers_the_latent_order(world: TextWorld, ratings: list[Rating]):
    preferences, ties = pairs_of_ratings(ratings)
    assert 0 < ties < len(preferences)
    chosen, rejected = ([getattr(each, side) for each in preferences] for side in ("chosen", "rejected"))
    weights_F = bradley_terry_fit(world.features(chosen) - world.features(rejected))
    assert accuracy(world, weights_F, held_out(world)) > 0.9


def test_the_same_ratings_feed_scalar_pairwise_and_listwise_methods(slates: list[Slate], ratings: list[Rating]):
    by_key = {each.completion.key: each for each in ratings}
    rankings = annotate(slates[:10], UltraFeedback(), engine=Actor()).results
    for slate, ranking in zip(slates, rankings, strict=False):
        assert isinstance(ranking, Ranking)
        pairs = pairs_of_ratings([by_key[each.key] for each in slate.completions])
        assert pairs_of_ranking(ranking) == (pairs.preferences, pairs.ties)


def test_finer_ratings_give_more_pairs_that_are_right_than_binary_ones(world: TextWorld, ratings: list[Rating]):
    fine = pairs_of_ratings(ratings).preferences
    binary = pairs_of_ratings(
        [Rating(each.completion, {"overall": float(np.mean(list(each.scores.values())) > 3)}, each.annotator) for each in ratings]
    ).preferences
    assert len(fine) > 1.5 * len(binary)
    right = [(each.p_left > 0.5) == (world.advantage(each.comparison) > 0) for each in fine]
    assert np.mean(right) > 0.85


def test_a_small_clean_set_of_attributes_beats_a_larger_noisy_set_of_pairs(world: TextWorld, slates: list[Slate]):
    """60 answers with five attributes by three raters who agree, against 480 labels on pairs of which 40 % are flipped."""
    answers = [answer for slate in slates[:15] for answer in slate.completions]
    rater = HelpSteer2(disagreement=1)
    clean = [each for each in annotate(answers, rater, engine=Actor()).results if isinstance(each, Rating)]
    assert 0.7 * len(answers) < len(clean) <= len(answers)
    # One linear regression an attribute (mean squared error, as in the paper), and their weighted sum.
    features_NF = np.c_[world.features([each.completion for each in clean]), np.ones(len(clean))]
    scores_NA = np.array([[each.scores[aspect] for aspect in rater.aspects] for each in clean])
    of_attributes_FA = np.linalg.solve(features_NF.T @ features_NF + 0.3 * np.eye(features_NF.shape[1]), features_NF.T @ scores_NA)
    by_attributes = of_attributes_FA[:-1] @ np.array([rater.weights.get(aspect, 0.0) for aspect in rater.aspects])
    test = held_out(world)
    rng, by_pairs = np.random.default_rng(0), []
    pairs = [Comparison(each.completions[i], each.completions[j]) for each in slates[:80] for i in range(4) for j in range(i)]
    sides = world.features([each.left for each in pairs]) - world.features([each.right for each in pairs])
    truth = np.array([world.advantage(each) for each in pairs]) > 0
    for _ in range(10):
        labels = truth ^ (rng.random(len(pairs)) < 0.4)
        by_pairs.append(accuracy(world, bradley_terry_fit(np.where(labels, 1, -1)[:, None] * sides), test))
    assert len(pairs) == 480
    assert accuracy(world, by_attributes, test) > np.mean(by_pairs) + 0.03


def test_a_weight_on_verbosity_moves_length_and_never_back(slates: list[Slate]):
    words = []
    with Store() as store:
        for weight in (-2.0, -0.5, 0.0, 0.5, 2.0):
            rater = HelpSteer2(weights={"helpfulness": 0.65, "verbosity": weight}, raters=1, temperature=0.0)
            said = annotate(slates[:30], rater, engine=Actor(), store=store).results
            rankings = [each for each in said if isinstance(each, Ranking)]
            assert len(rankings) == len(said)
            words.append(np.mean([len(each.slate.completions[each.order[0]].text.split()) for each in rankings]))
    assert words == sorted(words)
    assert words[-1] > words[0] + 2
