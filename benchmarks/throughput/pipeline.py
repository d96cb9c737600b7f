"""How fast the house around a model is: pairs a second through the scripted engine, cold, and a re-run from the store.

    python -m pasture.benchmarks.throughput.pipeline

AlpacaEval 0.6.6, the peer, took 0.79 s cold and 12.8 s cached for 805 pairs with an annotator that asks no model. Here each
pair's request is rendered, hashed, answered by a hash, committed to SQLite and read into a preference. Start-up is apart. On
a shared machine read the CPU figure: it is what one core does when nobody else wants it."""

import gc
import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from ...annotators import make_annotator
from ...annotators.runner import annotate
from ...core.records import Comparison, Completion, Prompt
from ...core.seeds import rng_for
from ...core.store import Store
from ...engines import make_engine

ALPACAEVAL = {"pairs": 805, "cold_seconds": 0.79, "cached_seconds": 12.8}
WORDS = ("an", "answer", "of", "ordinary", "words", "that", "says", "what", "was", "asked", "and", "then", "some", "more")


def _make_pairs(count: int) -> list[Comparison]:
    """Pairs of about AlpacaEval's size: instructions of 30 words, answers of 60 to 120."""
    rng = rng_for(0, "pipeline")
    pairs: list[Comparison] = []
    for number in range(count):
        prompt = Prompt(f"{number}: " + " ".join(rng.choice(WORDS, 30)))
        left, right = (" ".join(rng.choice(WORDS, int(rng.integers(60, 120)))) for _ in range(2))
        pairs.append(Comparison(Completion(prompt, left), Completion(prompt, right)))
    return pairs


def _measure(count: int, repeats: int) -> dict[str, float]:
    """Best of `repeats`: pairs a second by wall clock and by CPU of a cold run, and seconds of a cached run of 805."""
    pairs, judge = _make_pairs(count), make_annotator("judge")
    annotate(pairs[:10], judge, engine=make_engine("scripted"))  # imports and first calls are start-up
    wall, cpu, cached = [], [], []
    for _ in range(repeats):
        gc.collect()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.sqlite"
            started, worked = time.perf_counter(), time.process_time()
            with Store(path) as store:
                cold = annotate(pairs, judge, engine=make_engine("scripted"), store=store)
            wall.append(time.perf_counter() - started)
            cpu.append(time.process_time() - worked)
            started = time.perf_counter()
            with Store(path) as store:
                again = annotate(pairs[: ALPACAEVAL["pairs"]], judge, engine=make_engine("scripted"), store=store)
            cached.append(time.perf_counter() - started)
        assert cold.usage.requests == count
        assert again.usage.requests == 0
    return {
        "cold_pairs_a_second": count / min(wall),
        "cold_pairs_a_cpu_second": count / min(cpu),
        "cached_805_seconds": min(cached),
        "cold_805_seconds": ALPACAEVAL["pairs"] * min(wall) / count,
    }


def main(pairs: int = 20_000, repeats: int = 3, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """pairs: of the cold run, at least 805. repeats: runs, of which the best counts."""
    if pairs < ALPACAEVAL["pairs"] or repeats < 1:
        raise SystemExit("--pairs is at least 805 and --repeats at least 1")
    found = _measure(pairs, repeats)
    if as_json:
        print(json.dumps(found | {"alpacaeval": ALPACAEVAL}))
        return
    speed, by_cpu = found["cold_pairs_a_second"], found["cold_pairs_a_cpu_second"]
    print(f"cold, {pairs} pairs: {speed:,.0f} pairs/s; {by_cpu:,.0f} a CPU second")
    print(f"{'805 pairs':<12}{'Pasture':>10}{'AlpacaEval 0.6.6':>20}")
    print(f"{'cold':<12}{found['cold_805_seconds']:>9.3f}s{ALPACAEVAL['cold_seconds']:>19.2f}s")
    print(f"{'cached':<12}{found['cached_805_seconds']:>9.3f}s{ALPACAEVAL['cached_seconds']:>19.1f}s")


if __name__ == "__main__":
    typer.run(main)
