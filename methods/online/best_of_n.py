"""Best-of-n: draw n answers and keep the reward model's favourite (Stiennon et al. 2020, arXiv:2009.01325).

Departs from the paper: n is AlpacaFarm's 16 (arXiv:2305.14387). No weight is changed, only what is kept of the samples; where the
policy's answers can be enumerated, the distribution that results is closed-form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch

from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.protocols import FeedbackSource, Policy, TokenScores, TrainingLog, ValueModel
from ...core.records import Completion, Prompt
from ...policies import closed_form
from ..rewards.reward_model import Rewarded, fit_reward_model, score_all
from ..training.config import AT_LEAST_1
from ..training.optimise import Probe, length_and_entropy


@dataclass(frozen=True)
class Config(Rewarded):
    """AlpacaFarm's n, and its recipe for the reward model."""

    n: int = 16
    """Answers drawn for each one kept, at least 1."""

    limits: ClassVar = {"n": AT_LEAST_1}


@runtime_checkable
class FinitePolicy(Protocol):
    """A policy with M answers to every prompt, of which answer m is the completion whose only token is m; [P, M] probabilities."""

    def probabilities(self, prompts: Sequence[Prompt]) -> torch.Tensor: ...


class BestOfN:
    """Answers with the reward model's favourite of n draws from `base`, whose weights it shares; of tied favourites the first."""

    def __init__(self, base: Policy, reward: ValueModel, n: int) -> None:
        self.base, self.reward, self.n = base, reward, n
        self.controls = base.controls

    def sample(
        self, prompts: Sequence[Prompt], n: int, rng: np.random.Generator, temperature: float = 1.0
    ) -> list[list[Completion]]:
        rows = self.base.sample(prompts, n * self.n, rng, temperature)
        scores = score_all(self.reward, [each for row in rows for each in row]).reshape(len(prompts), n, self.n)
        best = scores.argmax(dim=2).tolist()
        return [[row[k * self.n + best[i][k]] for k in range(n)] for i, row in enumerate(rows)]

    def token_scores(self, completions: Sequence[Completion]) -> TokenScores:
        what = "best-of-n has no log-probabilities of tokens, because it chooses among whole answers"
        raise InputError(f"{what}; score its `base`, or distil it with the method expert-iteration")

    def kl(self, reference: Policy, completions: Sequence[Completion]) -> float:
        """An upper bound in nats per answer: log n - (n - 1) / n from the base, and from another reference the mean of
        log base - log reference over `completions` (samples of this policy) on top."""
        bound = closed_form.best_of_n_kl(self.n)
        if reference is self.base:
            return bound
        with torch.no_grad():
            own_N, other_N = (each.token_scores(completions).sequence_logprobs() for each in (self.base, reference))
        return bound + float((own_N - other_N).mean())

    def entropy(self, prompts: Sequence[Prompt]) -> float | None:
        """Mean entropy of its answers in nats; None where it is not known."""
        return None

    def with_control(self, code: int | None) -> BestOfN:
        return type(self)(self.base.with_control(code), self.reward, self.n)

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return self.base.parameters()

    def copy(self) -> BestOfN:
        return type(self)(self.base.copy(), self.reward.copy(), self.n)

    def value_model(self, rng: np.random.Generator) -> ValueModel:
        return self.base.value_model(rng)

    def save(self, folder: Path) -> None:
        """Writes `policy/`, `reward/` and `n.txt`."""
        self.base.save(folder / "policy")
        self.reward.save(folder / "reward")
        write_atomically(folder / "n.txt", f"{self.n}\n")


class FiniteBestOfN(BestOfN):
    """Best-of-n over a finite policy, whose probabilities, KL and entropy are closed-form."""

    def probabilities(self, prompts: Sequence[Prompt]) -> torch.Tensor:
        """Probability of each answer, [P, M]: C^n - (C - p)^n, with C the base's mass of answers that score no better and p that
        of answers that score the same, which share it in proportion to the base."""
        assert isinstance(self.base, FinitePolicy)
        base_PM = self.base.probabilities(prompts).detach()
        answers = [Completion(prompt, "", (m,)) for prompt in prompts for m in range(base_PM.shape[1])]
        scores_PM = score_all(self.reward, answers).reshape(base_PM.shape)
        return torch.from_numpy(closed_form.best_of_n(_array(base_PM), _array(scores_PM), self.n))

    def kl(self, reference: Policy, completions: Sequence[Completion]) -> float:
        """Exact KL from another finite policy in nats, mean over the distinct prompts of `completions`; else the upper bound."""
        if not isinstance(reference, FinitePolicy):
            return super().kl(reference, completions)
        prompts = list({each.prompt.id: each.prompt for each in completions}.values())
        own_PM, other_PM = (_array(each.probabilities(prompts)) for each in (self, reference))
        return float(closed_form.kl_divergence(own_PM, other_PM).mean())

    def entropy(self, prompts: Sequence[Prompt]) -> float | None:
        return float(torch.special.entr(self.probabilities(prompts)).sum(dim=1).mean())


def _array(values: torch.Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()


def train(policy: Policy, feedback: FeedbackSource, config: Config, *, rng: np.random.Generator, log: TrainingLog) -> BestOfN:
    """Fits a reward model to `feedback.dataset()`, and answers with its favourite of n draws from `policy`. Nothing else is
    trained. The log's first line is the policy as given, its second the favourite of n."""
    preferences = feedback.dataset()
    reward = fit_reward_model(policy, preferences, config.reward_model, rng)
    kind = FiniteBestOfN if isinstance(policy, FinitePolicy) else BestOfN
    chooser = kind(policy, reward, config.n)
    probe = Probe(policy, feedback.prompts or [each.comparison.prompt for each in preferences], rng, log, reward)
    probe(0, policy, **reward.fit)
    samples = [row[0] for row in chooser.sample(probe.prompts, 1, rng)]
    mean, kl = float(score_all(reward, samples).mean()), chooser.kl(policy, samples)
    length, entropy = length_and_entropy(policy, samples)["length"], chooser.entropy(probe.prompts)
    log(1, reward=mean, kl=kl, length=length, entropy=entropy, **reward.fit)
    return chooser
