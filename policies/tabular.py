"""A policy over a finite table of answers: the exact world's stand-in for a language model, one token an answer.

Every quantity is closed-form, so that a method's error is the method's own. Log-linear (theta . features on top of the
reference's logits) or free (one logit for each prompt and answer); both in float64. _P prompts of the table, _M answers to
each, _D features, _B rows of a call, _K control codes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import Parameter

from ..core.errors import InputError
from ..core.protocols import Policy, TokenScores
from ..core.records import Completion, Prompt
from .response_table import PolicyFacts, ResponseTable, TableFacts, fitting, load_tabular, save_tabular

CONTROLS = 8  # control codes that a policy knows by default


class TabularPolicy:
    """softmax over answers of reference + features . (theta + delta_code), or of reference + table + table_code."""

    def __init__(self, table: ResponseTable, *, log_linear: bool = True, controls: int = CONTROLS) -> None:
        shape = table.features_PMD.shape[2:] if log_linear else table.reference_logits_PM.shape
        self.table = table
        self.log_linear = log_linear
        self.theta = Parameter(torch.zeros(shape, dtype=torch.float64))
        self.deltas = Parameter(torch.zeros((controls, *shape), dtype=torch.float64))
        self.code: int | None = None

    @property
    def controls(self) -> int:
        return len(self.deltas)

    def parameters(self) -> Iterable[Parameter]:
        return (self.theta, self.deltas)

    def logprobs(self, rows_B: np.ndarray) -> torch.Tensor:
        """Log-probabilities in nats of all answers to the prompts of these rows, [B, M]; differentiable."""
        rows = torch.from_numpy(rows_B)
        weights = self.theta if self.code is None else self.theta + self.deltas[self.code]
        added_BM = self.table.features_PMD.index_select(0, rows) @ weights if self.log_linear else weights.index_select(0, rows)
        return torch.log_softmax(self.table.reference_logits_PM.index_select(0, rows) + added_BM, dim=1)

    def probabilities(self, prompts: Sequence[Prompt]) -> torch.Tensor:
        """Probability of every answer to each prompt, [B, M]; differentiable."""
        return self.logprobs(self.table.rows_of(prompts)).exp()

    def sample(
        self, prompts: Sequence[Prompt], n: int, rng: np.random.Generator, temperature: float = 1.0
    ) -> list[list[Completion]]:
        """n answers to each prompt. A prompt's answers depend on the state of `rng` and the prompt's place in the table, and
        not on which prompts stand beside it; a prompt given twice is drawn for again."""
        if not temperature >= 0.0:
            raise InputError(f"the temperature is {temperature}; it is 0 (the likeliest answer) or more")
        rows_B = self.table.rows_of(prompts)
        unique_U, place_B = np.unique(rows_B, return_inverse=True)
        with torch.no_grad():
            logs_UM = self.logprobs(unique_U).numpy()
        if temperature == 0.0:
            answers_BN = np.repeat(logs_UM.argmax(1)[place_B, None], n, axis=1)
        else:
            uniforms_BN = _uniforms(rng, rows_B, len(unique_U) < len(rows_B), len(self.table.prompts), n)
            answers_BN = _inverse_cdf(logs_UM / temperature, place_B, uniforms_BN)
        make = self.table.completion
        return [[make(row, answer) for answer in row_N] for row, row_N in zip(rows_B.tolist(), answers_BN.tolist(), strict=True)]

    def token_scores(self, completions: Sequence[Completion]) -> TokenScores:
        answers_B = torch.from_numpy(self.table.answers_of(completions))
        rows_U, place_B = np.unique(self.table.rows_of(each.prompt for each in completions), return_inverse=True)
        logs_UM = self.logprobs(rows_U)
        place = torch.from_numpy(place_B)
        entropies_U = -(logs_UM.exp() * logs_UM).sum(1)
        mask_N1 = torch.ones((len(completions), 1), dtype=torch.bool)
        return TokenScores(logs_UM[place, answers_B][:, None], entropies_U[place][:, None], mask_N1)

    def kl(self, reference: Policy, completions: Sequence[Completion]) -> float:
        """Exact KL(self || reference) in nats, mean over the distinct prompts of `completions`."""
        if not isinstance(reference, TabularPolicy):
            what = f"the KL of a tabular policy from a {type(reference).__name__} is unknown"
            raise InputError(f"{what}; compare two tabular policies")
        if not completions:
            raise InputError("no completions to take a KL over; give at least one, it says which prompts are meant")
        prompts = list({each.prompt.id: each.prompt for each in completions}.values())
        with torch.no_grad():
            own_BM = self.logprobs(self.table.rows_of(prompts))
            other_BM = reference.logprobs(reference.table.rows_of(prompts))
        return float((own_BM.exp() * (own_BM - other_BM)).sum(1).mean())

    def with_control(self, code: int | None) -> TabularPolicy:
        if code is not None and not 0 <= code < self.controls:
            raise InputError(f"there is no control code {code}; this policy has 0 to {self.controls - 1}, or None")
        view = copy.copy(self)
        view.code = code
        return view

    def copy(self) -> TabularPolicy:
        twin = copy.copy(self)
        twin.theta, twin.deltas = _twin(self.theta), _twin(self.deltas)
        return twin

    def value_model(self, rng: np.random.Generator) -> TabularValueModel:
        """Linear in the features, starting at zero everywhere: nothing is drawn from `rng`."""
        return TabularValueModel(self.table)

    def save(self, folder: Path) -> None:
        """Writes the parameters with the whole table, so that `load` needs no world. Raises InputError for parameters that are not
        finite, and where the folder cannot be written."""
        parameters = {"theta": self.theta, "deltas": self.deltas}
        save_tabular(folder, "policy", self.table, parameters, code=self.code, log_linear=self.log_linear)

    @staticmethod
    def load(folder: Path) -> TabularPolicy:
        """What `save` wrote. Raises InputError for files that are missing, broken, or not finite."""
        table, about, (theta, deltas) = load_tabular(folder, "policy", PolicyFacts, ("theta", "deltas"))
        policy = TabularPolicy(table, log_linear=about.log_linear, controls=len(deltas) if deltas.ndim else 0)
        policy.theta, policy.deltas = fitting(folder, theta, policy.theta), fitting(folder, deltas, policy.deltas)
        return policy.with_control(about.code)


class TabularValueModel:
    """Two states: before the answer, linear in the prompt's mean features under the reference; after it, in the answer's.

    The first is a critic's baseline, and generalises to prompts that were not trained on; the second is a reward model's
    score, without an intercept, because preferences cannot identify one."""

    def __init__(self, table: ResponseTable) -> None:
        self.table = table
        weights_PM1 = torch.softmax(table.reference_logits_PM, dim=1)[:, :, None]
        mean_PD = (weights_PM1 * table.features_PMD).sum(1)
        self.prompt_features = torch.cat([mean_PD, torch.ones((len(mean_PD), 1), dtype=torch.float64)], dim=1)
        self.before = Parameter(torch.zeros(self.prompt_features.shape[1], dtype=torch.float64))
        self.after = Parameter(torch.zeros(table.features_PMD.shape[2], dtype=torch.float64))

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        rows_B = self.table.rows_of(each.prompt for each in completions)
        values_N2 = torch.stack([self.prompt_features[rows_B] @ self.before, self.scores(completions)], dim=1)
        return values_N2, torch.ones_like(values_N2, dtype=torch.bool)

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        rows_B, answers_B = self.table.rows_of(each.prompt for each in completions), self.table.answers_of(completions)
        return self.table.features_PMD[rows_B, answers_B] @ self.after

    def parameters(self) -> Iterable[Parameter]:
        return (self.before, self.after)

    def copy(self) -> TabularValueModel:
        twin = copy.copy(self)
        twin.before, twin.after = _twin(self.before), _twin(self.after)
        return twin

    def save(self, folder: Path) -> None:
        """Writes the parameters with the whole table. Raises InputError as `TabularPolicy.save` does."""
        save_tabular(folder, "value_model", self.table, {"before": self.before, "after": self.after})

    @staticmethod
    def load(folder: Path) -> TabularValueModel:
        """What `save` wrote. Raises InputError for files that are missing, broken, or not finite."""
        table, _, (before, after) = load_tabular(folder, "value_model", TableFacts, ("before", "after"))
        model = TabularValueModel(table)
        model.before, model.after = fitting(folder, before, model.before), fitting(folder, after, model.after)
        return model


def _uniforms(rng: np.random.Generator, rows_B: np.ndarray, repeats: bool, table_size: int, n: int) -> np.ndarray:
    """n uniforms in [0, 1) a row, [B, N], from one draw for the whole table, so that a row's do not depend on the other rows."""
    if not repeats:
        return rng.random((table_size, n))[rows_B]
    seen: dict[int, int] = {}
    occurrence_B = np.empty(len(rows_B), dtype=np.int64)
    for place, row in enumerate(rows_B.tolist()):
        occurrence_B[place] = seen[row] = seen.get(row, -1) + 1
    return rng.random((occurrence_B.max() + 1, table_size, n))[occurrence_B, rows_B]


def _inverse_cdf(logits_UM: np.ndarray, place_B: np.ndarray, uniforms_BN: np.ndarray) -> np.ndarray:
    """Answers [B, N] by inverting each row's cumulative distribution."""
    weights_UM = np.exp(logits_UM - logits_UM.max(1, keepdims=True))
    cdf_UM = weights_UM.cumsum(1)
    cdf_UM /= cdf_UM[:, -1:]
    # one search for all rows: row b's cumulative distribution occupies (b, b + 1] of one rising line
    line = (cdf_UM + np.arange(len(cdf_UM))[:, None]).ravel()
    found_BN = np.searchsorted(line, uniforms_BN + place_B[:, None], side="right")
    return np.minimum(found_BN - place_B[:, None] * cdf_UM.shape[1], cdf_UM.shape[1] - 1)


def _twin(parameter: Parameter) -> Parameter:
    return Parameter(parameter.detach().clone())
