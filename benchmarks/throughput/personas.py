"""What it saves to put the person last: one pair judged by a whole population, the person after the pair and before it.

    python -m pasture.benchmarks.throughput.personas --model smollm2-135m --pairs 300 --also-first 30

Both orders judge the same pairs by the same personas; an order's engine is asked in its own best order (sorted by prefix), so the
peer is not handicapped. Tokens are the engine's own counts: computed = asked - found in its prefix cache. The pairs are made of the
text world's answers, joined to a length that real answers have, unless a file is given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from ...annotators.runner import annotate
from ...annotators.systems.persona.judge import PersonaJudge
from ...core.files.preferences import read_pairs
from ...core.records import Comparison, Completion, Prompt
from ...core.seeds import rng_for
from ...core.store import Store
from ...engines.vllm_engine import VllmEngine
from ...simulators.text.world import TextWorld


def _make_pairs(count: int, words: int) -> list[Comparison]:
    """Pairs whose answers have about `words` words each, made of answers to several instructions of the text world."""
    world = TextWorld(0, preference=max(count, 1))
    pairs = []
    for number, prompt in enumerate(world.prompts("preference")[:count]):
        rng = rng_for(0, "persona throughput", number)
        asked = Prompt(f"Number {number}. {prompt.text}")
        pairs.append(Comparison(*(Completion(asked, _long(world, rng, words)) for _ in range(2))))
    return pairs


def _long(world: TextWorld, rng: Any, words: int) -> str:
    said: list[str] = []
    while sum(len(each.split()) for each in said) < words:
        prompt = world.prompts("preference")[int(rng.integers(len(world.prompts("preference"))))]
        said.append(world.answer(prompt, float(rng.random()), rng).text)
    return "\n".join(said)


def _measure(pairs: Sequence[Comparison], engine: VllmEngine, store: Store | None = None, **options: Any) -> dict[str, Any]:
    """Tokens and seconds of one run. The model is loaded before, and is not timed."""
    engine.start()
    before, started = engine.stats(), time.perf_counter()
    said = annotate(pairs, PersonaJudge(asks="all", **options), engine=engine, store=store)
    seconds, after = time.perf_counter() - started, engine.stats()
    asked, cached = after.logical - before.logical, after.cached - before.cached
    parts = [part for each in said.preferences for part in each.parts]
    return {
        "pairs": len(pairs),
        "requests": said.usage.requests,
        "verdicts": len(parts),
        "abstentions": sum(len(each.silent) for each in said.preferences) + len(said.abstentions),
        "prompt_tokens": asked,
        "computed_tokens": asked - cached,
        "seconds": round(seconds, 2),
        "computed_tokens_a_second": round((asked - cached) / seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="smollm2-135m", help="a checkpoint folder, a hub id, or smollm2-135m")
    parser.add_argument("--load-format", default="auto", help="dummy: random weights, where only a config is at hand")
    parser.add_argument("--pairs", default="300", help="how many to make, or a file of pairs")
    parser.add_argument(
        "--also-first", type=int, default=30, help="of them, how many are judged in both orders for the ratio; 0 for none"
    )
    parser.add_argument("--personas", type=int, default=13)
    parser.add_argument("--style", default="summary", choices=("summary", "full"))
    parser.add_argument("--words", type=int, default=250, help="words of an answer that is made")
    parser.add_argument(
        "--store", type=Path, default=None, help="keep replies here, so that a killed run goes on (of all the pairs)"
    )
    asked = parser.parse_args()
    pairs = _make_pairs(int(asked.pairs), asked.words) if asked.pairs.isdecimal() else read_pairs(asked.pairs)
    options = {"personas": asked.personas, "style": asked.style}
    result: dict[str, Any] = {"model": asked.model, **options}
    both = pairs[: asked.also_first]
    if both:
        for order, first in (("person_last", False), ("person_first", True)):
            # An engine of its own, so that one order finds nothing in its cache that the other has left.
            engine = VllmEngine(asked.model, load_format=asked.load_format)
            result[order] = _measure(both, engine, persona_first=first, **options)
            engine.close()
        result["computed_token_ratio"] = result["person_first"]["computed_tokens"] / result["person_last"]["computed_tokens"]
        result["wall_clock_ratio"] = result["person_first"]["seconds"] / result["person_last"]["seconds"]
    if len(pairs) > len(both):
        engine = VllmEngine(asked.model, load_format=asked.load_format)
        with closing(Store(asked.store)) if asked.store else nullcontext() as store:
            result["all_pairs"] = _measure(pairs, engine, store, **options)
        engine.close()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
