"""A Bradley-Terry reward model of pairwise preferences (Stiennon et al. 2020, arXiv:2009.01325, section 3.4).

Departs from the paper: labels may be soft; scores are shifted to mean 0 on the training answers, not on reference summaries; the
defaults are AlpacaFarm's (arXiv:2305.14387), for a 7B model. In place of the linear head the score may be a log-ratio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.protocols import FeedbackSource, Policy, TrainingLog, ValueModel
from ...core.records import Completion, Preference, Prompt
from ...core.seeds import rng_for
from ..pairwise.loop import labels, pair_loss, scored_in_parts
from ..training.config import AT_LEAST_0, Checked, Limit, Training
from ..training.optimise import Probe, minimise, require_some

CENTRED_ON = 512  # training answers, at most, whose mean score is set to 0: a constant, which needs no pass over all of them


@dataclass(frozen=True)
class Config(Training):
    """AlpacaFarm's recipe: one epoch at 3e-6 in batches of 16 pairs, cosine decay after 3 % of warm-up."""

    learning_rate: float = 3e-6
    epochs: int = 1
    """Passes over the pairs; more than one or two over-fits a large model."""
    batch_size: int = 16
    log_ratio: float = 0.0
    """0 for the paper's linear head on the last state; above 0 the score is this times the log-ratio of a language model."""
    held_out: float = 0.1
    """Share of the distinct pairs kept from training to report accuracy and log-loss on, in [0, 1)."""

    limits: ClassVar = {"log_ratio": AT_LEAST_0, "held_out": Limit("a share in [0, 1)", lambda value: 0 <= value < 1)}


class LogRatio:
    """A value model: scale * (log pi - log pi_ref) of the tokens so far, in nats, 0 before the first (Rafailov et al. 2023,
    arXiv:2305.18290, eq. 5, less its constant). `policy` is trained.

    Any reward can be written so. It asks of a model what it already knows, how likely words are, where a linear head asks for a new
    summary of the whole answer; a small model learns it from far fewer labels. A prefix's value is the sum so far, which is the
    optimal value less its start's (Rafailov et al. 2024, arXiv:2404.12358): a critic of this form has no baseline for a prompt."""

    def __init__(self, policy: Policy, reference: Policy, scale: float) -> None:
        self.policy, self.reference, self.scale = policy, reference, scale

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        logprobs_NT, _, mask_NT = self.policy.token_scores(completions)
        with torch.no_grad():
            ref_logprobs_NT = self.reference.token_scores(completions).logprobs_NT
        gains_NT = self.scale * (logprobs_NT - ref_logprobs_NT).cumsum(dim=1) * mask_NT
        start_N1 = torch.zeros_like(gains_NT[:, :1])
        return torch.cat([start_N1, gains_NT], dim=1), torch.cat([torch.ones_like(mask_NT[:, :1]), mask_NT], dim=1)

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        own_N = self.policy.token_scores(completions).sequence_logprobs()
        with torch.no_grad():
            ref_N = self.reference.token_scores(completions).sequence_logprobs()
        return self.scale * (own_N - ref_N)

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return self.policy.parameters()

    def copy(self) -> LogRatio:
        return LogRatio(self.policy.copy(), self.reference, self.scale)

    def save(self, folder: Path) -> None:
        """Writes `policy/`, `reference/` and `scale.txt`."""
        self.policy.save(folder / "policy")
        self.reference.save(folder / "reference")
        write_atomically(folder / "scale.txt", f"{self.scale!r}\n")


class RewardModel:
    """A value model whose scores have mean 0 on (a sample of) the answers it was trained on.

    accuracy, nll: on the held-out pairs, ties left out of the accuracy; None where nothing was held out."""

    def __init__(self, model: ValueModel, mean: float, accuracy: float | None = None, nll: float | None = None) -> None:
        self.model, self.mean, self.accuracy, self.nll = model, mean, accuracy, nll

    @property
    def fit(self) -> dict[str, float]:
        """What is known of its quality, named for a log."""
        found = {"reward_model_accuracy": self.accuracy, "reward_model_nll": self.nll}
        return {name: value for name, value in found.items() if value is not None}

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        values, mask = self.model.state_values(completions)
        return (values - self.mean) * mask, mask

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        return self.model.scores(completions) - self.mean

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return self.model.parameters()

    def copy(self) -> RewardModel:
        return RewardModel(self.model.copy(), self.mean, self.accuracy, self.nll)

    def save(self, folder: Path) -> None:
        """Writes the value model, and `mean.txt`, which is to be subtracted from its scores."""
        self.model.save(folder)
        write_atomically(folder / "mean.txt", f"{self.mean!r}\n")


def score_all(model: ValueModel, completions: Sequence[Completion]) -> torch.Tensor:
    """Scores without gradients, [N], a bounded number of completions at a time."""
    return scored_in_parts(model.scores, completions)


