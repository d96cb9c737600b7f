"""PairS, knockout, sampled and active comparisons, and the annotator that ranks a slate by them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.annotators.scripted.pairs import BradleyTerry
from pasture.annotators.tournaments.active import Posterior, active_search, information_gain, posterior
from pasture.annotators.tournaments.search import knockout, pairs_search, run_search, sampled_pairs
from pasture.annotators.tournaments.tournament import Tournament
from pasture.core.errors import InputError
from pasture.core.records import Abstention, Ranking, Slate
from pasture.core.seeds import rng_for
from pasture.eval.rankings.battles import battles, win_matrix
from pasture.eval.rankings.bradley_terry import bradley_terry
from pasture.simulators.exact.world import ExactWorld
from scipy.special import expit
from scipy.stats import spearmanr


def judge_of(strengths, bias=0.0, asked=None):
    def judge(pairs):
        if asked is not None:
            asked.extend(pairs)
        return [float(expit(strengths[i] - strengths[j] + bias)) for i, j in pairs]

    return judge


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.floats(0, 0.5), st.integers(0, 1000))
def test_pairs_asks_at_most_n_log_n_times_and_about_no_pair_twice(candidates, beam, unsure, seed):
    probabilities = np.random.default_rng(seed).random((candidates, candidates))
    asked = []

    def judge(pairs):
        asked.extend(pairs)
        return [float(probabilities[pair]) for pair in pairs]

    found = run_search(pairs_search(candidates, beam, unsure), judge)
    assert found.calls == len(asked) == len({frozenset(pair) for pair in asked})
    assert found.calls <= candidates * math.log2(candidates)
    assert sorted(found.order) == list(range(candidates))


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(13)), st.integers(1, 4))
def test_pairs_sorts_for_a_sure_judge_whatever_the_order_given(strengths, beam):
    found = run_search(pairs_search(13, beam), judge_of([50 * s for s in strengths]))
    assert [strengths[k] for k in found.order] == list(range(12, -1, -1))
    assert found.log_likelihood == pytest.approx(0, abs=1e-6)


def test_the_beam_follows_the_likelier_merge_where_the_greedy_one_is_caught():
    # left (0, 1), right (2, 3). 0 against 2 is nearly even, for 2; but whoever takes 2 first must then break the sure 0 over 3
    p = {(0, 1): 0.99, (2, 3): 0.99, (0, 2): 0.49, (0, 3): 0.5, (1, 2): 0.01, (1, 3): 0.01}
    judge = lambda pairs: [p[pair] if pair in p else 1 - p[pair[::-1]] for pair in pairs]  # noqa: E731
    greedy = run_search(pairs_search(4, beam=1), judge)
    searched = run_search(pairs_search(4, beam=4, unsure=0.3), judge)
    assert greedy.order == (2, 0, 3, 1) or greedy.order == (2, 3, 0, 1)
    assert searched.order == (0, 2, 3, 1)
    assert searched.log_likelihood > greedy.log_likelihood


def test_pairs_ranks_better_than_direct_scores_where_scores_are_noisier():
    rng = np.random.default_rng(0)
    found, direct = [], []
    for _ in range(30):
        strengths = rng.normal(size=16) * 2
        search = pairs_search(16)
        order = run_search(search, judge_of(strengths + 0.3 * rng.normal(size=16))).order
        found.append(spearmanr([order.index(k) for k in range(16)], -strengths).statistic)
        direct.append(spearmanr(strengths + 2 * rng.normal(size=16), strengths).statistic)
    assert np.mean(found) > np.mean(direct) + 0.1


def test_pairs_of_one_candidate_asks_nothing():
    found = run_search(pairs_search(1), judge_of([0]))
    assert (found.order, found.calls) == ((0,), 0)
    for wrong in ({"candidates": 0}, {"candidates": 3, "beam": 0}, {"candidates": 3, "unsure": 0.6}):
        with pytest.raises(InputError):
            run_search(pairs_search(**wrong), judge_of([0, 1, 2]))


def test_a_judge_that_gives_no_probability_is_refused():
    with pytest.raises(InputError, match="one probability"):
        run_search(pairs_search(3), lambda pairs: [float("nan")] * len(pairs))
    with pytest.raises(InputError, match="one probability"):
        run_search(knockout(4, rng_for(0)), lambda pairs: [0.5])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 33), st.integers(0, 100))
def test_a_knockout_takes_n_less_1_calls_and_the_best_wins_before_a_sure_judge(candidates, seed):
    strengths = np.random.default_rng(seed).permutation(candidates)
    asked = []
    found = run_search(knockout(candidates, rng_for(seed, "knockout")), judge_of(50 * strengths, asked=asked))
    assert found.calls == len(asked) == candidates - 1
    assert strengths[found.winner] == candidates - 1
    assert max(found.rounds_survived_N) == found.rounds_survived_N[found.winner] == math.ceil(math.log2(candidates))


def test_the_best_of_16_survives_four_matches_at_accuracy_80_percent():
    rng = np.random.default_rng(0)

    def noisy(pairs):
        return [float((i < j) == (rng.random() < 0.8)) for i, j in pairs]

    won = np.mean([run_search(knockout(16, rng_for(0, "k", r)), noisy).winner == 0 for r in range(3000)])
    assert won == pytest.approx(0.8**4, abs=4 * math.sqrt(0.41 * 0.59 / 3000))


def test_even_verdicts_favour_no_place():
    won = np.bincount([run_search(knockout(4, rng_for(0, r)), lambda pairs: [0.5] * len(pairs)).winner for r in range(2000)])
    assert won == pytest.approx([500] * 4, abs=100)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 80), st.integers(0, 50))
def test_sampled_pairs_are_different_balanced_and_connected(models, budget, seed):
    pairs = sampled_pairs(models, budget, rng_for(seed, "sampled"))
    assert len(pairs) == budget
    whole = models * (models - 1) // 2
    assert len({frozenset(pair) for pair in pairs}) == min(budget, whole)
    if budget >= models - 1:
        wins = np.ones((models, models)) * 0
        for i, j in pairs:
            wins[i, j] += 0.5
            wins[j, i] += 0.5
        assert bradley_terry(wins).strengths_M is not None


def test_the_gain_is_the_expected_fall_in_entropy_of_one_more_comparison():
    # to first order in the gain: half the log of the determinant's growth
    precision = np.diag([4.0, 2.0, 1.0])
    of = Posterior(np.array([0.3, 0.0, -0.5]), np.linalg.inv(precision))
    gain = information_gain(of)
    p = expit(0.3 - -0.5)
    contrast = np.array([1, 0, -1.0])
    grown = precision + p * (1 - p) * np.outer(contrast, contrast)
    assert gain[0, 2] == pytest.approx(0.5 * np.log(np.linalg.det(grown) / np.linalg.det(precision)))
    assert gain == pytest.approx(gain.T)
    assert np.diagonal(gain).tolist() == [0, 0, 0]


def test_the_posterior_of_much_data_is_the_maximum_likelihood():
    rng = np.random.default_rng(0)
    wins = rng.integers(200, 900, size=(5, 5)).astype(float)
    np.fill_diagonal(wins, 0)
    found = posterior(wins, prior_sd=50)
    assert found.strengths_M == pytest.approx(bradley_terry(wins).strengths_M, abs=1e-5)
    with pytest.raises(InputError, match="prior_sd"):
        posterior(wins, prior_sd=0)


def test_the_first_comparisons_connect_all_models():
    for seed in range(10):
        wins = run_search(active_search(8, 7, rng_for(seed, "a")), lambda pairs: [0.5] * len(pairs))
        assert bradley_terry(wins).strengths_M is not None


def test_active_choice_needs_fewer_comparisons_than_random_pairs():
    rng = np.random.default_rng(0)
    chosen, drawn = [], []
    for run in range(12):
        strengths = rng.normal(size=8) * 2.5

        def judge(pairs, strengths=strengths):
            return [float(rng.random() < expit(strengths[i] - strengths[j])) for i, j in pairs]

        wins = run_search(active_search(8, 80, rng_for(run, "active")), judge)
        assert wins.sum() == 80
        chosen.append(np.sqrt(np.mean((posterior(wins).strengths_M - (strengths - strengths.mean())) ** 2)))
        pairs = sampled_pairs(8, 80, rng_for(run, "random"))
        of = battles([str(i) for i, _ in pairs], [str(j) for _, j in pairs], judge(pairs), models=[str(k) for k in range(8)])
        drawn.append(np.sqrt(np.mean((posterior(win_matrix(of)).strengths_M - (strengths - strengths.mean())) ** 2)))
    assert np.mean(chosen) < 0.95 * np.mean(drawn)


WORLD = ExactWorld(3, prompts=5, responses=9)
SLATES = [Slate(tuple(WORLD.completion(prompt, answer) for answer in range(9))) for prompt in WORLD.prompts("eval")[:4]]


@pytest.mark.parametrize(("how", "calls"), [("pairs", 28), ("knockout", 8), ("active", 28), ("random", 28)])
def test_a_tournament_ranks_a_slate_by_verdicts_on_few_pairs(how: str, calls: int):
    asked = []

    class Counting(BradleyTerry):
        async def annotate(self, item, ask, rng):
            asked.append(item)
            return await super().annotate(item, ask, rng)

    truth = Counting(WORLD, temperature=0.02, soft=True)
    for slate in SLATES:
        asked.clear()
        (said,) = annotate([slate], Tournament(truth, how)).results
        assert isinstance(said, Ranking)
        assert 8 <= len(asked) <= calls
        utility = WORLD.utility(slate.completions)
        if how in ("pairs", "knockout"):
            assert said.order[0] == int(utility.argmax())
        ranks = [said.order.index(k) for k in range(9)]
        assert spearmanr(ranks, -utility).statistic > {"pairs": 0.99, "active": 0.7, "random": 0.5, "knockout": 0.3}[how]


def test_a_tournament_without_a_verdict_gives_no_ranking_and_nonsense_is_refused():
    never = make_annotator("rationed", inner=BradleyTerry(WORLD), share=0.0)
    (said,) = annotate([SLATES[0]], Tournament(never)).results
    assert isinstance(said, Abstention)
    for options in ({"how": "lots"}, {"how": "pairs", "budget": 3}, {"how": "active", "budget": 0}):
        with pytest.raises(InputError):
            Tournament(never, **options)
    with pytest.raises(InputError, match="ranks 2 answers or more"):
        annotate([SLATES[0].completions[0]], Tournament(never))
