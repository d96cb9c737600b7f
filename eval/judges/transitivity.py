"""Does a judge that prefers a to b and b to c prefer a to c? (Kendall & Babington Smith 1940, doi:10.1093/biomet/31.3-4.324: the
share of circular triads.)

A judge that tosses coins is circular in a quarter of all triads, one with any utility in none. Departure: a triad with a tie or an
abstention in it is left out, and counted."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import InputError
from ...core.records import Comparison, Estimate
from ..win_rates.win_rate import share_of


def intransitivity(pairs: Sequence[Comparison], p_left_N: np.ndarray) -> Estimate:
    """Share of circular triads, in [0, 1], 0.25 for coins, clustered by prompt: over all triads of answers to one prompt of which
    each pair is among `pairs`. p_left_N: P(left is better), NaN without a verdict. A pair that stands there twice is averaged.
    Undefined where no prompt has three answers compared with one another."""
    p_left_N = np.asarray(p_left_N, dtype=float)
    if len(pairs) != len(p_left_N):
        raise InputError(f"there are {len(pairs)} pairs and {len(p_left_N)} verdicts; give one verdict per pair")
    said: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for pair, p in zip(pairs, p_left_N, strict=True):
        if pair.left.text != pair.right.text:
            first, second = sorted((pair.left.text, pair.right.text))
            said[pair.prompt.content][first, second].append(float(p if first == pair.left.text else 1 - p))
    circular, prompts, open_triads = [], [], 0
    for prompt, verdicts in said.items():
        p = {names: float(np.mean(each)) for names, each in verdicts.items()}
        for a, b, c in _triads(p):
            wins = [p[a, b], p[b, c], 1 - p[a, c]]  # a over b, b over c, c over a
            if any(np.isnan(each) or each == 0.5 for each in wins):
                open_triads += 1
                continue
            circular.append(float(len({each > 0.5 for each in wins}) == 1))
            prompts.append(prompt)
    found = share_of(circular, prompts, open_triads, "triad")
    why = "every triad has a tie or an abstention" if open_triads else "no prompt has three answers compared with one another"
    return found if found.value is not None else replace(found, how=f"undefined: {why}")


def _triads(p: dict[tuple[str, str], float]) -> list[tuple[str, str, str]]:
    """Three answers in sorted order, of which all pairs were judged."""
    later: dict[str, list[str]] = defaultdict(list)
    for first, second in sorted(p):
        later[first].append(second)
    return [(a, b, c) for a, others in later.items() for b, c in itertools.combinations(others, 2) if (b, c) in p]
