"""Binary reward conditioning: learn preferred answers under a good code and the others under a bad one, then answer under the good
one (Dubois et al. 2023, AlpacaFarm, arXiv:2305.14387, after Keskar et al. 2019, arXiv:1909.05858).

Departs from the paper: tied pairs are left out, since neither answer was good or bad; a soft label counts as the answer it leans
to. The released code has no script for it: the defaults are its SFT recipe's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...core.errors import InputError
from ...core.protocols import FeedbackSource, Policy, TokenScores, TrainingLog
from ...core.records import Completion
from ..training.config import Training
from ..training.optimise import Probe, minimise, require_some

GOOD, BAD = 0, 1


@dataclass(frozen=True)
class Config(Training):
    """AlpacaFarm's SFT recipe: 3 epochs at 2e-5 in batches of 128 answers, cosine decay after 3 % of warm-up."""


def coded_scores(policy: Policy, completions: Sequence[Completion], codes: np.ndarray) -> dict[int, TokenScores]:
    """Scores of each answer under its own code, by code; answers of one code keep their order."""
    return {
        int(code): policy.with_control(int(code)).token_scores([completions[i] for i in np.flatnonzero(codes == code)])
        for code in np.unique(codes)
    }


def conditioned_loss(scores: dict[int, TokenScores]) -> torch.Tensor:
    """Mean negative log-likelihood a token in nats, over the answers of all codes; every token weighs the same."""
    tokens = sum(int(each.mask_NT.sum()) for each in scores.values())
    return -torch.stack([each.logprobs_NT.sum() for each in scores.values()]).sum() / tokens


def require_controls(policy: Policy, needed: int) -> None:
    """Raises InputError for a policy with fewer control codes than a method needs."""
    if policy.controls < needed:
        raise InputError(f"the policy knows {policy.controls} control codes; this method needs {needed}; make the policy with more")


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A trained copy of `policy`, seen under the good code. Raises InputError without untied preferences or without two codes."""
    require_controls(policy, 2)
    preferences = feedback.dataset()
    pairs = [(each.chosen, each.rejected) for each in preferences]
    good = [chosen for chosen, _ in pairs if chosen is not None]
    bad = [rejected for _, rejected in pairs if rejected is not None]
    require_some(good, "untied preferences", f"{len(pairs)} labels were bought and all of them are ties")
    answers = good + bad
    codes = np.array([GOOD] * len(good) + [BAD] * len(bad))
    learner = policy.copy()
    probe = Probe(policy, [each.prompt for each in answers], rng, log)
    probe(0, learner)

    def loss(rows: np.ndarray) -> torch.Tensor:
        return conditioned_loss(coded_scores(learner, [answers[i] for i in rows], codes[rows]))

    def after(step: int, steps: int, loss: float) -> None:
        if probe.due(step, steps):
            probe(step, learner.with_control(GOOD), loss=loss)

    minimise(learner.parameters(), len(answers), loss, config, rng, after)
    return learner.with_control(GOOD)
