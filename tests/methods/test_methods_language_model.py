"""The methods on a language model whose answers differ in length: every one runs, and padding enters nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.core.records import Comparison, Completion, Preference, Prompt
from pasture.core.seeds import rng_for
from pasture.methods import METHODS
from pasture.methods.online import best_of_n, ppo
from pasture.methods.rewards.reward_model import RewardModel, fit_reward_model
from pasture.policies.causal_lm import CausalLMPolicy

PROMPTS = [Prompt(text) for text in ("a", "b c", "d e f", "a a", "f", "c d")]
FAST = {"learning_rate": 3e-3, "batch_size": 8, "epochs": 2}
SETTINGS = {
    "sft": FAST,
    "binary-feedme": FAST,
    "reward-conditioning": FAST,
    "reward-model": FAST,
    "best-of-n": {"n": 3, "reward_model": FAST},
    "expert-iteration": FAST | {"n": 3, "reward_model": FAST},
    "dpo": FAST,
    "ppo": FAST | {"rollouts": 3, "rollout_size": 10, "reward_model": FAST},
    "quark": FAST | {"iterations": 2, "quantiles": 3, "reward_model": FAST | {"log_ratio": 0.5}},
}


@pytest.fixture(scope="module")
def policy(tiny) -> CausalLMPolicy:
    controls = [f"<|control_{k}|>" for k in range(8)]
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>", "additional_special_tokens": controls}
    tokenizer = tiny.tokenizer("abcdef", **special)
    model = tiny.model(tiny.config(tokenizer, num_hidden_layers=1), 0.3, seed=0)
    return CausalLMPolicy(model, tokenizer, max_new_tokens=8)


def shorter_is_better(policy: CausalLMPolicy) -> list[Preference]:
    pairs = [Comparison(*row) for row in policy.sample(PROMPTS * 4, 2, rng_for(0))]
    gaps = [len(each.right.tokens) - len(each.left.tokens) for each in pairs]
    return [Preference(pair, 0.5 * (1 + np.sign(gap)), "rule") for pair, gap in zip(pairs, gaps, strict=True)]


def test_the_fixture_has_answers_of_several_lengths_and_ties(policy):
    labelled = shorter_is_better(policy)
    assert len({len(each.comparison.left.tokens) for each in labelled}) > 3
    assert {each.p_left for each in labelled} == {0.0, 0.5, 1.0}


@pytest.mark.parametrize("name", METHODS.table)
def test_every_method_runs_on_a_language_model_and_leaves_it_as_it_was(policy, name, log, tmp_path):
    before = [each.detach().clone() for each in policy.parameters()]
    demonstrations = [Completion(prompt, "a b") for prompt in PROMPTS]
    labelled = shorter_is_better(policy)
    source = MeteredFeedback(PROMPTS, demonstrations, labelled, lambda items: [], len(labelled))
    method = METHODS.load(name)
    made = method.train(policy, source, method.Config(**SETTINGS[name]), rng=rng_for(0, name), log=log)
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))
    if name == "reward-model":
        answers = [each.comparison.left for each in labelled]
        assert torch.isfinite(made.scores(answers)).all()
    else:
        answers = [row[0] for row in made.sample(PROMPTS, 1, rng_for(1))]
        assert log.lines[-1]["kl"] > 0
        assert made.kl(policy, answers) > 0
    made.save(tmp_path)
    assert any(tmp_path.iterdir())


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["head", "log-ratio"])
def reward(policy, request) -> RewardModel:
    config = METHODS.load("reward-model").Config(learning_rate=3e-3, epochs=20, log_ratio=request.param)
    return fit_reward_model(policy, shorter_is_better(policy), config, rng_for(0))


def test_a_rollouts_loss_is_the_same_with_more_padding_and_in_parts(policy, reward):
    config = ppo.Config()
    completions = [each for row in policy.sample(PROMPTS, 2, rng_for(3)) for each in row]
    critic, learner = reward.copy(), policy.copy()
    with torch.no_grad():  # a learner that has moved, so that ratios are not 1
        for parameter in learner.parameters():
            parameter.mul_(1.02)
    rollout = ppo.roll_out(policy, policy, reward, critic, completions, config, 0.1)
    longest = rollout.logprobs_NT.shape[1]
    everyone = np.arange(len(completions))
    loss = ppo.rollout_loss(learner, critic, rollout, everyone, config).item()
    wider = rollout._replace(
        **{
            name: torch.nn.functional.pad(getattr(rollout, name), (0, 3), value=9.0)
            for name in rollout._fields
            if name.endswith("_NT")
        }
    )
    assert ppo.rollout_loss(learner, critic, wider, everyone, config).item() == pytest.approx(loss, abs=1e-6)
    # a mean over tokens: the parts' losses, weighted by their tokens, make the whole's, though the short ones are padded less
    lengths = np.array([len(each.tokens) for each in completions])
    order = np.argsort(lengths)
    parts = [order[:4], order[4:]]
    assert lengths[parts[0]].max() < longest
    weighted = sum(ppo.rollout_loss(learner, critic, rollout, rows, config).item() * lengths[rows].sum() for rows in parts)
    assert weighted / lengths.sum() == pytest.approx(loss, abs=1e-6)


def test_an_answers_advantages_do_not_depend_on_who_stands_beside_it(policy, reward):
    answers = [row[0] for row in policy.sample(PROMPTS, 1, rng_for(3))]
    short, long = min(answers, key=lambda a: len(a.tokens)), max(answers, key=lambda a: len(a.tokens))
    assert len(short.tokens) < len(long.tokens)

    def returns(completions: Sequence[Completion]) -> list[float]:
        rollout = ppo.roll_out(policy, policy, reward, reward, list(completions), ppo.Config(), 0.1)
        return rollout.returns_NT[0, : len(short.tokens)].tolist()

    assert returns([short]) == pytest.approx(returns([short, long]), abs=1e-5)


def test_best_of_n_over_a_language_model_has_no_closed_form_and_a_bounded_kl(policy, reward):
    chooser = best_of_n.BestOfN(policy, reward, 4)
    assert not hasattr(chooser, "probabilities")
    assert chooser.entropy(PROMPTS) is None
    other = policy.copy()
    answers = [row[0] for row in chooser.sample(PROMPTS, 1, rng_for(0))]
    assert chooser.kl(other, answers) == pytest.approx(chooser.kl(policy, answers), abs=1e-6)
