"""SFT, binary FeedME, reward conditioning and expert iteration: who is imitated, and under which code."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.protocols import TokenScores
from pasture.core.records import Comparison, Preference
from pasture.core.seeds import rng_for
from pasture.methods.imitation import binary_feedme, expert_iteration, reward_conditioning, sft
from pasture.methods.imitation.reward_conditioning import BAD, GOOD
from pasture.policies.tabular import TabularPolicy


def scores(rows: list[list[float]], lengths: list[int]) -> TokenScores:
    mask = torch.arange(len(rows[0])) < torch.tensor(lengths)[:, None]
    return TokenScores(torch.tensor(rows), torch.zeros(len(rows), len(rows[0])), mask)


def test_the_sft_loss_weighs_every_token_the_same_and_padding_not_at_all():
    # answers of 3 and 1 tokens: (1 + 2 + 3 + 2) / 4 tokens = 2, where a mean over answers would also give 2 of (6 / 3, 2 / 1)
    assert float(sft.sft_loss(scores([[-1.0, -2.0, -3.0], [-2.0, 0.0, 0.0]], [3, 1]))) == pytest.approx(2.0)
    # 3 tokens of 1 nat and one of 5: 8 / 4 = 2, where a mean over answers would give 3 and padding counted would give 8 / 6
    assert float(sft.sft_loss(scores([[-1.0, -1.0, -1.0], [-5.0, 0.0, 0.0]], [3, 1]))) == pytest.approx(2.0)


def test_the_conditioned_loss_pools_the_tokens_of_all_codes():
    # 3 tokens of 1 nat under one code, 1 of 5 under the other: 8 / 4
    by_code = {0: scores([[-1.0, -1.0, -1.0]], [3]), 1: scores([[-5.0]], [1])}
    assert float(reward_conditioning.conditioned_loss(by_code)) == pytest.approx(2.0)


def test_sft_raises_the_likelihood_of_what_it_is_shown(world, trained):
    with torch.no_grad():
        before, after = (
            trained[name].token_scores(world.demonstrations()).sequence_logprobs().mean() for name in ("base", "start")
        )
    assert float(after) > float(before) + 0.1


def test_sft_without_demonstrations_says_so(world, log):
    from pasture.benchmarks.ranking.feedback import MeteredFeedback

    nothing = MeteredFeedback(world.prompts("unlabeled"), (), (), lambda items: [], 0)
    with pytest.raises(InputError, match="no demonstrations"):
        sft.train(world.base_policy(0), nothing, sft.Config(), rng=rng_for(0), log=log)


def always(world, p_left: float) -> list[Preference]:
    """Answer 0 against answer 1 on every prompt, 0 on the left."""
    pairs = [Comparison(world.completion(prompt, 0), world.completion(prompt, 1)) for prompt in world.prompts("preference")]
    return [Preference(pair, p_left, "rule") for pair in pairs]


def free(world) -> TabularPolicy:
    """A policy with a logit of its own for every answer."""
    return TabularPolicy(world.base_policy(0).table, log_linear=False)


@pytest.mark.parametrize(("p_left", "imitated"), [(1.0, 0), (0.9, 0), (0.1, 1), (0.0, 1)])
def test_binary_feedme_imitates_the_preferred_answer_on_whichever_side_it_is(world, source, log, p_left, imitated):
    config = binary_feedme.Config(learning_rate=0.3, epochs=40, warmup=0.0)
    start = free(world)
    policy = binary_feedme.train(start, source(always(world, p_left)), config, rng=rng_for(0), log=log)
    answers = [world.completion(prompt, imitated) for prompt in world.prompts("preference")]
    with torch.no_grad():
        gain = policy.token_scores(answers).sequence_logprobs() - start.token_scores(answers).sequence_logprobs()
    assert float(gain.min()) > 0.1


def test_a_tie_changes_nothing_in_binary_feedme(world, source, log):
    config = binary_feedme.Config(learning_rate=0.1, epochs=3)
    decided = always(world, 1.0)[:10]
    ties = [replace(each, p_left=0.5) for each in always(world, 1.0)[10:]]
    with_ties, without = (
        binary_feedme.train(world.base_policy(0), source(data), config, rng=rng_for(0), log=log)
        for data in (decided + ties, decided)
    )
    assert all(torch.equal(a, b) for a, b in zip(with_ties.parameters(), without.parameters(), strict=True))


@pytest.mark.parametrize("method", [binary_feedme, reward_conditioning])
def test_labels_that_are_all_ties_are_an_input_error(world, source, log, method):
    with pytest.raises(InputError, match=r"80 labels were bought and .* of them are ties"):
        method.train(world.base_policy(0), source(always(world, 0.5)), method.Config(), rng=rng_for(0), log=log)


def test_reward_conditioning_prefers_the_good_answer_under_good_and_the_bad_under_bad(world, source, log):
    config = reward_conditioning.Config(learning_rate=0.3, epochs=40, warmup=0.0)
    policy = reward_conditioning.train(free(world), source(always(world, 0.0)), config, rng=rng_for(0), log=log)
    prompts = world.prompts("preference")
    with torch.no_grad():
        left, right = (
            {code: policy.with_control(code).token_scores(answers).sequence_logprobs().mean() for code in (GOOD, BAD)}
            for answers in ([world.completion(p, 0) for p in prompts], [world.completion(p, 1) for p in prompts])
        )
        returned = policy.token_scores([world.completion(p, 1) for p in prompts]).sequence_logprobs().mean()
    assert right[GOOD] > right[BAD] + 0.1
    assert left[BAD] > left[GOOD] + 0.1
    assert float(returned) == float(right[GOOD])


def test_coded_scores_see_each_answer_under_its_own_code(world):
    policy = world.base_policy(0)
    with torch.no_grad():
        next(iter(policy.parameters())).add_(0.5)
        policy.deltas[1].add_(1.0)
    answers = [world.completion(prompt, k) for k, prompt in enumerate(world.prompts("eval")[:6])]
    found = reward_conditioning.coded_scores(policy, answers, np.array([1, 0, 1, 1, 0, 1]))
    for code, rows in ((0, [1, 4]), (1, [0, 2, 3, 5])):
        alone = policy.with_control(code).token_scores([answers[i] for i in rows]).logprobs_NT
        assert torch.equal(found[code].logprobs_NT, alone)


def test_a_policy_with_too_few_control_codes_is_refused(world, source, log):
    policy = TabularPolicy(world.base_policy(0).table, controls=1)
    with pytest.raises(InputError, match=r"1 control codes.*needs 2"):
        reward_conditioning.train(policy, source(always(world, 1.0)), reward_conditioning.Config(), rng=rng_for(0), log=log)


def test_expert_iteration_approaches_the_distribution_it_imitates(world, trained):
    prompts = world.prompts("eval")
    start, chooser, imitator = (
        trained[name].probabilities(prompts).detach() for name in ("start", "best-of-n", "expert-iteration")
    )
    assert kl(chooser, imitator) < 0.5 * kl(chooser, start)


def test_more_rounds_of_expert_iteration_go_further(world, source, label, settings, log):
    start = world.base_policy(0)
    data = source(label(start))
    once, thrice = (
        expert_iteration.train(
            start,
            data,
            expert_iteration.Config(**settings["expert-iteration"] | {"rounds": rounds, "n": 4}),
            rng=rng_for(0),
            log=log,
        )
        for rounds in (1, 3)
    )
    assert world.truth(thrice, ()).values_P.mean() > world.truth(once, ()).values_P.mean() + 0.1


def kl(p: torch.Tensor, q: torch.Tensor) -> float:
    return float((torch.special.xlogy(p, p) - p * q.log()).sum(dim=1).mean())


def test_the_losses_agree_with_a_uniform_model():
    # a model that gives every one of 8 tokens 1/8 has a loss of log 8 whatever it is shown
    assert float(sft.sft_loss(scores([[-math.log(8)] * 4], [4]))) == pytest.approx(math.log(8))
