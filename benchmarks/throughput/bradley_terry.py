"""Bradley-Terry with a bootstrap: 4,000 battles x 200 resamples, beside evalica's own bootstrap in one run:
`python -m pasture.benchmarks.throughput.bradley_terry`.

evalica draws battles one by one (percentile method; its default, BCa, takes minutes); ours draws prompts, which it cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import evalica
import numpy as np

from ...core.seeds import rng_for
from ...eval.rankings.battles import Battles, battles
from ...eval.rankings.bradley_terry import bradley_terry_ratings

BATTLES, RESAMPLES, PROMPTS, TIES = 4_000, 200, 805, 0.15
MODELS = (10, 20, 40)
BAR_SECONDS = 1.0


def made(models: int) -> Battles:
    """Battles with planted strengths and 15 % ties."""
    rng = rng_for(0, "throughput", "bradley-terry", models)
    strengths_M = rng.normal(size=models)
    left_N = rng.integers(models, size=BATTLES)
    right_N = (left_N + rng.integers(1, models, size=BATTLES)) % models
    won_N = rng.random(BATTLES) < 1 / (1 + np.exp(strengths_M[right_N] - strengths_M[left_N]))
    p_N = np.where(rng.random(BATTLES) < TIES, 0.5, won_N.astype(float))
    names = [f"model-{m}" for m in range(models)]
    return battles(
        [names[i] for i in left_N], [names[j] for j in right_N], p_N, rng.integers(PROMPTS, size=BATTLES).tolist(), names
    )


def evalicas(of: Battles) -> None:
    """Times evalica's bootstrap of the same battles."""
    outcome = {1.0: evalica.Winner.X, 0.5: evalica.Winner.Draw, 0.0: evalica.Winner.Y}
    evalica.bootstrap(
        evalica.bradley_terry,  # type: ignore[arg-type]
        of.left_N.tolist(),
        of.right_N.tolist(),
        [outcome[p] for p in of.p_left_N],
        n_resamples=RESAMPLES,
        bootstrap_method="percentile",
        random_state=0,
    )


def seconds(work: Callable[[], Any]) -> float:
    """The best of three."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def main() -> None:
    print(f"{BATTLES} battles, {RESAMPLES} resamples (the bar is {BAR_SECONDS:g} s)")
    for models in MODELS:
        of = made(models)
        ours, theirs = seconds(lambda of=of: bradley_terry_ratings(of, resamples=RESAMPLES)), seconds(lambda of=of: evalicas(of))
        print(f"{models:3d} models: ours {ours:.3f} s, evalica {theirs:.3f} s ({theirs / ours:.1f} times)")


if __name__ == "__main__":
    main()
