"""Supervised fine-tuning on demonstrations (Ouyang et al. 2022, arXiv:2203.02155, step 1).

Departs from the paper: the defaults are AlpacaFarm's (arXiv:2305.14387), for a 7B model; nothing is packed or truncated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...core.protocols import FeedbackSource, Policy, TokenScores, TrainingLog
from ...core.records import Completion
from ..training.config import Training
from ..training.optimise import Probe, minimise, require_some


@dataclass(frozen=True)
class Config(Training):
    """AlpacaFarm's recipe: 3 epochs at 2e-5 in batches of 128, cosine decay after 3 % of warm-up."""


def sft_loss(scores: TokenScores) -> torch.Tensor:
    """Mean negative log-likelihood a token, in nats, scalar: every token of the batch weighs the same."""
    return -scores.logprobs_NT.sum() / scores.mask_NT.sum()


def imitate(
    policy: Policy,
    completions: Sequence[Completion],
    training: Training,
    rng: np.random.Generator,
    probe: Probe,
    past_rounds: int = 0,
    rounds: int = 1,
) -> None:
    """Trains `policy` in place towards `completions`. Steps are logged as those of one run of so many equal rounds."""

    def after(step: int, steps: int, loss: float) -> None:
        taken = past_rounds * steps + step
        if probe.due(taken, rounds * steps):
            probe(taken, policy, loss=loss)

    def loss(rows: np.ndarray) -> torch.Tensor:
        return sft_loss(policy.token_scores([completions[i] for i in rows]))

    minimise(policy.parameters(), len(completions), loss, training, rng, after)


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A copy of `policy`, trained on `feedback.demonstrations`. Buys no labels. Raises InputError where there are none."""
    demonstrations = feedback.demonstrations
    require_some(demonstrations, "demonstrations", "use a world or a file that has answers to imitate")
    learner = policy.copy()
    probe = Probe(policy, [each.prompt for each in demonstrations], rng, log)
    probe(0, learner)
    imitate(learner, demonstrations, config, rng, probe)
    return learner
