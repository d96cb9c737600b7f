"""A policy over a finite table of answers: the exact world's stand-in for a language model, one token an answer.

Every quantity is closed-form, so that a method's error is the method's own. Log-linear (theta . features on top of the
reference's logits) or free (one logit for each prompt and answer); both in float64. _P prompts of the table, _M answers to
each, _D features, _B rows of a call, _K control codes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch.nn import Parameter

from ..core.errors import InputError
from ..core.protocols import Policy, TokenScores
from ..core.records import Completion, Message, Prompt
from .responses import response_index, response_text

CONTROLS = 8
"""Control codes that a policy knows by default."""


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTable:
    """All prompts, and the M answers to each: shared by a policy and its copies, never changed."""

    prompts: tuple[Prompt, ...]
    reference_logits_PM: torch.Tensor
    features_PMD: torch.Tensor
    rows: dict[str, int] = field(init=False)
    made: dict[tuple[int, int], Completion] = field(init=False, default_factory=dict)
    """Completions by (row, answer), each made once."""

    def __post_init__(self) -> None:
        shape = (len(self.prompts), self.reference_logits_PM.shape[1])
        if self.reference_logits_PM.shape != shape or self.features_PMD.shape[:2] != shape:
            raise InputError(
                f"{len(self.prompts)} prompts, reference logits {tuple(self.reference_logits_PM.shape)} and features "
                f"{tuple(self.features_PMD.shape)} are no table; expected P prompts, [P, M] and [P, M, D]"
            )
        object.__setattr__(self, "rows", {prompt.id: row for row, prompt in enumerate(self.prompts)})
        if len(self.rows) != len(self.prompts):
            raise InputError("a prompt stands twice in the response table; give each id once")

    @staticmethod
    def of(prompts: Sequence[Prompt], reference_logits_PM: np.ndarray, features_PMD: np.ndarray) -> ResponseTable:
        """The table of these arrays, in float64 and not copied."""
        arrays = (np.asarray(each, dtype=np.float64) for each in (reference_logits_PM, features_PMD))
        return ResponseTable(tuple(prompts), *(torch.from_numpy(each) for each in arrays))

    def rows_of(self, prompts: Iterable[Prompt]) -> np.ndarray:
        """Row of each prompt, [B]. A prompt that is not in the table is an InputError."""
        try:
            return np.array([self.rows[prompt.id] for prompt in prompts], dtype=np.int64)
        except KeyError as error:
            raise InputError(
                f"the prompt {error.args[0]!r} is not in this policy's table of {len(self.prompts)} prompts; a tabular policy "
                "answers only the prompts of its own world"
            ) from None

    def answers_of(self, completions: Sequence[Completion]) -> np.ndarray:
        """Index of each answer, [B]: its one token, or read from its text where it has none."""
        answers_B = np.array([response_index(each) for each in completions], dtype=np.int64)
        known = self.reference_logits_PM.shape[1]
        if answers_B.size and not (answers_B.min() >= 0 and answers_B.max() < known):
            wrong = next(int(each) for each in answers_B if not 0 <= each < known)
            raise InputError(f"there is no answer {wrong}; this table has {known} answers a prompt, counted from 0")
        return answers_B

    def completion(self, row: int, answer: int) -> Completion:
        found = self.made.get((row, answer))
        if found is None:
            found = self.made[row, answer] = Completion(self.prompts[row], response_text(answer), (answer,))
        return found


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
        not on which prompts stand beside it; a prompt given twice is drawn for anew."""
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
            raise InputError(
                f"the KL of a tabular policy from a {type(reference).__name__} is unknown; compare two tabular policies"
            )
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
        """Writes the parameters with the whole table, so that `load` needs no world."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {"code": self.code, "log_linear": self.log_linear, "prompts": [_plain(each) for each in self.table.prompts]}
        (folder / "policy.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        _write(folder / "policy.npz", self.table, theta=self.theta, deltas=self.deltas)

    @staticmethod
    def load(folder: Path) -> TabularPolicy:
        about, arrays = _read(folder, "policy")
        policy = TabularPolicy(_table(about, arrays), log_linear=about["log_linear"])
        policy.theta, policy.deltas = Parameter(arrays["theta"]), Parameter(arrays["deltas"])
        return policy.with_control(about["code"])


class TabularValueModel:
    """Two states: before the answer, linear in the prompt's mean features under the reference; after it, in the answer's.

    The first is a critic's baseline, and generalises to prompts that were not trained on; the second is a reward model's
    score, without an intercept, because preferences cannot identify one.
    """

    def __init__(self, table: ResponseTable) -> None:
        self.table = table
        weights_PM1 = torch.softmax(table.reference_logits_PM, dim=1)[:, :, None]
        mean_PD = (weights_PM1 * table.features_PMD).sum(1)
        self.prompt_features = torch.cat([mean_PD, torch.ones((len(mean_PD), 1), dtype=torch.float64)], dim=1)
        self.before = Parameter(torch.zeros(self.prompt_features.shape[1], dtype=torch.float64))
        self.after = Parameter(torch.zeros(table.features_PMD.shape[2], dtype=torch.float64))

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        rows_B = torch.from_numpy(self.table.rows_of(each.prompt for each in completions))
        values_N2 = torch.stack([self.prompt_features[rows_B] @ self.before, self.scores(completions)], dim=1)
        return values_N2, torch.ones_like(values_N2, dtype=torch.bool)

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        rows_B = torch.from_numpy(self.table.rows_of(each.prompt for each in completions))
        return self.table.features_PMD[rows_B, torch.from_numpy(self.table.answers_of(completions))] @ self.after

    def parameters(self) -> Iterable[Parameter]:
        return (self.before, self.after)

    def copy(self) -> TabularValueModel:
        twin = copy.copy(self)
        twin.before, twin.after = _twin(self.before), _twin(self.after)
        return twin

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        about = {"prompts": [_plain(each) for each in self.table.prompts]}
        (folder / "value_model.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        _write(folder / "value_model.npz", self.table, before=self.before, after=self.after)

    @staticmethod
    def load(folder: Path) -> TabularValueModel:
        about, arrays = _read(folder, "value_model")
        model = TabularValueModel(_table(about, arrays))
        model.before, model.after = Parameter(arrays["before"]), Parameter(arrays["after"])
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


def _plain(prompt: Prompt) -> dict[str, object]:
    return {"id": prompt.id, "text": prompt.text, "history": [[turn.role, turn.content] for turn in prompt.history]}


def _write(path: Path, table: ResponseTable, **parameters: Parameter) -> None:
    arrays = {name: each.detach().numpy() for name, each in parameters.items()}
    arrays |= {"reference_logits": table.reference_logits_PM.numpy(), "features": table.features_PMD.numpy()}
    np.savez(path, allow_pickle=False, **arrays)


def _read(folder: Path, stem: str) -> tuple[dict, dict[str, torch.Tensor]]:
    for path in (folder / f"{stem}.json", folder / f"{stem}.npz"):
        if not path.is_file():
            raise InputError(f"no tabular {stem} at {str(folder)!r}: {path.name} is missing; give a folder that `save` wrote")
    about = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    with np.load(folder / f"{stem}.npz", allow_pickle=False) as stored:
        return about, {name: torch.from_numpy(stored[name]) for name in stored.files}


def _table(about: dict, arrays: dict[str, torch.Tensor]) -> ResponseTable:
    prompts = tuple(Prompt(p["text"], p["id"], tuple(Message(*turn) for turn in p["history"])) for p in about["prompts"])
    return ResponseTable(prompts, arrays["reference_logits"], arrays["features"])
