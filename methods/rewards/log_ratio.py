"""A reward that is a language model's log-ratio to a reference (Rafailov et al. 2023, arXiv:2305.18290, eq. 5, less its constant).

Any reward can be written so. It asks of a model what it already knows, how likely words are, where a linear head asks for a new
summary of the whole answer; a small model learns it from far fewer labels. A prefix's value is the sum so far, which is the
optimal value less its start's (Rafailov et al. 2024, arXiv:2404.12358): before the first token it is 0 for every prompt, so that a
critic of this form has no baseline for a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ...core.files.writing import write_atomically
from ...core.protocols import Policy
from ...core.records import Completion


class LogRatio:
    """A value model: scale * (log pi - log pi_ref) of the tokens so far, in nats, 0 before the first. `policy` is trained."""

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
