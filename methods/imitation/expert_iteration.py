"""Expert iteration: imitate one's own best-of-n answers (Dubois et al. 2023, AlpacaFarm, arXiv:2305.14387; the idea is that of
Anthony et al. 2017, arXiv:1705.08439).

Departs from the paper: with more than one round, each samples from and trains on from the last one's policy; the reward model is
fitted once."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ..online.best_of_n import BestOfN
from ..rewards.reward_model import Rewarded, rewarded_start
from ..training.config import AT_LEAST_1, Training
from .sft import imitate


@dataclass(frozen=True)
class Config(Rewarded, Training):
    """AlpacaFarm's recipe: the best of 16 on the unlabelled prompts, then its SFT recipe, once."""

    rounds: int = 1
    """Times that answers are drawn and imitated, at least 1."""
    n: int = 16
    """Answers drawn to each prompt, of which the reward model's favourite is imitated; at least 1."""

    limits: ClassVar = {"rounds": AT_LEAST_1, "n": AT_LEAST_1}


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A copy of `policy`, trained on its own best answers to `feedback.prompts` under a reward model of `feedback.dataset()`."""
    prompts, reward, learner, probe = rewarded_start(policy, feedback, config, rng, log)
    for done in range(config.rounds):
        best = [row[0] for row in BestOfN(learner, reward, config.n).sample(prompts, 1, rng)]
        imitate(learner, best, config, rng, probe, done, config.rounds)
    return learner
