"""An answer is cut where the model's context ends, and what a policy sampled it can score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pasture.benchmarks.ranking.feedback import MeteredFeedback
from pasture.core.errors import InputError
from pasture.core.records import Comparison, Completion, Preference, Prompt
from pasture.core.seeds import rng_for
from pasture.methods import METHODS
from pasture.policies.causal_lm import CausalLMPolicy

POSITIONS = 48
PROMPTS = [Prompt("Say 1."), Prompt("Say one, two, three and four.")]
FAMILIES = pytest.mark.parametrize("family", ["llama", "qwen2", "gemma2", "neox", "gpt2", "opt"])

Make = Callable[..., CausalLMPolicy]


@pytest.fixture
def make(byte_tokenizer: Callable[..., Any], tiny_model: Callable[..., Any]) -> Make:
    def made(family: str = "llama", *codes: str, controls: int = 0) -> CausalLMPolicy:
        tokenizer = byte_tokenizer(*codes)
        model = tiny_model(family, tokenizer, positions=POSITIONS)
        return CausalLMPolicy(model, tokenizer, max_new_tokens=64, controls=controls)

    return made


@FAMILIES
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_is_cut_at_the_context_and_scored(make: Make, family: str, temperature: float) -> None:
    policy = make(family)
    rows = policy.sample(PROMPTS, 3, np.random.default_rng(0), temperature)
    for row in rows:
        used = len(policy.encoder.prompt(row[0].prompt, None))
        assert all(each.tokens[-1] in policy.encoder.ends or used + len(each.tokens) == POSITIONS for each in row)
    answers = [each for row in rows for each in row]
    assert any(each.tokens[-1] not in policy.encoder.ends for each in answers)
    with torch.no_grad():
        assert policy.token_scores(answers).logprobs_NT.isfinite().all()
        assert policy.value_model(np.random.default_rng(0)).scores(answers).isfinite().all()


@FAMILIES
def test_neighbours_with_more_room_change_no_greedy_answer(make: Make, family: str) -> None:
    policy = make(family)
    together = policy.sample(PROMPTS, 1, np.random.default_rng(0), 0.0)
    alone = [policy.sample([each], 1, np.random.default_rng(0), 0.0)[0] for each in PROMPTS]
    assert [[each.tokens for each in row] for row in together] == [[each.tokens for each in row] for row in alone]


@pytest.mark.parametrize("length", [POSITIONS - 2, POSITIONS - 1, 500])
def test_a_prompt_that_leaves_no_room_is_refused_before_anything_is_sampled(make: Make, length: int) -> None:
    with pytest.raises(InputError, match=f"{length + 2} tokens, and the model reads {POSITIONS}, at least one for the answer"):
        make().sample([PROMPTS[0], Prompt("x" * length)], 1, np.random.default_rng(0))


def test_the_last_place_is_used(make: Make) -> None:
    answer = make().sample([Prompt("x" * (POSITIONS - 3))], 1, np.random.default_rng(0))[0][0]
    assert len(answer.tokens) == 1


FAST = {"learning_rate": 1e-3, "epochs": 1, "batch_size": 8}
SETTINGS: dict[str, dict[str, Any]] = {
    "best-of-n": {"n": 2, "reward_model": FAST},
    "expert-iteration": FAST | {"n": 2, "reward_model": FAST},
    "dpo": FAST,
    "ppo": FAST | {"rollouts": 2, "rollout_size": 4, "reward_model": FAST},
    "quark": FAST | {"iterations": 2, "quantiles": 2, "reward_model": FAST | {"log_ratio": 0.5}},
    "reward-conditioning": FAST,
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("codes", [[f"<|control_{k}|>" for k in range(2)], []], ids=["reserved codes", "spelt codes"])
def test_no_method_refuses_what_its_policy_sampled(make: Make, name: str, codes: list[str]) -> None:
    policy = make("gpt2", *codes, controls=2)
    pairs = [Comparison(*row) for row in policy.sample(PROMPTS * 2, 2, rng_for(0))]
    preferences = [Preference(each, 1.0, "t") for each in pairs]
    source = MeteredFeedback(PROMPTS, [], preferences, lambda items: [], len(preferences))
    method = METHODS.load(name)
    made = method.train(policy, source, method.Config(**SETTINGS[name]), rng=rng_for(0), log=lambda step, **values: None)
    assert isinstance(made.sample(PROMPTS, 1, rng_for(1))[0][0], Completion)