def pair_margins(model: ValueModel, preferences: Sequence[Preference]) -> torch.Tensor:
    """Score of the left answer minus the right's, [N], differentiable."""
    pairs = [each.comparison for each in preferences]
    left, right = model.scores([each.left for each in pairs] + [each.right for each in pairs]).chunk(2)
    return left - right


def split_pairs(
    preferences: Sequence[Preference], share: float, rng: np.random.Generator
) -> tuple[list[Preference], list[Preference]]:
    """(training, held out): whole pairs, so that no comparison is on both sides. Nothing is held out of very few pairs."""
    keys = sorted({each.comparison.key for each in preferences})
    held = {keys[i] for i in rng.permutation(len(keys))[: int(share * len(keys))]}
    training = [each for each in preferences if each.comparison.key not in held]
    return training, [each for each in preferences if each.comparison.key in held]


def held_out_fit(model: ValueModel, preferences: Sequence[Preference]) -> tuple[float | None, float | None]:
    """(accuracy over untied labels, mean log-loss in nats); None where there is nothing to count. Equal scores count half."""
    if not preferences:
        return None, None
    pairs = [each.comparison for each in preferences]
    left_N, right_N = score_all(model, [each.left for each in pairs] + [each.right for each in pairs]).chunk(2)
    margin_N = left_N - right_N
    p_left_N = labels(preferences, margin_N)
    nll = float(pair_loss(margin_N, p_left_N).mean())
    right_side_N = 0.5 + 0.5 * torch.sign(margin_N) * torch.sign(p_left_N - 0.5)
    untied = right_side_N[p_left_N != 0.5]
    return (float(untied.mean()) if len(untied) else None), nll


def fit_reward_model(
    policy: Policy, preferences: Sequence[Preference], config: Config, rng: np.random.Generator, log: TrainingLog | None = None
) -> RewardModel:
    """A reward model of `policy`'s architecture, started from its weights, fitted to `preferences`.

    Logs (where there is a `log`) the training loss and the mean score of some training answers before centring. Raises
    InputError where there are no preferences."""
    require_some(preferences, "preferences", "buy labels, or look at why all of them are abstentions")
    training, held = split_pairs(preferences, config.held_out, rng)
    if config.log_ratio:
        model = LogRatio(policy.copy(), policy, config.log_ratio)
    else:
        model = policy.value_model(rng_for(int(rng.integers(2**31)), "value model"))
    answers = [side for each in training for side in (each.comparison.left, each.comparison.right)]
    sample = [answers[i] for i in rng.permutation(len(answers))[:CENTRED_ON]]

    def loss(rows: np.ndarray) -> torch.Tensor:
        batch = [training[i] for i in rows]
        margin_N = pair_margins(model, batch)
        return pair_loss(margin_N, labels(batch, margin_N)).mean()

    def after(step: int, steps: int, loss: float) -> None:
        if log is None or not Probe.due(step, steps):
            return
        accuracy, nll = held_out_fit(model, held)
        fit = RewardModel(model, 0.0, accuracy, nll).fit
        log(step, reward=float(score_all(model, sample).mean()), kl=None, length=None, entropy=None, loss=loss, **fit)

    minimise(model.parameters(), len(training), loss, config, rng, after)
    return RewardModel(model, float(score_all(model, sample).mean()), *held_out_fit(model, held))


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> RewardModel:
    """The reward model itself, not a policy: a `ValueModel` fitted to `feedback.dataset()`."""
    return fit_reward_model(policy, feedback.dataset(), config, rng, log)


@dataclass(frozen=True)
class Rewarded(Checked):
    """The setting of every method that fits a reward model first."""

    reward_model: Config = field(default_factory=Config)
    """How the reward model is fitted: a table of its own fields."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given, known = self.reward_model, [each.name for each in fields(Config)]
        if isinstance(given, Mapping):  # as a TOML has it
            for name in given:
                if name not in known:
                    raise InputError(f"no field is called {name!r} here; known: {', '.join(known)}")
            object.__setattr__(self, "reward_model", Config(**given))
        elif not isinstance(given, Config):
            raise InputError(f"reward_model is {given!r}; it must be a table of the fields {', '.join(known)}")


def rewarded_start(
    policy: Policy, feedback: FeedbackSource, config: Rewarded, rng: np.random.Generator, log: TrainingLog
) -> tuple[list[Prompt], RewardModel, Policy, Probe]:
    """The unlabelled prompts, a reward model of `feedback.dataset()`, a copy of `policy` to train, and a probe that has logged it.
    Raises InputError where there are no prompts or no preferences."""
    prompts = list(feedback.prompts)
    require_some(prompts, "unlabelled prompts", "give the feedback source prompts to answer")
    reward = fit_reward_model(policy, feedback.dataset(), config.reward_model, rng)
    learner, probe = policy.copy(), Probe(policy, prompts, rng, log, reward)
    probe(0, learner, **reward.fit)
    return prompts, reward, learner, probe
