"""Nominal 95 % intervals cover 93-97 % of the time in simulation, and what draws rows instead of prompts does not."""

from __future__ import annotations

import numpy as np
import pytest
from pasture.eval.intervals.clusters import Scores
from pasture.eval.intervals.prediction_powered import prediction_powered_mean
from pasture.eval.rankings.battles import Battles
from pasture.eval.rankings.bradley_terry import bradley_terry, bradley_terry_ratings
from pasture.eval.win_rates.difference import paired_difference
from pasture.eval.win_rates.win_rate import win_rate_from_scores
from scipy.special import expit


def covers(estimate, truth):
    return estimate.low <= truth <= estimate.high


def test_a_clustered_win_rate_covers_and_one_over_rows_is_too_narrow():
    rng = np.random.default_rng(0)
    prompts, samples, runs = 60, 5, 1500
    of_prompt = np.repeat(np.arange(prompts), samples)
    by_prompt = by_row = 0
    for _ in range(runs):
        won = (rng.random(prompts * samples) < rng.beta(1.2, 0.8, size=prompts)[of_prompt]).astype(float)
        by_prompt += covers(win_rate_from_scores(won, of_prompt), 0.6)
        by_row += covers(win_rate_from_scores(won, np.arange(len(won))), 0.6)
    assert 0.93 <= by_prompt / runs <= 0.97
    assert by_row / runs < 0.85


def test_a_paired_difference_covers_and_two_separate_intervals_are_too_wide():
    rng = np.random.default_rng(1)
    prompts, runs, truth = 80, 1500, 0.1
    paired = separate = 0
    for _ in range(runs):
        hardness = rng.random(prompts)
        ours = (rng.random(prompts) < 0.1 + 0.8 * hardness).astype(float)
        theirs = np.where(rng.random(prompts) < 0.7, ours, (rng.random(prompts) < 0.1 + 0.8 * hardness))
        theirs = np.where((theirs == 1) & (rng.random(prompts) < 0.2), 0.0, theirs)  # .2 of .5 lost: .1
        found = paired_difference([Scores(ours, np.arange(prompts))], [Scores(theirs, np.arange(prompts))])
        paired += covers(found, truth)
        apart = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / prompts)
        separate += abs(found.value - truth) <= 1.99 * apart
    assert 0.93 <= paired / runs <= 0.97
    assert separate / runs > 0.975


def bradley_terry_runs(runs, resamples, per_prompt=4, prompts=100, models=4):
    """Coverage of the first model's strength, by prompt and by row; verdicts on one prompt share its taste."""
    rng = np.random.default_rng(2)
    strengths = np.array([0.7, 0.2, -0.3, -0.6])
    names = tuple(f"m{k}" for k in range(models))
    pairs = np.array([(i, j) for i in range(models) for j in range(models) if i != j])
    taste = rng.normal(size=(40_000, models))
    logit = (strengths + taste)[:, :, None] - (strengths + taste)[:, None, :]
    expected = expit(logit).mean(axis=0) * ~np.eye(models, dtype=bool)
    truth = bradley_terry(expected).strengths_M[0]  # strengths that the average prompt has
    found = []
    for run in range(runs):
        shown = pairs[rng.integers(len(pairs), size=prompts)]
        left, right = np.repeat(shown[:, 0], per_prompt), np.repeat(shown[:, 1], per_prompt)
        prompt = np.repeat(np.arange(prompts), per_prompt)
        utility = strengths + rng.normal(size=(prompts, models))
        p = (rng.random(len(left)) < expit(utility[prompt, left] - utility[prompt, right])).astype(float)
        of = Battles(names, left, right, p, prompt)
        rows = Battles(names, left, right, p, np.arange(len(left)))
        found.append([covers(bradley_terry_ratings(each, run, resamples)["m0"], truth) for each in (of, rows)])
    return np.mean(found, axis=0)


@pytest.mark.slow
def test_a_bradley_terry_bootstrap_over_prompts_covers_and_one_over_rows_is_too_narrow():
    by_prompt, by_row = bradley_terry_runs(runs=300, resamples=120)
    assert by_prompt == pytest.approx(0.95, abs=0.045)  # 3.5 binomial standard errors of 300 runs
    assert by_row < 0.89


@pytest.mark.slow
def test_a_bradley_terry_bootstrap_over_prompts_covers_93_to_97_percent():
    by_prompt, by_row = bradley_terry_runs(runs=1000, resamples=200)
    assert 0.93 <= by_prompt <= 0.97
    assert by_row < 0.88


@pytest.mark.slow
def test_a_prediction_powered_win_rate_covers_where_the_judge_alone_never_does():
    rng = np.random.default_rng(3)
    few, many, runs = 100, 705, 1500
    covered = {"ppi++": 0, "human": 0, "judge": 0}
    width = {"ppi++": 0.0, "human": 0.0}
    for _ in range(runs):
        quality = rng.random(few + many)
        human = (rng.random(few + many) < quality).astype(float)
        judge = (rng.random(few + many) < 0.3 + 0.7 * np.where(human, 0.9, 0.25)).astype(float)
        found = prediction_powered_mean(human[:few], judge[:few], judge[few:])
        alone = win_rate_from_scores(human[:few], np.arange(few))
        covered["ppi++"] += covers(found, 0.5)
        covered["human"] += covers(alone, 0.5)
        covered["judge"] += covers(win_rate_from_scores(judge[few:], np.arange(many)), 0.5)
        width["ppi++"] += found.high - found.low
        width["human"] += alone.high - alone.low
    assert 0.93 <= covered["ppi++"] / runs <= 0.97
    assert 0.93 <= covered["human"] / runs <= 0.97
    assert covered["judge"] == 0
    assert width["ppi++"] < 0.95 * width["human"]
