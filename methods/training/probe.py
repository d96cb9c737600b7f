"""What every method logs: reward, KL to the start, length and entropy of a few samples, at a handful of steps."""

from collections.abc import Sequence

import numpy as np
import torch

from ...core.protocols import Policy, TrainingLog, ValueModel
from ...core.records import Completion, Prompt
from ...core.seeds import rng_for

POINTS = 6
"""Lines of a run's log, after the one for the start."""
PROMPTS = 16
"""Prompts that are answered for one line."""


class Probe:
    """Answers fixed prompts with the policy in training and logs what it sees.

    It draws from a generator of its own, so that logging changes no result. `reward` scores the answers; without it, and
    where the caller gives no `reward` of its own, the logged reward is None."""

    def __init__(
        self,
        reference: Policy,
        prompts: Sequence[Prompt],
        rng: np.random.Generator,
        log: TrainingLog,
        reward: ValueModel | None = None,
    ) -> None:
        distinct = list({prompt.id: prompt for prompt in prompts}.values())
        chosen = rng.permutation(len(distinct))[:PROMPTS]
        self.prompts = [distinct[i] for i in chosen]
        self.reference, self.reward, self.log = reference, reward, log
        self.seed = int(rng.integers(2**31))

    @staticmethod
    def due(step: int, steps: int) -> bool:
        """Whether 1-based `step` of `steps` is one of the POINTS to log; the last always is."""
        return step * POINTS // steps != (step - 1) * POINTS // steps

    def __call__(self, step: int, policy: Policy, reward: float | None = None, **extra: float) -> None:
        rng = rng_for(self.seed, "probe")  # the same draws at every line: differences are the policy's
        samples = [row[0] for row in policy.sample(self.prompts, 1, rng)]
        if self.reward is not None:
            with torch.no_grad():
                reward = float(self.reward.scores(samples).mean())
        self.log(step, reward=reward, kl=policy.kl(self.reference, samples), **length_and_entropy(policy, samples), **extra)


def length_and_entropy(policy: Policy, samples: Sequence[Completion]) -> dict[str, float]:
    """Mean tokens per answer, and mean entropy in nats per token, of samples of `policy`."""
    with torch.no_grad():
        scores = policy.token_scores(samples)
    tokens = float(scores.mask_NT.sum())
    return {"length": tokens / len(samples), "entropy": float(scores.entropies_NT.sum()) / max(tokens, 1.0)}
