"""Quark: learn one's own samples under codes of their reward's quantile, answer under the best (Lu et al. 2022, arXiv:2205.13636).

Departs from the paper: the reward is a Bradley-Terry model of the preferences; the KL penalty is half the squared log-ratio of the
sampled tokens, where the paper sums over the vocabulary. On the policy's own samples its gradient is, state by state with the
states held fixed, that of the KL; answers of the pool were sampled behind other codes and by earlier weights. No entropy bonus;
ties of the reward share the better quantile that they touch; optimiser and schedule start afresh in each iteration. `best_only`
is not quite AlpacaFarm's variant (arXiv:2305.14387), which puts no code before the best quantile, sums the KL over the vocabulary,
adds an entropy term, and has one optimiser and schedule for the whole run."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ...core.protocols import FeedbackSource, Policy, TrainingLog
from ...core.records import Completion
from ..imitation.reward_conditioning import coded_scores, conditioned_loss, require_controls
from ..rewards.reward_model import Rewarded, rewarded_start, score_all
from ..training.config import AT_LEAST_0, AT_LEAST_1, Limit, Training
from ..training.optimise import minimise

BEST = 0


@dataclass(frozen=True)
class Config(Rewarded, Training):
    """The paper's recipe: five quantiles, the pool kept, 1e-5, a KL weight of .05."""

    learning_rate: float = 1e-5
    epochs: int = 1
    """Passes over the pool in each iteration, at least 1."""
    iterations: int = 10
    """Times that answers are drawn, sorted into quantiles and learned from, at least 1."""
    samples: int = 1
    """Answers drawn to each prompt in each iteration, at least 1."""
    quantiles: int = 5
    """Parts of equal size into which the pool is sorted by reward, at least 2; each has a control code, the best one code 0."""
    best_only: bool = False
    """Whether only the best quantile is learned (as AlpacaFarm does, but see the departures) and not all."""
    keep_pool: bool = True
    """Whether the answers of earlier iterations stay in the pool."""
    kl_coef: float = 0.05
    """Weight of the penalty for leaving the reference, at least 0."""

    limits: ClassVar = {
        **dict.fromkeys(("iterations", "samples"), AT_LEAST_1),
        "quantiles": Limit("at least 2", lambda value: value >= 2),
        "kl_coef": AT_LEAST_0,
    }


def quantile_codes(scores_N: np.ndarray, quantiles: int) -> np.ndarray:
    """Code of each score, [N], 0 the best: an answer with b better ones among N is in part floor(b * quantiles / N)."""
    better_N = len(scores_N) - np.searchsorted(np.sort(scores_N), scores_N, side="right")
    return better_N * quantiles // len(scores_N)


def kl_penalty(logprobs_NT: torch.Tensor, ref_logprobs_NT: torch.Tensor, mask_NT: torch.Tensor) -> torch.Tensor:
    """Sum over tokens of half the squared log-ratio, scalar. On own samples its gradient is, with the states held fixed, that of
    KL(pi || ref) at each of them."""
    return 0.5 * ((logprobs_NT - ref_logprobs_NT) ** 2 * mask_NT).sum()


def quark_loss(
    learner: Policy, reference: Policy, completions: list[Completion], codes: np.ndarray, kl_coef: float
) -> torch.Tensor:
    """Negative log-likelihood under the codes plus the weighted penalty, both per token, in nats, scalar."""
    scores = coded_scores(learner, completions, codes)
    penalties, tokens = [], 0
    for code, each in scores.items():
        with torch.no_grad():
            ref_logprobs_NT = reference.token_scores([completions[i] for i in np.flatnonzero(codes == code)]).logprobs_NT
        penalties.append(kl_penalty(each.logprobs_NT, ref_logprobs_NT, each.mask_NT))
        tokens += int(each.mask_NT.sum())
    return conditioned_loss(scores) + kl_coef * torch.stack(penalties).sum() / tokens


def learn(
    learner: Policy, reference: Policy, completions: list[Completion], codes: np.ndarray, config: Config, rng: np.random.Generator
) -> None:
    """Trains `learner` in place on answers under their codes."""

    def loss(rows: np.ndarray) -> torch.Tensor:
        return quark_loss(learner, reference, [completions[i] for i in rows], codes[rows], config.kl_coef)

    minimise(learner.parameters(), len(completions), loss, config, rng)


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A trained copy of `policy`, seen under the best quantile's code. Raises InputError where codes are fewer than quantiles."""
    require_controls(policy, config.quantiles)
    prompts, reward, learner, probe = rewarded_start(policy, feedback, config, rng, log)
    pool: list[Completion] = []
    pool_scores = np.empty(0)
    for iteration in range(1, config.iterations + 1):
        actor = policy if iteration == 1 else learner.with_control(BEST)
        fresh = [each for row in actor.sample(prompts, config.samples, rng) for each in row]
        fresh_scores = score_all(reward, fresh).double().numpy()
        pool = pool + fresh if config.keep_pool else fresh
        pool_scores = np.concatenate([pool_scores, fresh_scores]) if config.keep_pool else fresh_scores
        codes = quantile_codes(pool_scores, config.quantiles)
        kept = np.flatnonzero(codes == BEST) if config.best_only else np.arange(len(pool))
        learn(learner, policy, [pool[i] for i in kept], codes[kept], config, rng)
        if probe.due(iteration, config.iterations):
            probe(iteration, learner.with_control(BEST))
    return learner.with_control(BEST)
