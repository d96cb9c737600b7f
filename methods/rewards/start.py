"""How methods open that answer prompts of their own and are scored by a reward model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ...core.records import Prompt
from ..training.config import Checked
from ..training.optimise import require_some
from ..training.probe import Probe
from . import reward_model
from .reward_model import RewardModel, fit_reward_model


@dataclass(frozen=True)
class Rewarded(Checked):
    """The setting of every method that fits a reward model first."""

    reward_model: reward_model.Config = field(default_factory=reward_model.Config)
    """How the reward model is fitted: a table of its own fields."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.nest("reward_model", reward_model.Config)


class RewardedStart(NamedTuple):
    """What such a method goes on from."""

    prompts: list[Prompt]
    reward: RewardModel
    learner: Policy
    probe: Probe


def rewarded_start(
    policy: Policy, feedback: FeedbackSource, config: Rewarded, rng: np.random.Generator, log: TrainingLog
) -> RewardedStart:
    """The unlabelled prompts, a reward model of `feedback.dataset()`, a copy of `policy` to train, and a probe that has logged it.
    Raises InputError where there are no prompts or no preferences."""
    prompts = list(feedback.prompts)
    require_some(prompts, "unlabelled prompts", "give the feedback source prompts to answer")
    reward = fit_reward_model(policy, feedback.dataset(), config.reward_model, rng)
    learner = policy.copy()
    probe = Probe(policy, prompts, rng, log, reward)
    probe(0, learner, **reward.fit)
    return RewardedStart(prompts, reward, learner, probe)
