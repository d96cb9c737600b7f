"""Does the judge prefer whatever it is shown first? (Zheng et al. 2023, arXiv:2306.05685, section 3.3; Wang et al. 2023,
arXiv:2305.17926.)

A verdict made of parts (both orders of a swap, the members of a jury) is taken apart: position is a matter of what was shown, and a
jury reads nothing, its members do. So each innermost part is one showing of a pair to one judge, and it is judges that are biased
or consistent: those of one name (and persona), within those of one name, as far as the outermost."""

import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ...core.records import Abstention, Estimate, Preference
from ...core.seeds import digest
from ..win_rates.win_rate import share_of, win_rate_from_scores


@dataclass(frozen=True, slots=True)
class MeasuredPositionBias:
    """`first`: share of showings in which the answer shown first won (ties half), 0.5 without bias; `n` counts showings, and
    `extra` has the "pairs" shown, the "judges" that saw them, and the "mean_probability" given to the first. `consistency`: how
    often a judge who saw a pair in both orders said the same in both; None where no judge saw one so."""

    first: Estimate
    consistency: Estimate | None


@dataclass(frozen=True, slots=True)
class Shown:
    """All that position bias is made of, in 24 bytes a showing (9 for two of one pair, 4 a verdict), so that it can be gathered of
    very much feedback. p_first_V: probability given to the answer shown first, in each showing. prompts, judges: 64 bits of their
    names' hash. showings_N: how many each verdict was made of. agreed_A: one truth value for two orders of a pair and judge."""

    p_first_V: np.ndarray
    prompts_V: np.ndarray
    judges_V: np.ndarray
    showings_N: np.ndarray
    agreed_A: np.ndarray
    prompts_A: np.ndarray
    abstained: int

    def __post_init__(self) -> None:
        for name, kind in ARRAYS.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))

    def as_lists(self) -> dict[str, Any]:
        """Its fields as JSON has them; `Shown(**lists)` is the same again."""
        return {each.name: np.asarray(getattr(self, each.name)).tolist() for each in fields(self)}


ARRAYS = {
    "p_first_V": np.float64,
    "prompts_V": np.int64,
    "judges_V": np.int64,
    "showings_N": np.int32,
    "agreed_A": np.bool_,
    "prompts_A": np.int64,
}


def shown_in(feedback: Iterable[Preference | Abstention]) -> Shown:
    """The verdicts of `feedback`, as they were shown."""
    p_first, prompts, judges, showings = array("d"), array("q"), array("q"), array("i")
    agreed, prompts_agreed, abstained = array("b"), array("q"), 0
    hashes: dict[tuple[str, ...], int] = {}
    for each in feedback:
        if isinstance(each, Abstention):
            abstained += 1
            continue
        prompt = _hashed(each.comparison.prompt.content)
        by_judge: dict[int, list[Preference]] = defaultdict(list)
        for names, part in _shown(each):
            if names not in hashes:
                hashes[names] = _hashed(*names)
            judge = hashes[names]
            by_judge[judge].append(part)
            judges.append(judge)
            p_first.append(part.p_left)
            prompts.append(prompt)
        showings.append(sum(map(len, by_judge.values())))
        for one, other in itertools.chain.from_iterable(itertools.combinations(parts, 2) for parts in by_judge.values()):
            same, crossed = one.comparison, other.comparison
            is_swap = same.left.text == crossed.right.text and same.right.text == crossed.left.text
            if is_swap and same.left.text != same.right.text:
                agreed.append(_score(one.p_left) + _score(other.p_left) == 1.0)
                prompts_agreed.append(prompt)
    return Shown(p_first, prompts, judges, showings, agreed, prompts_agreed, abstained)  # pyright: ignore[reportArgumentType]


def all_shown(several: Iterable[Shown]) -> Shown:
    """Those of several, one after another."""
    each = list(several)
    joined = {name: np.concatenate([getattr(one, name) for one in each]) for name in ARRAYS}
    return Shown(**joined, abstained=sum(one.abstained for one in each))


def position_bias(feedback: Iterable[Preference | Abstention] | Shown) -> MeasuredPositionBias:
    """Intervals are clustered by prompt. `first.how` says what was counted, and what it assumes where no judge saw both orders."""
    shown = feedback if isinstance(feedback, Shown) else shown_in(feedback)
    scores_V = np.where(shown.p_first_V == 0.5, 0.5, shown.p_first_V > 0.5)
    first = win_rate_from_scores(scores_V, shown.prompts_V, shown.abstained)
    if len(shown.p_first_V):
        mean = sum(map(float, shown.p_first_V)) / len(shown.p_first_V)
        pairs, judges = int((shown.showings_N > 0).sum()), len(np.unique(shown.judges_V))
        how = first.how
        if (shown.showings_N > 1).any() or judges > 1:
            how += f"; {len(shown.p_first_V)} showings of {pairs} pairs, to {judges} judge{'s' * (judges > 1)}"
        first = replace(first, how=how, extra={**first.extra, "mean_probability": mean, "pairs": pairs, "judges": judges})
    if not len(shown.agreed_A):
        caveat = "; no judge saw a pair in both orders, so this is bias only if that order was random"
        return MeasuredPositionBias(replace(first, how=first.how + caveat), None)
    return MeasuredPositionBias(first, share_of(shown.agreed_A.astype(float), shown.prompts_A, shown.abstained))


def _hashed(*names: str) -> int:
    return int.from_bytes(digest("shown", *names)[:8], "little", signed=True)


def _shown(preference: Preference, within: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Preference]]:
    """The verdicts that a verdict was made of, as shown, and whose: annotator and persona of it, of its part, and so on."""
    judge = (*within, preference.annotator, preference.persona)
    if not preference.parts:
        yield judge, preference
    for part in preference.parts:
        yield from _shown(part, judge)


def _score(p_left: float) -> float:
    return 0.5 if p_left == 0.5 else float(p_left > 0.5)
