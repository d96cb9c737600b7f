"""Direct Preference Optimization (Rafailov et al. 2023, arXiv:2305.18290), with conservative labels (Mitchell 2023, cDPO).

Departs from the paper: log-probabilities are summed over the completion's tokens, end-of-sequence included; labels may be soft; the
optimiser is AdamW, not RMSprop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ...core.records import Completion
from ..training.config import Training
from ..training.optimise import minimise, require_some
from ..training.probe import Probe

SCORED_AT_ONCE = 256


@dataclass(frozen=True)
class Config(Training):
    """The paper's recipe: beta 0.1, 1e-6 in batches of 64 after a linear warm-up."""

    learning_rate: float = 1e-6
    """Peak step size of AdamW, > 0."""
    epochs: int = 2
    """Passes over the pairs."""
    batch_size: int = 64
    """Pairs an optimiser step, at most."""
    schedule: str = "constant"
    """Learning rate after warm-up: `constant`, or down to 0 by `linear` or `cosine`."""
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises from 0, in [0, 1)."""
    beta: float = 0.1
    """Weight in nats of the KL to the reference that the loss implies, > 0; lower moves further away."""
    label_smoothing: float = 0.0
    """Probability that a label is taken to be flipped, in [0, 0.5)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("beta", self.beta > 0, "more than 0")
        self.require("label_smoothing", 0 <= self.label_smoothing < 0.5, "in [0, 0.5)")


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
    m = beta ((left - ref_left) - (right - ref_right)). Hard labels and e = 0 give eq. 7; a tie is lowest at m = 0.
    """
    margin_N = beta * ((left_N - ref_left_N) - (right_N - ref_right_N))
    target_N = (1 - label_smoothing) * p_left_N + label_smoothing * (1 - p_left_N)
    return -(target_N * logsigmoid(margin_N) + (1 - target_N) * logsigmoid(-margin_N))


def sequence_logprobs(policy: Policy, completions: Sequence[Completion]) -> torch.Tensor:
    """Log-probability in nats of each completion, [N], without gradients, a bounded number at a time."""
    with torch.no_grad():
        parts = [
            policy.token_scores(completions[i : i + SCORED_AT_ONCE]).sequence_logprobs()
            for i in range(0, len(completions), SCORED_AT_ONCE)
        ]
    return torch.cat(parts)


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A trained copy of `policy`, which is also the reference. The logged reward is the mean implicit reward
    beta (log pi - log pi_ref) of the last minibatch's answers, and `margin` what its labels prefer it by."""
    preferences = feedback.dataset()
    require_some(preferences, "preferences", "buy labels, or look at why all of them are abstentions")
    lefts = [each.comparison.left for each in preferences]
    rights = [each.comparison.right for each in preferences]
    ref_left, ref_right = sequence_logprobs(policy, lefts), sequence_logprobs(policy, rights)
    p_left = torch.tensor([each.p_left for each in preferences], dtype=ref_left.dtype, device=ref_left.device)
    learner = policy.copy()
    probe = Probe(policy, [each.prompt for each in lefts], rng, log)
    probe(0, learner, reward=0.0)
    seen = {}

    def loss(rows: np.ndarray) -> torch.Tensor:
        both = learner.token_scores([lefts[i] for i in rows] + [rights[i] for i in rows])
        left, right = both.sequence_logprobs().chunk(2)
        gain_left, gain_right = config.beta * (left - ref_left[rows]).detach(), config.beta * (right - ref_right[rows]).detach()
        seen["reward"] = float((gain_left + gain_right).mean() / 2)
        seen["margin"] = float(((2 * p_left[rows] - 1) * (gain_left - gain_right)).mean())
        return dpo_loss(left, right, ref_left[rows], ref_right[rows], p_left[rows], config.beta, config.label_smoothing).mean()

    def after(step: int, steps: int, loss: float) -> None:
        if probe.due(step, steps):
            probe(step, learner, loss=loss, **seen)

    minimise(learner.parameters(), len(preferences), loss, config, rng, after)
    return learner
