"""DPO: the loss by hand, smoothing that works, ties that pull neither way, and the optimum that it promises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.pairwise import dpo
from pasture.methods.pairwise.dpo import dpo_loss
from pasture.policies import closed_form

CONVERGED = {"learning_rate": 0.1, "epochs": 250, "batch_size": 10_000, "warmup": 0.0, "schedule": "cosine"}


def loss(left: float, right: float, p_left: float, beta: float = 1.0, smoothing: float = 0.0) -> float:
    """With a reference that gives both answers log-probability -1."""
    values = (torch.tensor([each], dtype=torch.float64) for each in (left, right, -1.0, -1.0, p_left))
    return float(dpo_loss(*values, beta, smoothing))


def test_the_loss_matches_numbers_worked_by_hand():
    # margin = beta (left - right) = 0.5 * 2 log 3 = log 3, and sigmoid(log 3) = 3 / 4
    left, right = -1.0 + math.log(3), -1.0 - math.log(3)
    assert loss(left, right, 1.0, beta=0.5) == pytest.approx(-math.log(3 / 4))
    assert loss(left, right, 0.0, beta=0.5) == pytest.approx(-math.log(1 / 4))
    # a label that is right with probability .8: -(.8 log .75 + .2 log .25)
    assert loss(left, right, 0.8, beta=0.5) == pytest.approx(-(0.8 * math.log(0.75) + 0.2 * math.log(0.25)))


def test_only_the_ratio_to_the_reference_counts():
    values = [torch.tensor([each]) for each in (-3.0, -5.0, -3.0, -5.0, 1.0)]
    assert float(dpo_loss(*values, 0.7)) == pytest.approx(math.log(2))


def test_label_smoothing_is_the_conservative_loss_by_hand():
    # e = .1 of a certain label is a label of .9 (Mitchell's cDPO): -(.9 log .75 + .1 log .25)
    left, right = -1.0 + math.log(3), -1.0
    assert loss(left, right, 1.0, smoothing=0.1) == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))
    assert loss(left, right, 1.0, smoothing=0.1) != pytest.approx(loss(left, right, 1.0))
    # a soft label of .8 becomes .9 * .8 + .1 * .2 = .74
    assert loss(left, right, 0.8, smoothing=0.1) == pytest.approx(loss(left, right, 0.74))


@given(st.floats(-9, 0), st.floats(-9, 0), st.floats(0, 1), st.floats(0.01, 2), st.floats(0, 0.49))
def test_swapping_the_pair_and_its_label_leaves_the_loss(left, right, p_left, beta, smoothing):
    assert loss(left, right, p_left, beta, smoothing) == pytest.approx(loss(right, left, 1 - p_left, beta, smoothing), abs=1e-12)


@given(st.floats(-9, 0), st.floats(-9, 0))
def test_a_tie_is_lowest_where_neither_answer_gained_on_the_other(left, right):
    assert loss(left, right, 0.5) >= loss(left, left, 0.5) - 1e-12


def test_ties_hold_the_policy_at_the_reference(world, source, label, log):
    start = world.base_policy(0)
    ties = [replace(each, p_left=0.5) for each in label(start)]
    policy = dpo.train(start, source(ties), dpo.Config(**CONVERGED | {"epochs": 20}), rng=rng_for(0), log=log)
    assert policy.kl(start, [each.comparison.left for each in ties]) < 1e-12


def test_smoothing_keeps_the_trained_policy_nearer_the_reference(world, source, label, log):
    start = world.base_policy(0)
    hard = [replace(each, p_left=float(each.p_left > 0.5)) for each in label(start)]
    probe = [each.comparison.left for each in hard]
    kls = [
        dpo.train(
            start,
            source(hard),
            dpo.Config(**CONVERGED | {"label_smoothing": e, "beta": 1.0, "epochs": 60}),
            rng=rng_for(0),
            log=log,
        ).kl(start, probe)
        for e in (0.0, 0.2, 0.4)
    ]
    assert kls[0] > kls[1] > kls[2] > 0


def test_converged_it_is_the_regularised_optimum_of_the_reward_that_fits_the_labels(world, trained, source, label, log):
    beta, start = 0.5, trained["start"]
    preferences = label(start, copies=3)
    policy = dpo.train(start, source(preferences), dpo.Config(**CONVERGED | {"beta": beta}), rng=rng_for(0), log=log)
    row = start.table.rows
    features = world.features_PMD
    differences = np.array(
        [
            features[row[each.comparison.prompt.id], each.comparison.left.tokens[0]]
            - features[row[each.comparison.prompt.id], each.comparison.right.tokens[0]]
            for each in preferences
        ]
    )
    weights = closed_form.fit_bradley_terry(differences, np.array([each.p_left for each in preferences]))
    prompts = world.prompts("eval")
    rows = [row[prompt.id] for prompt in prompts]
    reference = start.probabilities(prompts).detach().numpy()
    optimum = closed_form.regularised_optimum(reference, features[rows] @ weights, beta)
    gold = world.utilities()[rows]
    expected = closed_form.expected_value(optimum, gold).mean()
    assert world.truth(policy, ()).values_P.mean() == pytest.approx(expected, abs=0.02)
    assert expected > closed_form.expected_value(reference, gold).mean() + 0.5  # the optimum is somewhere else than the start


def test_the_log_shows_implicit_rewards_that_grow_apart(world, source, label, log):
    start = world.base_policy(0)
    dpo.train(start, source(label(start)), dpo.Config(**CONVERGED | {"epochs": 40}), rng=rng_for(0), log=log)
    assert log.lines[0]["reward"] == 0.0
    assert 0 < log.lines[1]["margin"] < log.lines[-1]["margin"]


def test_no_preferences_are_an_input_error(world, source, log):
    with pytest.raises(InputError, match="no preferences to learn from"):
        dpo.train(world.base_policy(0), source(()), dpo.Config(), rng=rng_for(0), log=log)
