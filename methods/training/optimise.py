"""Minimising a loss, and logging how it goes: AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), warm-up and decay, clipped
gradients, minibatches.

Departs from the usual loop: an epoch is split into minibatches of nearly equal size, so that no remainder is dropped and no
straggler of one item takes a whole step; a step of which anything is not finite ends the run with an error."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ...core.errors import InputError
from ...core.protocols import Policy, TrainingLog, ValueModel
from ...core.records import Completion, Prompt
from ...core.seeds import rng_for
from .config import Training

POINTS = 6  # lines of a run's log, after the one for the start
PROMPTS = 16  # prompts that are answered for one line


def learning_rate_factor(step: int, steps: int, schedule: str, warmup: float) -> float:
    """Multiplier in (0, 1] of the peak rate at `step` (0-based) of `steps`; the first step after warm-up has 1."""
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(1, steps - rising)
    if schedule == "constant":
        return 1.0
    return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


class Stepper:
    """Takes the optimiser steps of one run: `steps` are planned, so that the schedule knows where it ends."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], training: Training, steps: int) -> None:
        self.parameters = [each for each in parameters if each.requires_grad]
        half = next((each.dtype for each in self.parameters if each.dtype in (torch.bfloat16, torch.float16)), None)
        if half:
            what = f"the weights to be trained are {str(half).removeprefix('torch.')}, in which most updates are rounded away;"
            raise InputError(f"{what} train a float32 copy of them (the `copy` of a language-model policy is one) or LoRA adapters")
        self.training, self.steps, self.taken = training, steps, 0
        rate, eps, decay = training.learning_rate, training.adam_eps, training.weight_decay
        self.adamw = torch.optim.AdamW(self.parameters, lr=rate, eps=eps, weight_decay=decay)

    def step(self, loss: torch.Tensor) -> float:
        """One step down the gradient of `loss`; returns its value. Raises InputError where the loss, the gradient's norm or a
        weight after the step is not finite."""
        value = float(loss.detach())
        self._require(math.isfinite(value), f"the loss is {value}")
        training = self.training
        rate = training.learning_rate * learning_rate_factor(self.taken, self.steps, training.schedule, training.warmup)
        for group in self.adamw.param_groups:
            group["lr"] = rate
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, training.max_grad_norm))
        self._require(math.isfinite(norm), f"the gradient's norm is {norm}")
        self.adamw.step()
        self._require(all(bool(each.isfinite().all()) for each in self.parameters), "a weight is NaN or infinite after the step")
        self.taken += 1
        return value

    def _require(self, is_finite: bool, otherwise: str) -> None:
        if not is_finite:
            what = f"{otherwise} at step {self.taken}, counted from 0; training diverged"
            raise InputError(f"{what}: lower learning_rate, or look for texts or starting weights that give no finite numbers")


def minibatches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The indices 0..n-1 in random order, in ceil(n / size) parts whose sizes differ by at most one."""
    yield from np.array_split(rng.permutation(n), batches_in(n, size))


def batches_in(n: int, size: int) -> int:
    """Minibatches of at most `size` in an epoch over n items."""
    return math.ceil(n / size)


def minimise(
    parameters: Iterable[torch.nn.Parameter],
    n: int,
    loss: Callable[[np.ndarray], torch.Tensor],
    training: Training,
    rng: np.random.Generator,
    after: Callable[[int, int, float], None] | None = None,
) -> None:
    """Minimises the mean of `loss(indices)` over n items. `after(step, steps, loss)` is called with 1-based steps."""
    steps = training.epochs * batches_in(n, training.batch_size)
    stepper = Stepper(parameters, training, steps)
    for _ in range(training.epochs):
        for rows in minibatches(n, training.batch_size, rng):
            value = stepper.step(loss(rows))
            if after:
                after(stepper.taken, steps, value)


def require_some(items: Sequence[Any], what: str, way_out: str) -> None:
    """Raises InputError where there is nothing to learn from."""
    if not items:
        raise InputError(f"there are no {what} to learn from; expected at least one; {way_out}")


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
