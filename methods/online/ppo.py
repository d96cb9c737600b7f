"""Proximal policy optimisation against a reward model (Schulman et al. 2017, arXiv:1707.06347; for language models Ziegler et al.
2019, arXiv:1909.08593, and Ouyang et al. 2022, arXiv:2203.02155).

Departs from the papers: critic and policy share no weights, and the critic starts from the reward model; advantages are whitened
over all tokens of a rollout, and padding enters no mean, loss or advantage; rewards are not whitened. Where the reward model is a
log-ratio, the critic's value before the first token is 0 for every prompt, so that no prompt has a baseline of its own. Defaults
are AlpacaFarm's (arXiv:2305.14387) for a 7B model, except that the KL term is the log-ratio itself, where AlpacaFarm clips it at 0
for each token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from ...core.protocols import FeedbackSource, Policy, TrainingLog, ValueModel
from ...core.records import Completion, Prompt
from ..rewards.reward_model import Rewarded, rewarded_start
from ..training.config import ABOVE_0, AT_LEAST_0, AT_LEAST_1, Limit, Training
from ..training.optimise import Stepper, batches_in, minibatches


@dataclass(frozen=True)
class Config(Rewarded, Training):
    """AlpacaFarm's recipe: rollouts of 512 answers, two epochs on each in batches of 256 at 1e-5, KL weight .0067."""

    learning_rate: float = 1e-5
    epochs: int = 2
    """Passes over each rollout, at least 1."""
    batch_size: int = 256
    schedule: str = "linear"
    adam_eps: float = 1e-5
    rollouts: int = 40
    """Times that answers are drawn and learned from, at least 1; AlpacaFarm's best policies come at 20 to 80."""
    rollout_size: int = 512
    """Answers per rollout, one per prompt, at least 1; prompts are taken in random order and repeat when all were used."""
    kl_coef: float = 0.0067
    """Weight of the log-ratio to the reference in each token's reward, at least 0."""
    kl_target: float = 0.0
    """Nats per answer that an adaptive controller steers the KL to; 0 keeps `kl_coef` fixed."""
    kl_gain: float = 0.1
    """Largest relative change of `kl_coef` per rollout under the adaptive controller is a fifth of this, in (0, 1]."""
    gamma: float = 1.0
    """Discount per token, in (0, 1]."""
    lam: float = 1.0
    """Decay of generalised advantage estimation, in [0, 1]."""
    clip: float = 0.2
    """How far the probability ratio may leave 1 with profit, > 0."""
    value_clip: float = 0.2
    """How far a value may leave its rollout's value with profit, > 0."""
    value_coef: float = 0.1
    """Weight of the critic's loss, > 0."""

    limits: ClassVar = {
        **dict.fromkeys(("rollouts", "rollout_size"), AT_LEAST_1),
        **dict.fromkeys(("clip", "value_clip", "value_coef"), ABOVE_0),
        **dict.fromkeys(("kl_coef", "kl_target"), AT_LEAST_0),
        **dict.fromkeys(("kl_gain", "gamma"), Limit("in (0, 1]", lambda value: 0 < value <= 1)),
        "lam": Limit("in [0, 1]", lambda value: 0 <= value <= 1),
    }


def masked_mean(values_NT: torch.Tensor, mask_NT: torch.Tensor) -> torch.Tensor:
    """Mean over the tokens, scalar; padding counts nowhere."""
    return (values_NT * mask_NT).sum() / mask_NT.sum()


def whiten(values_NT: torch.Tensor, mask_NT: torch.Tensor) -> torch.Tensor:
    """Shifted and scaled to mean 0 and variance 1 over the tokens; 0 on padding. Values that are all equal become 0."""
    centred_NT = (values_NT - masked_mean(values_NT, mask_NT)) * mask_NT
    return centred_NT / masked_mean(centred_NT**2, mask_NT).sqrt().clamp_min(1e-8)


def token_rewards(
    scores_N: torch.Tensor, logprobs_NT: torch.Tensor, ref_logprobs_NT: torch.Tensor, mask_NT: torch.Tensor, kl_coef: float
) -> torch.Tensor:
    """Reward of each token, [N, T]: -kl_coef (log pi - log pi_ref), and the answer's score at its last token; 0 on padding."""
    rewards_NT = -kl_coef * (logprobs_NT - ref_logprobs_NT) * mask_NT
    last_N = mask_NT.sum(dim=1) - 1
    rewards_NT[torch.arange(len(scores_N)), last_N] += scores_N
    return rewards_NT


