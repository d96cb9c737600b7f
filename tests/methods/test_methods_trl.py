"""The losses of DPO, the reward model and SFT are TRL's on the same model and texts, padding included."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from pasture.core.records import Comparison, Completion, Preference, Prompt
from pasture.methods.imitation.sft import sft_loss
from pasture.methods.pairwise.dpo import dpo_loss
from pasture.methods.rewards.reward_model import labels, pair_loss, pair_margins
from pasture.policies.causal_lm import CausalLMPolicy

pytestmark = pytest.mark.slow  # importing TRL takes ten seconds

ROWS = [
    {"prompt": "a b c", "chosen": "d e f a b", "rejected": "c"},
    {"prompt": "b", "chosen": "a", "rejected": "f e d c b a"},
    {"prompt": "c a", "chosen": "b b", "rejected": "e f"},
]


@pytest.fixture(scope="module")
def tokenizer(tiny):
    return tiny.tokenizer("abcdef", pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


@pytest.fixture(scope="module")
def config(tiny, tokenizer):
    return tiny.config(tokenizer, num_hidden_layers=2)


@pytest.fixture(scope="module")
def model(tiny, config):
    return tiny.model(config, 0.5, seed=1)


@pytest.fixture(scope="module")
def preferences() -> list[Preference]:
    """The rows, the rejected answer on the left of every second one."""
    found = []
    for place, row in enumerate(ROWS):
        prompt = Prompt(row["prompt"])
        pair = Comparison(Completion(prompt, row["chosen"]), Completion(prompt, row["rejected"]))
        preference = Preference(pair, 1.0, "rule")
        found.append(preference.swapped() if place % 2 else preference)
    return found


def trl_loss(trainer, model) -> float:
    """TRL's own loss on its own collation of all rows, which pads them."""
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        return float(trainer.compute_loss(model, batch))


def trl_options(tmp_path, **options):
    quiet = {"use_cpu": True, "bf16": False, "report_to": "none", "per_device_train_batch_size": len(ROWS), "max_length": None}
    return {"output_dir": str(tmp_path), "dataloader_pin_memory": False, **quiet, **options}


@pytest.mark.parametrize("beta", [0.1, 0.7])
def test_the_dpo_loss_is_trls(tiny, model, config, tokenizer, preferences, tmp_path, beta):
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    reference = tiny.model(config, 0.5, seed=2)
    trainer = DPOTrainer(
        model=copy.deepcopy(model),
        ref_model=reference,
        args=DPOConfig(**trl_options(tmp_path, beta=beta)),
        train_dataset=Dataset.from_list([{name: (" " if name != "prompt" else "") + row[name] for name in row} for row in ROWS]),
        processing_class=tokenizer,
    )
    expected = trl_loss(trainer, trainer.model)
    sides = [[each.comparison.left for each in preferences], [each.comparison.right for each in preferences]]
    with torch.no_grad():
        own, ref = (
            [CausalLMPolicy(each, tokenizer).token_scores(side).sequence_logprobs() for side in sides]
            for each in (model, reference)
        )
        found = dpo_loss(*own, *ref, labels(preferences, own[0]), beta).mean()
    assert abs(expected - np.log(2)) > 0.05  # the reference is not the policy
    assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_reward_models_loss_is_trls(tiny, model, config, tokenizer, preferences, tmp_path):
    from datasets import Dataset
    from transformers import LlamaForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    scored = LlamaForSequenceClassification(type(config)(**{**config.to_dict(), "num_labels": 1}))
    theirs = tiny.randomised(scored, 0.5, seed=3)
    trainer = RewardTrainer(
        model=theirs,
        args=RewardConfig(**trl_options(tmp_path)),
        train_dataset=Dataset.from_list(
            [{side: f"{row['prompt']} {row[side]}" for side in ("chosen", "rejected")} for row in ROWS]
        ),
        processing_class=tokenizer,
    )
    expected = trl_loss(trainer, theirs)
    from pasture.policies.prompt_encoding import PromptEncoder
    from pasture.policies.value_head import CausalLMValueModel

    with torch.no_grad():
        margin_N = pair_margins(CausalLMValueModel(theirs, PromptEncoder(tokenizer)), preferences)
        found = pair_loss(margin_N, labels(preferences, margin_N)).mean()
    assert abs(expected - np.log(2)) > 0.05
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_the_sft_loss_is_trls_on_answers_alone(model, tokenizer, tmp_path):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    trainer = SFTTrainer(
        model=copy.deepcopy(model),
        args=SFTConfig(**trl_options(tmp_path, completion_only_loss=True)),
        train_dataset=Dataset.from_list([{"prompt": row["prompt"], "completion": " " + row["rejected"]} for row in ROWS]),
        processing_class=tokenizer,
    )
    expected = trl_loss(trainer, trainer.model)
    answers = [Completion(Prompt(row["prompt"]), row["rejected"]) for row in ROWS]
    with torch.no_grad():
        found = sft_loss(CausalLMPolicy(model, tokenizer).token_scores(answers))
    assert expected > 0.5
    assert float(found) == pytest.approx(expected, abs=1e-6)
