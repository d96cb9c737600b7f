"""Direct Preference Optimization (Rafailov et al. 2023, arXiv:2305.18290), with conservative labels (Mitchell 2023, cDPO).

Departs from the paper: log-probabilities are summed over the completion's tokens, end-of-sequence included; labels may be soft; the
optimiser is AdamW, not RMSprop."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ..training.config import ABOVE_0, Limit, Training
from .loop import ScoredPairs, pair_loss, train_on_pairs


@dataclass(frozen=True)
class Config(Training):
    """The paper's recipe: beta 0.1, 1e-6 in batches of 64 pairs after a linear warm-up."""

    beta: float = 0.1
    """Weight in nats of the KL to the reference that the loss implies, > 0; lower moves further away."""
    label_smoothing: float = 0.0
    """Probability that a label is taken to be flipped, in [0, 0.5)."""
    learning_rate: float = 1e-6
    epochs: int = 2
    batch_size: int = 64
    schedule: str = "constant"
    warmup: float = 0.1

    limits: ClassVar = {"beta": ABOVE_0, "label_smoothing": Limit("in [0, 0.5)", lambda value: 0 <= value < 0.5)}


def dpo_loss(
    left_N: torch.Tensor,
    right_N: torch.Tensor,
    ref_left_N: torch.Tensor,
    ref_right_N: torch.Tensor,
    p_left_N: torch.Tensor,
    beta: float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Per-pair loss in nats, [N]: -[q log s(m) + (1 - q) log s(-m)] with q = (1 - e) p_left + e (1 - p_left).

    The first four are sequence log-probabilities in nats of the left and right answers under the policy and the reference, and
    m = beta ((left - ref_left) - (right - ref_right)). Hard labels and e = 0 give eq. 7; a tie is lowest at m = 0."""
    target_N = (1 - label_smoothing) * p_left_N + label_smoothing * (1 - p_left_N)
    return pair_loss(beta * ScoredPairs(left_N, right_N, ref_left_N, ref_right_N, p_left_N).margins(), target_N)


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A trained copy of `policy`, which is also the reference. Logs what `train_on_pairs` logs."""

    def losses(pairs: ScoredPairs) -> torch.Tensor:
        return dpo_loss(*pairs, config.beta, config.label_smoothing)

    return train_on_pairs(policy, feedback, config, losses, config.beta, rng, log)
