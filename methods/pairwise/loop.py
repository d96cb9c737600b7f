"""What losses on pairs share: the likelihood of labels, scoring without gradients, and the loop that trains a policy on pairs.

A method is its `Config` and its loss: the loop scores both answers of each pair under the policy and under the reference, which
is the policy as given, and logs the implicit reward (Rafailov et al. 2023, arXiv:2305.18290, eq. 5)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ...core.records import Completion, Preference
from ..training.config import Training
from ..training.optimise import Probe, minimise, require_some

SCORED_AT_ONCE = 256  # completions scored together where no gradient is kept, so that memory is bounded


class ScoredPairs(NamedTuple):
    """Sequence log-probabilities in nats of N pairs' left and right answers, and their labels; all [N]."""

    left_N: torch.Tensor
    right_N: torch.Tensor
    ref_left_N: torch.Tensor
    ref_right_N: torch.Tensor
    p_left_N: torch.Tensor
    """Probability in [0, 1] that left is preferred; 1/2 is a tie."""

    def margins(self) -> torch.Tensor:
        """Log-ratio of the left answer to the reference minus that of the right answer, in nats, [N]."""
        return (self.left_N - self.ref_left_N) - (self.right_N - self.ref_right_N)


def pair_loss(margin_N: torch.Tensor, p_left_N: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in nats of each label under Bradley-Terry, [N]: -[p log s(m) + (1 - p) log s(-m)].

    margin_N: left's score minus right's, in nats. p_left_N: probability in [0, 1] that left is preferred; a hard label gives
    -log s(r_chosen - r_rejected), and a tie is lowest at m = 0."""
    return -(p_left_N * logsigmoid(margin_N) + (1 - p_left_N) * logsigmoid(-margin_N))


def labels(preferences: Sequence[Preference], like: torch.Tensor) -> torch.Tensor:
    """p_left of each preference, [N], in the type of `like`."""
    return torch.tensor([each.p_left for each in preferences], dtype=like.dtype, device=like.device)


def scored_in_parts(scores: Callable[[Sequence[Completion]], torch.Tensor], completions: Sequence[Completion]) -> torch.Tensor:
    """`scores` of all completions without gradients, [N], SCORED_AT_ONCE at a time."""
    with torch.no_grad():
        parts = [scores(completions[i : i + SCORED_AT_ONCE]) for i in range(0, len(completions), SCORED_AT_ONCE)]
    return torch.cat(parts)


def sequence_logprobs(policy: Policy, completions: Sequence[Completion]) -> torch.Tensor:
    """Log-probability in nats of each completion, [N], without gradients."""
    return scored_in_parts(lambda part: policy.token_scores(part).sequence_logprobs(), completions)


def train_on_pairs(
    policy: Policy,
    feedback: FeedbackSource,
    config: Training,
    pair_losses: Callable[[ScoredPairs], torch.Tensor],
    beta: float,
    rng: np.random.Generator,
    log: TrainingLog,
) -> Policy:
    """A copy of `policy` trained on `feedback.dataset()` towards the least mean of `pair_losses`, [N], in nats.

    The logged reward is the mean implicit reward beta (log pi - log pi_ref) of the last minibatch's answers, and `margin` what
    its labels prefer it by. Raises InputError where there are no preferences."""
    preferences = feedback.dataset()
    require_some(preferences, "preferences", "buy labels, or look at why all of them are abstentions")
    lefts = [each.comparison.left for each in preferences]
    rights = [each.comparison.right for each in preferences]
    learner = policy.copy()  # scored before its first step it is the reference, in the precision that it is trained in
    ref_left, ref_right = sequence_logprobs(learner, lefts), sequence_logprobs(learner, rights)
    p_left = labels(preferences, ref_left)
    probe = Probe(policy, [each.prompt for each in lefts], rng, log)
    probe(0, learner, reward=0.0)
    seen = {}

    def loss(rows: np.ndarray) -> torch.Tensor:
        both = learner.token_scores([lefts[i] for i in rows] + [rights[i] for i in rows])
        left, right = both.sequence_logprobs().chunk(2)
        pairs = ScoredPairs(left, right, ref_left[rows], ref_right[rows], p_left[rows])
        gains_2N = beta * torch.stack([left - pairs.ref_left_N, right - pairs.ref_right_N]).detach()
        seen["reward"] = float((gains_2N[0] + gains_2N[1]).mean() / 2)
        seen["margin"] = float(((2 * pairs.p_left_N - 1) * (gains_2N[0] - gains_2N[1])).mean())
        return pair_losses(pairs).mean()

    def after(step: int, steps: int, loss: float) -> None:
        if probe.due(step, steps):
            probe(step, learner, loss=loss, **seen)

    minimise(learner.parameters(), len(preferences), loss, config, rng, after)
    return learner