def gae(
    rewards_NT: torch.Tensor, values_NT: torch.Tensor, mask_NT: torch.Tensor, gamma: float, lam: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(advantages, returns), [N, T] each and 0 on padding (Schulman et al. 2016, arXiv:1506.02438, eq. 16).

    values_NT: the critic's value before each token. The state after an answer's last token is terminal and worth 0."""
    mask = mask_NT.to(values_NT.dtype)
    next_value_N, next_advantage_N = torch.zeros_like(values_NT[:, 0]), torch.zeros_like(values_NT[:, 0])
    columns = []
    for t in reversed(range(values_NT.shape[1])):
        delta_N = rewards_NT[:, t] + gamma * next_value_N - values_NT[:, t]
        next_advantage_N = (delta_N + gamma * lam * next_advantage_N) * mask[:, t]
        next_value_N = values_NT[:, t] * mask[:, t]
        columns.append(next_advantage_N)
    advantages_NT = torch.stack(columns[::-1], dim=1)
    return advantages_NT, (advantages_NT + values_NT) * mask


def policy_loss(
    logprobs_NT: torch.Tensor, old_logprobs_NT: torch.Tensor, advantages_NT: torch.Tensor, mask_NT: torch.Tensor, clip: float
) -> torch.Tensor:
    """The clipped surrogate (arXiv:1707.06347, eq. 7), negated, mean over tokens, scalar."""
    ratio_NT = torch.exp((logprobs_NT - old_logprobs_NT) * mask_NT)
    surrogate_NT = torch.minimum(ratio_NT * advantages_NT, ratio_NT.clamp(1 - clip, 1 + clip) * advantages_NT)
    return -masked_mean(surrogate_NT, mask_NT)


def value_loss(
    values_NT: torch.Tensor, old_values_NT: torch.Tensor, returns_NT: torch.Tensor, mask_NT: torch.Tensor, clip: float
) -> torch.Tensor:
    """Half the squared error, the larger of the value's and of the value's held within `clip` of the old one; mean over tokens."""
    held_NT = old_values_NT + (values_NT - old_values_NT).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.maximum((values_NT - returns_NT) ** 2, (held_NT - returns_NT) ** 2), mask_NT)


def next_kl_coef(kl_coef: float, kl: float, target: float, gain: float) -> float:
    """The proportional controller of arXiv:1909.08593, eq. in section 2.2: kl_coef (1 + gain clip(kl / target - 1, -.2, .2))."""
    return kl_coef * (1 + gain * float(np.clip(kl / target - 1, -0.2, 0.2)))


class Rollout(NamedTuple):
    """Answers and what was known of them when they were drawn; padding is 0."""

    completions: list[Completion]
    logprobs_NT: torch.Tensor
    values_NT: torch.Tensor
    advantages_NT: torch.Tensor
    returns_NT: torch.Tensor
    kl: float
    """Mean log-ratio to the reference, in nats per answer."""


def roll_out(
    learner: Policy,
    reference: Policy,
    reward: ValueModel,
    critic: ValueModel,
    completions: list[Completion],
    config: Config,
    kl_coef: float,
) -> Rollout:
    """Scores fresh samples of `learner`."""
    with torch.no_grad():
        logprobs_NT, _, mask_NT = learner.token_scores(completions)
        ref_logprobs_NT = reference.token_scores(completions).logprobs_NT
        values_NT = critic.state_values(completions)[0][:, :-1]
        rewards_NT = token_rewards(reward.scores(completions), logprobs_NT, ref_logprobs_NT, mask_NT, kl_coef)
        advantages_NT, returns_NT = gae(rewards_NT, values_NT, mask_NT, config.gamma, config.lam)
        kl = float((logprobs_NT - ref_logprobs_NT).sum() / len(completions))
        return Rollout(completions, logprobs_NT, values_NT, whiten(advantages_NT, mask_NT), returns_NT, kl)


def rollout_loss(learner: Policy, critic: ValueModel, rollout: Rollout, rows: np.ndarray, config: Config) -> torch.Tensor:
    """Policy loss plus weighted critic loss on some of a rollout's answers, scalar."""
    completions = [rollout.completions[i] for i in rows]
    logprobs_NT, _, mask_NT = learner.token_scores(completions)
    values_NT = critic.state_values(completions)[0][:, :-1]
    longest = mask_NT.shape[1]  # of these rows: the rollout is padded to its longest answer
    old_logprobs_NT, old_values_NT, advantages_NT, returns_NT = (each[rows, :longest] for each in rollout[1:5])
    surrogate = policy_loss(logprobs_NT, old_logprobs_NT, advantages_NT, mask_NT, config.clip)
    return surrogate + config.value_coef * value_loss(values_NT, old_values_NT, returns_NT, mask_NT, config.value_clip)


def prompt_stream(prompts: Sequence[Prompt], rng: np.random.Generator) -> Iterator[Prompt]:
    """The prompts in random order, again and again."""
    while True:
        yield from (prompts[i] for i in rng.permutation(len(prompts)))


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> Policy:
    """A copy of `policy`, trained on its own answers to `feedback.prompts` against a reward model of `feedback.dataset()`."""
    prompts, reward, learner, probe = rewarded_start(policy, feedback, config, rng, log)
    critic = reward.copy()
    stream = prompt_stream(prompts, rng)
    steps = config.rollouts * config.epochs * batches_in(config.rollout_size, config.batch_size)
    stepper = Stepper([*learner.parameters(), *critic.parameters()], config, steps)
    kl_coef = config.kl_coef
    for round_ in range(1, config.rollouts + 1):
        asked = [next(stream) for _ in range(config.rollout_size)]
        completions = [row[0] for row in learner.sample(asked, 1, rng)]
        rollout = roll_out(learner, policy, reward, critic, completions, config, kl_coef)
        for _ in range(config.epochs):
            for rows in minibatches(config.rollout_size, config.batch_size, rng):
                stepper.step(rollout_loss(learner, critic, rollout, rows, config))
        if config.kl_target:
            kl_coef = next_kl_coef(kl_coef, rollout.kl, config.kl_target, config.kl_gain)
        if probe.due(round_, config.rollouts):
            probe(round_, learner, kl_coef=kl_coef)
    return learner
