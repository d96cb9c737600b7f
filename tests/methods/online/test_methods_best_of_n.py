"""Best-of-n: the closed form against simulation, ties, the KL formula, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from pasture.core.errors import InputError
from pasture.core.seeds import rng_for
from pasture.methods.online import best_of_n
from pasture.methods.online.best_of_n import BestOfN, FiniteBestOfN
from pasture.methods.rewards.reward_model import score_all
from pasture.policies.tabular import ResponseTable, TabularPolicy
from pasture.simulators.exact.world import ExactWorld


@pytest.fixture(scope="module")
def gold_reward(world):
    model = world.base_policy(0).value_model(rng_for(0))
    model.after.data = torch.tensor(world.tastes["gold"])
    return model


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_closed_form_is_what_sampling_gives(world, gold_reward, n):
    chooser = FiniteBestOfN(world.base_policy(0), gold_reward, n)
    prompt = world.prompts("eval")[0]
    draws = 20_000
    answers = [each.tokens[0] for each in chooser.sample([prompt], draws, rng_for(1))[0]]
    found = torch.bincount(torch.tensor(answers), minlength=16) / draws
    expected = chooser.probabilities([prompt])[0]
    worst = 4.5 * float((expected * (1 - expected) / draws).sqrt().max())  # standard errors of the widest of 16 bins
    assert float((found - expected).abs().max()) < worst


def test_answers_that_tie_share_in_proportion_to_the_base(world):
    policy = world.base_policy(0)
    flat = policy.value_model(rng_for(0))  # scores 0 everywhere
    prompts = world.prompts("eval")
    assert torch.allclose(FiniteBestOfN(policy, flat, 9).probabilities(prompts), policy.probabilities(prompts), atol=1e-12)


def test_two_answers_by_hand(world):
    # base (1/4, 3/4), the first scores higher: it is kept unless both draws are the second, 1 - 9/16 = 7/16
    prompt = world.prompts("eval")[0]
    table = ResponseTable.of(
        [prompt], torch.tensor([[0.0, math.log(3)]]).double().numpy(), torch.tensor([[[1.0], [0.0]]]).double().numpy()
    )
    reward = TabularPolicy(table).value_model(rng_for(0))
    reward.after.data += 1.0
    chooser = FiniteBestOfN(TabularPolicy(table), reward, 2)
    assert chooser.probabilities([prompt])[0].tolist() == pytest.approx([7 / 16, 9 / 16])
    kl = 7 / 16 * math.log(7 / 4) + 9 / 16 * math.log(3 / 4)
    answers = [row[0] for row in chooser.sample([prompt], 1, rng_for(0))]
    assert chooser.kl(chooser.base, answers) == pytest.approx(kl)
    assert chooser.entropy([prompt]) == pytest.approx(-7 / 16 * math.log(7 / 16) - 9 / 16 * math.log(9 / 16))


@pytest.mark.parametrize("n", [2, 4, 16])
def test_with_many_answers_the_exact_kl_is_log_n_minus_n_less_one_over_n(n):
    world = ExactWorld(0, prompts=1, responses=3000)
    policy = world.base_policy(0)
    reward = policy.value_model(rng_for(0))
    reward.after.data = torch.tensor(world.tastes["gold"])
    chooser = FiniteBestOfN(policy, reward, n)
    answers = [row[0] for row in policy.sample(world.prompts("eval"), 1, rng_for(0))]
    formula = math.log(n) - (n - 1) / n
    assert chooser.kl(policy, answers) == pytest.approx(formula, abs=0.01)
    assert chooser.kl(policy, answers) <= formula
    assert BestOfN(policy, reward, n).kl(policy, answers) == pytest.approx(formula)


def test_the_bound_from_another_reference_holds(world, gold_reward, trained):
    base, other = trained["start"], trained["base"]
    exact, bounded = FiniteBestOfN(base, gold_reward, 8), BestOfN(base, gold_reward, 8)
    prompts = list(world.prompts("eval"))
    samples = [each for row in exact.sample(prompts, 400, rng_for(0)) for each in row]
    assert exact.kl(other, samples) <= bounded.kl(other, samples)
    assert bounded.kl(other, samples) < exact.kl(other, samples) + 0.5  # and is no empty promise


def test_more_draws_give_more_reward(world, gold_reward):
    values = [world.truth(FiniteBestOfN(world.base_policy(0), gold_reward, n), ()).values_P.mean() for n in (1, 2, 4, 16, 64)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 1.0


def test_each_of_several_samples_is_the_best_of_its_own_draws(world, gold_reward):
    policy = world.base_policy(0)
    prompts = world.prompts("eval")[:5]
    kept = BestOfN(policy, gold_reward, 3).sample(prompts, 4, rng_for(7))
    drawn = policy.sample(prompts, 12, rng_for(7))
    for row, candidates in zip(kept, drawn, strict=True):
        groups = [candidates[3 * k : 3 * k + 3] for k in range(4)]
        assert score_all(gold_reward, row).tolist() == pytest.approx([score_all(gold_reward, g).max().item() for g in groups])


def test_it_refuses_token_scores_with_a_way_out(world, gold_reward):
    with pytest.raises(InputError, match=r"no log-probabilities of tokens.*expert-iteration"):
        BestOfN(world.base_policy(0), gold_reward, 2).token_scores([world.completion(world.prompts("eval")[0], 0)])


def test_what_is_saved_answers_the_same(world, source, label, log, tmp_path):
    from pasture.policies.tabular import TabularValueModel

    start = world.base_policy(0)
    chooser = best_of_n.train(start, source(label(start)), best_of_n.Config(n=5), rng=rng_for(0), log=log)
    chooser.save(tmp_path)
    again = FiniteBestOfN(
        TabularPolicy.load(tmp_path / "policy"), TabularValueModel.load(tmp_path / "reward"), int((tmp_path / "n.txt").read_text())
    )
    prompts = world.prompts("eval")
    assert torch.equal(again.probabilities(prompts), chooser.probabilities(prompts))


def test_the_log_shows_the_start_and_the_favourite(world, trained, source, label, settings, log):
    start = trained["start"]
    chooser = best_of_n.train(start, source(label(start)), best_of_n.Config(**settings["best-of-n"]), rng=rng_for(0), log=log)
    first, last = log.lines
    assert (first["step"], first["kl"], last["step"]) == (0, 0.0, 1)
    assert last["reward"] > first["reward"]
    assert last["entropy"] < first["entropy"]
    assert 0 < last["kl"] < math.log(16) - 15 / 16
    assert chooser.copy().n == chooser.with_control(1).n == 16
