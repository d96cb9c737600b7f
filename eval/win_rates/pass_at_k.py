"""pass@k: the probability that at least one of k answers to a prompt passes (Chen et al. 2021, arXiv:2107.03374).

Estimated without bias from n >= k answers, of which c pass: 1 - C(n-c, k) / C(n, k). "Any of the first k" is unbiased too but far
noisier, and 1 - (1 - c/n)^k is biased low."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from .win_rate import win_rate_from_scores


def pass_at_k(answers: int, passed: int, k: int) -> float:
    """Of one prompt, in [0, 1]. answers: n, at least k. passed: c, 0 to n. k: 1 or more."""
    if not 1 <= k <= answers:
        raise InputError(f"pass@{k} was asked of {answers} answers; k is 1 or more, and at most the answers there are")
    if not 0 <= passed <= answers:
        raise InputError(f"{passed} of {answers} answers are said to pass; that is 0 to {answers}")
    # C(n-c, k) / C(n, k) = product over i = n-c+1 .. n of (1 - k/i), which cannot overflow
    return float(1.0 - np.prod(1.0 - k / np.arange(answers - passed + 1, answers + 1)) if answers - passed >= k else 1.0)


def mean_pass_at_k(answers: Sequence[int], passed: Sequence[int], k: int, abstentions: int = 0) -> Estimate:
    """Mean over prompts, with an interval over them. Prompts with fewer than k answers have no estimate: they are left out, counted
    in `extra["too_few"]`, and `how` says so. abstentions: answers that got no verdict, and are not among `answers`."""
    if len(answers) != len(passed):
        raise InputError(f"there are {len(answers)} counts of answers and {len(passed)} of passes; give one of each a prompt")
    usable = [(n, c) for n, c in zip(answers, passed, strict=True) if n >= k]
    scores_P = np.array([pass_at_k(n, c, k) for n, c in usable])
    found = win_rate_from_scores(scores_P, np.arange(len(scores_P)), abstentions, unit="prompt")
    lost = len(answers) - len(usable)
    how = f"pass@{k}, unbiased; {found.how}" + (f"; {lost} prompts have fewer than {k} answers" if lost else "")
    return replace(found, how=how, extra={"too_few": float(lost)})
