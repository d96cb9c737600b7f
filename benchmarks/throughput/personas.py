"""What it saves to put the person last: one pair judged by a whole population, the person after the pair and before it.

    python -m pasture.benchmarks.throughput.personas --model smollm2-135m --pairs 300 --also-first 30

Both orders judge the same pairs by the same personas; an order's engine is asked in its own best order (sorted by prefix), so the
peer is not handicapped. Tokens are the engine's own counts: computed = asked - found in its prefix cache. The pairs are made of the
text world's answers, joined to a length that real answers have, unless a file is given."""

import json
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import typer

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


def main(
    model: str = "smollm2-135m",
    load_format: str = "auto",
    pairs: str = "300",
    also_first: int = 30,
    personas: int = 13,
    style: str = "summary",
    words: int = 250,
    store: Path | None = None,
) -> None:
    """model: a checkpoint folder, a hub id, or smollm2-135m. load_format: dummy for random weights, where only a config is at hand.
    pairs: how many to make, or a file of pairs. also_first: of them, how many are judged in both orders for the ratio; 0 for none.
    style: summary or full. words: of an answer that is made. store: keeps replies, so that a killed run goes on."""
    shown = _make_pairs(int(pairs), words) if pairs.isdecimal() else read_pairs(pairs)
    options = {"personas": personas, "style": style}
    result: dict[str, Any] = {"model": model, **options}
    both = shown[:also_first]
    if both:
        for order, first in (("person_last", False), ("person_first", True)):
            # An engine of its own, so that one order finds nothing in its cache that the other has left.
            engine = VllmEngine(model, load_format=load_format)
            result[order] = _measure(both, engine, persona_first=first, **options)
            engine.close()
        result["computed_token_ratio"] = result["person_first"]["computed_tokens"] / result["person_last"]["computed_tokens"]
        result["wall_clock_ratio"] = result["person_first"]["seconds"] / result["person_last"]["seconds"]
    if len(shown) > len(both):
        engine = VllmEngine(model, load_format=load_format)
        with closing(Store(store)) if store else nullcontext() as kept:
            result["all_pairs"] = _measure(shown, engine, kept, **options)
        engine.close()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    typer.run(main)
