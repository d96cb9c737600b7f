"""Whether a router finds where a cheap annotator is wrong, and what that is worth to a reward model: HyPER's check, in the text
world.

The cheap annotator is wrong wherever a prompt asks for a formal answer; it costs 1, the expensive one 10. Both are users of the
world who choose with noise. All mixtures are trained on for the same price, which for the expensive source alone is fewer labels.
The reward model is linear in the world's features."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...annotators.make import FunctionAnnotator
from ...annotators.runner import annotate
from ...annotators.scripted.pairs import BradleyTerry
from ...annotators.systems.hyper_routing.router import HyperRouting, Router, fit_router
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Comparison, Item, Preference
from ...core.results import Measure
from ...core.seeds import rng_for
from ...policies.closed_form import fit_bradley_terry
from ...simulators.text.world import TextWorld
from .claim import Check, Claim, check_seeds, over_seeds, share_over_seeds

CHEAP, EXPENSIVE = 1.0, 10.0  # prices of a label
NOISE = 1.5  # temperature in nats of both annotators' choices
SOURCES = ("routed", "random", "cheap alone", "expensive alone")
GAIN = "routed, less another"
ROUTING = {
    "slice": "pairs on which the cheap annotator is wrong",
    "sent": "pairs for the expensive annotator",
    "of the slice sent": "the same of the slice",
    "explained": "variance of the candidate splits that the router explains",
}


def wrong_where_formal(inner: BradleyTerry) -> Annotator:
    """Inverts `inner` where the prompt asks for a formal answer."""

    async def inverted(item: Item, ask: Ask, rng: np.random.Generator) -> Preference:
        said = await inner.annotate(item, ask, rng)
        return replace(said, p_left=1.0 - said.p_left) if asks_to_be_formal(said.comparison) else said

    return FunctionAnnotator(inverted, "wrong-where-formal")


def asks_to_be_formal(pair: Comparison) -> bool:
    """Whether the instruction of the text world asks for the formal tone."""
    return "Be formal" in pair.prompt.text


def make_pairs(world: TextWorld, split: str, seed: int) -> list[Comparison]:
    """One pair a prompt, of two answers of different quality."""
    made: list[Comparison] = []
    for prompt in world.prompts(split):
        rng = rng_for(seed, "hyper-routing pairs", prompt.id)
        left, right = (world.answer(prompt, float(rng.uniform(0.1, 0.9)), rng) for _ in range(2))
        if left.text != right.text:
            made.append(Comparison(left, right))
    return made


def differences(world: TextWorld, pairs: Sequence[Comparison]) -> np.ndarray:
    """[N, A]: features of the left answer less those of the right."""
    return world.features([each.left for each in pairs]) - world.features([each.right for each in pairs])


def scorer(world: TextWorld, pairs: Sequence[Comparison], dev: Sequence[Comparison]) -> Callable[[Sequence[Any]], float]:
    """The accuracy on `dev`, by gold, of a reward model that is trained on labels of some of `pairs`."""
    rows = {pair.key: row for row, pair in enumerate(pairs)}
    x_NA, dev_x_NA = differences(world, pairs), differences(world, dev)
    gold_N = np.array([world.advantage(each) for each in dev])

    def score(labels: Sequence[Preference | Abstention]) -> float:
        said = [each for each in labels if isinstance(each, Preference)]
        here = [rows[each.comparison.key] for each in said]
        weights_A = fit_bradley_terry(x_NA[here], np.array([each.p_left for each in said]), ridge=1.0 / len(said))
        return float(((dev_x_NA @ weights_A > 0) == (gold_N > 0))[gold_N != 0].mean())

    return score


def run(seeds: int = 5, budget: float = 0.3, splits: int = 300, size: int = 400, out: str = "") -> list[Measure]:
    """Accuracy by source at one price, and what is sent.

    budget: the share of pairs for the expensive annotator. splits: candidate splits that the prediction model is fitted on.
    size: prompts. out: where the first seed's router goes, for `router = "router.json"` in a TOML."""
    check_seeds(seeds)
    runs = [one_seed(seed, budget, splits, size) for seed in range(seeds)]
    if out:
        runs[0][1].save(Path(out))
    by_S = {name: [found[name] for found, _ in runs] for name in runs[0][0]}
    others = [name for name in SOURCES if name != "routed"]
    gains = {name: [a - b for a, b in zip(by_S["routed"], by_S[name], strict=True)] for name in others}
    means = "of a reward model on held-out pairs, at one price"
    return [
        *(Measure("accuracy", name, share_over_seeds(by_S[name]), "share", means) for name in SOURCES),
        *(Measure(GAIN, name, over_seeds(each), "difference", "paired by seed") for name, each in gains.items()),
        *(Measure("routing", name, share_over_seeds(by_S[name]), "share", words) for name, words in ROUTING.items()),
    ]


def one_seed(seed: int, budget: float, splits: int, size: int) -> tuple[dict[str, float], Router]:
    """Accuracies by source at equal cost, the share of the slice that is sent, and the router, which is fitted on other pairs."""
    world = TextWorld(seed, preference=2 * size, eval=size, unlabeled=size)
    both, test, dev = (make_pairs(world, split, seed) for split in ("preference", "eval", "unlabeled"))
    fitted_on, pairs = both[: len(both) // 2], both[len(both) // 2 :]
    expensive = BradleyTerry(world, temperature=NOISE)
    cheap = wrong_where_formal(BradleyTerry(world, temperature=NOISE, name="cheap"))
    labels = [annotate(fitted_on, each, seed=seed).results for each in (cheap, expensive)]
    router = fit_router(fitted_on, labels[0], labels[1], scorer(world, fitted_on, dev), splits, seed)  # pyright: ignore[reportArgumentType]

    score = scorer(world, pairs, test)
    cost = len(pairs) * ((1 - budget) * CHEAP + budget * EXPENSIVE)
    routed = HyperRouting([cheap, expensive], router, budget)
    sent = [routed.is_sent(each, rng_for(seed)) for each in pairs]
    slice_sent = [each for each, pair in zip(sent, pairs, strict=True) if asks_to_be_formal(pair)]
    found = {
        "routed": score(annotate(pairs, routed, seed=seed).preferences),
        "random": score(annotate(pairs, HyperRouting([cheap, expensive], None, budget), seed=seed).preferences),
        "cheap alone": score(annotate(pairs, cheap, seed=seed).preferences),
        "expensive alone": score(annotate(pairs[: int(cost / EXPENSIVE)], expensive, seed=seed).preferences),
        "slice": len(slice_sent) / len(pairs),
        "sent": float(np.mean(sent)),
        "of the slice sent": float(np.mean(slice_sent)),
        "explained": router.explained,
    }
    return found, router


CLAIM = Claim(run, (Check(GAIN, "random"),))
