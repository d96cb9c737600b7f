"""Does the judge prefer whatever it is shown first? (Zheng et al. 2023, arXiv:2306.05685, section 3.3; Wang et al. 2023,
arXiv:2305.17926.)

A verdict made of parts (both orders of a swap, the members of a jury) is taken apart: position is a matter of what was shown.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..core.records import Abstention, Estimate, Preference
from .win_rate import win_rate_from_scores


@dataclass(frozen=True, slots=True)
class PositionBias:
    """`first`: share of verdicts for the answer shown first (ties half), 0.5 without bias; `extra["mean_probability"]` is
    the mean probability given to it. `consistency`: share of pairs shown in both orders where both verdicts named the same
    answer, or both a tie; None where no pair was shown in both orders."""

    first: Estimate
    consistency: Estimate | None


def position_bias(feedback: Sequence[Preference | Abstention], level: float = 0.95) -> PositionBias:
    """Intervals are clustered by prompt. Where pairs were shown in one order only, `first.how` says what that assumes."""
    shown = [(part, each.comparison.prompt.id) for each in feedback if isinstance(each, Preference) for part in _shown(each)]
    prompts = [prompt for _, prompt in shown]
    abstained = sum(isinstance(each, Abstention) for each in feedback)
    first = win_rate_from_scores([_score(part.p_left) for part, _ in shown], prompts, abstained, level)
    agreements = [
        (agreed, each.comparison.prompt.id) for each in feedback if isinstance(each, Preference) for agreed in _agreements(each)
    ]
    if not agreements:
        caveat = "; each pair was shown in one order only, so this is bias only if that order was random"
        return PositionBias(_with_mean(replace(first, how=first.how + caveat), shown), None)
    consistency = win_rate_from_scores(
        [float(agreed) for agreed, _ in agreements], [prompt for _, prompt in agreements], abstained, level
    )
    return PositionBias(_with_mean(first, shown), replace(consistency, extra={}))


def _shown(preference: Preference) -> Iterator[Preference]:
    """The verdicts that a verdict was made of, each as it was shown."""
    if not preference.parts:
        yield preference
    for part in preference.parts:
        yield from _shown(part)


def _agreements(preference: Preference) -> Iterator[bool]:
    """One truth value for each two verdicts of one annotator about this pair in its two orders."""
    by_judge: dict[tuple[str, str], list[Preference]] = defaultdict(list)
    for part in _shown(preference):
        by_judge[part.annotator, part.persona].append(part)
    for parts in by_judge.values():
        for one, other in itertools.combinations(parts, 2):
            same, crossed = one.comparison, other.comparison
            is_swap = same.left.text == crossed.right.text and same.right.text == crossed.left.text
            if is_swap and same.left.text != same.right.text:
                yield _score(one.p_left) + _score(other.p_left) == 1.0


def _score(p_left: float) -> float:
    return 0.5 if p_left == 0.5 else float(p_left > 0.5)


def _with_mean(first: Estimate, shown: Sequence[tuple[Preference, str]]) -> Estimate:
    if not shown:
        return first
    return replace(first, extra={**first.extra, "mean_probability": sum(part.p_left for part, _ in shown) / len(shown)})
