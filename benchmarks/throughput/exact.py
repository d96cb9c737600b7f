"""The exact world's sweep: methods x 4 noise levels x 5 seeds: `python -m pasture.benchmarks.throughput.exact`."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ..ranking.method_ranking import rank
from ..ranking.suite import load_suite

FLIPS = (0.0, 0.1, 0.25, 0.4)
SEEDS = 5
BAR_SECONDS = 120


def main() -> None:
    suite = load_suite("exact", seeds=SEEDS)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for flip in FLIPS:
            result = rank(replace(suite, flip=flip), Path(folder) / f"{flip:g}")
            values = "  ".join(f"{each.method} {each.gold_value.value:.2f}" for each in result.methods)
            print(f"flip {flip:<4g} spearman {result.spearman.value:.3f}  {values}")
    cells = len(FLIPS) * SEEDS * len(suite.ranked)
    print(f"{cells} trainings and evaluations in {time.perf_counter() - started:.1f} s (the bar is {BAR_SECONDS} s)")


if __name__ == "__main__":
    main()
