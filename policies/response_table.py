"""The finite table that tabular policies answer from: all prompts, and the features and reference logits of their answers.

_P prompts of the table, _M answers to each, _D features, _B rows of a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..core.errors import InputError
from ..core.records import Completion, Prompt
from .responses import response_index, response_text


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
                f"{tuple(self.features_PMD.shape)} are not a table; expected P prompts, [P, M] and [P, M, D]"
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
            raise InputError(f"there is no answer {wrong}; this table has {known} answers per prompt, counted from 0")
        return answers_B

    def completion(self, row: int, answer: int) -> Completion:
        found = self.made.get((row, answer))
        if found is None:
            found = self.made[row, answer] = Completion(self.prompts[row], response_text(answer), (answer,))
        return found
