"""Binary FeedME: supervised fine-tuning on the preferred answer of each pair (Dubois et al. 2023, AlpacaFarm, arXiv:2305.14387).

Departs from the paper: tied pairs are left out, since nothing was preferred; a soft label counts as the answer it leans to. The
released code has no script for it: the defaults are its SFT recipe's."""

from dataclasses import dataclass

import numpy as np

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ..training.config import Training
from ..training.optimise import Probe, require_some
from .sft import imitate


@dataclass(frozen=True)
class Config(Training):
    """AlpacaFarm's SFT recipe: 3 epochs at 2e-5 in batches of 128, cosine decay after 3 % of warm-up."""


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A copy of `policy`, trained on the preferred answers of `feedback.dataset()`. Raises InputError where there are none."""
    chosen = [preference.chosen for preference in feedback.dataset()]
    kept = [answer for answer in chosen if answer is not None]
    require_some(kept, "preferred answers", f"{len(chosen)} labels were bought and {len(chosen) - len(kept)} of them are ties")
    learner = policy.copy()
    probe = Probe(policy, [each.prompt for each in kept], rng, log)
    probe(0, learner)
    imitate(learner, kept, config, rng, probe)
    return learner
