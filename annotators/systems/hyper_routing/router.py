"""Which annotator to ask under a budget: a router sends the pairs that gain most from it to an expensive annotator, the rest to a
cheap one.

HyPER (Miranda et al. 2024, arXiv:2410.19133; departures: docs/annotators/hyper-routing.md): a model is fitted that predicts a
reward model's score from *which* pairs were labelled by the expensive source, and pairs go there by their predicted gain, best
first, until the budget is used. As in the paper's linear form, the score is linear in how many of the routed pairs have each tag,
so that a pair's gain is the sum of the weights of its tags, which are the same for a pair and its swap. The candidate splits are
tilted towards random mixtures of tags, since uniform ones hardly differ in their tags."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from ....core.errors import InputError
from ....core.files.reading import read_text, reading
from ....core.files.writing import write_atomically
from ....core.protocols import Annotator, Ask, Rng
from ....core.records import Abstention, Comparison, Item, Preference
from ....core.seeds import digest, rng_for
from ....simulators.noise import has_list, words
from ...annotator import Traits, pair_of
from ...panels.panel import ask_member

TAGS: dict[str, str] = tomllib.loads(files(__package__ or "").joinpath("tags.toml").read_text(encoding="utf-8"))
"""Regular expressions, by name; `refuses` looks at the answers (either), the others at the prompt."""
NUMBERS = ("prompt words", "shorter answer", "longer answer", "difference of length", "word overlap", "trigram similarity")
BINS = 3
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in TAGS.items()}
NAMES = (*NUMBERS, *TAGS, "one has a list")


def features(pairs: Sequence[Comparison]) -> np.ndarray:
    """[N, F], in the order of NAMES: counts of words, shares in [0, 1], and 0 or 1 for a tag."""
    rows = []
    for pair in pairs:
        left, right = pair.left.text, pair.right.text
        short, long = sorted((words(pair.left), words(pair.right)))
        trigrams = [{text[k : k + 3] for k in range(len(text) - 2)} for text in (left, right)]
        numbers = [len(pair.prompt.text.split()), short, long, long - short]
        numbers += [_overlap(set(left.split()), set(right.split())), _overlap(*trigrams)]
        texts = {name: (left, right) if name == "refuses" else (pair.prompt.text,) for name in _PATTERNS}
        tagged = [any(map(pattern.search, texts[name])) for name, pattern in _PATTERNS.items()]
        rows.append([*numbers, *tagged, has_list(pair.left) != has_list(pair.right)])
    return np.array(rows, dtype=float).reshape(len(pairs), len(NAMES))


def _overlap(one: set[str], other: set[str]) -> float:
    """Jaccard; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one or other else 1.0


def edges(features_NF: np.ndarray) -> np.ndarray:
    """[F, BINS - 1]: where the bins of the numbers end, at equal shares of these pairs; a tag's bins are 0 and 1."""
    found = np.quantile(features_NF, np.arange(1, BINS) / BINS, axis=0).T
    found[len(NUMBERS) :] = 0.5
    return found


def tags(features_NF: np.ndarray, edges_FB: np.ndarray) -> np.ndarray:
    """[N, T] of 0 and 1: each number's bin, and each tag. T = BINS * numbers + tags."""
    count = len(NUMBERS)
    bin_NF = (features_NF[:, :count, None] > edges_FB[None, :count]).sum(axis=2)
    binned = (bin_NF[:, :, None] == np.arange(BINS)).reshape(len(features_NF), -1)
    return np.concatenate([binned, features_NF[:, count:] > 0.5], axis=1).astype(float)


def tag_names() -> list[str]:
    """Of the T columns of `tags`."""
    return [f"{name}: {size}" for name in NUMBERS for size in ("low", "middle", "high")] + list(NAMES[len(NUMBERS) :])


Score = Callable[[Sequence[Preference | Abstention]], float]
"""How good a reward model is that is trained on these labels: higher is better, in whatever unit."""
TILT = 2.0  # standard deviation of the log-odds that each tag adds to a candidate split
STRENGTHS = 10.0 ** np.arange(-6, 3)


@dataclass(frozen=True, slots=True)
class Router:
    """Predicted gain of asking the expensive annotator about a pair. `fit_router` makes it; `save` and `load` keep it as JSON.

    edges: [F][BINS - 1], see `edges`. weights: score gained a routed pair, by tag. gains: of the pairs that it was fitted on,
    ascending, from which a budget's threshold is read. explained: share of the candidate splits' variance that it explains."""

    edges: list[list[float]]
    weights: list[float]
    gains: list[float]
    explained: float

    def gain(self, pairs: Sequence[Comparison]) -> np.ndarray:
        """[N]; equal gains are put in the order of a hash, by less than a millionth of their spread."""
        tags_NT = tags(features(pairs), np.array(self.edges))
        # Summed exactly, so that a pair has one gain alone and among others, and stays on its side of the threshold.
        gains_N = np.array([math.fsum(row) for row in (tags_NT * np.array(self.weights)).tolist()])
        width = 1e-6 * max(float(np.abs(self.weights).max(initial=0.0)), 1e-12)
        return gains_N + width * np.array([int.from_bytes(digest("route", pair.key)[:4], "little") / 2**32 for pair in pairs])

    def threshold(self, budget: float, pairs: Sequence[Comparison] | None = None) -> float:
        """The gain from which on a pair is sent, so that a share `budget` of `pairs` is (None: of those it was fitted on)."""
        gains_N = np.sort(self.gain(pairs)) if pairs is not None else np.array(self.gains)
        count = round(budget * len(gains_N))
        return float(gains_N[len(gains_N) - count]) if count else float("inf")

    def strongest(self, count: int = 5) -> list[tuple[str, float]]:
        """The tags that speak most for the expensive annotator, with their weights."""
        return [(tag_names()[k], self.weights[k]) for k in np.argsort(self.weights)[::-1][:count]]

    def save(self, path: Path | str) -> None:
        write_atomically(Path(path), json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path | str) -> Router:
        """Raises InputError for a file that is not a router."""
        expected = "a router made with `fit_router(...).save(path)`, or by python -m pasture.benchmarks.claims.hyper_routing"
        with reading(path, expected):
            found = TypeAdapter(cls).validate_json(read_text(path, expected), strict=True, extra="forbid")
            if len(found.weights) != len(tag_names()):
                raise ValueError(f"{len(found.weights)} weights for {len(tag_names())} tags")
            return found


def fit_router(
    pairs: Sequence[Comparison],
    cheap: Sequence[Preference | Abstention],
    expensive: Sequence[Preference | Abstention],
    score: Score,
    splits: int = 200,
    seed: int = 0,
) -> Router:
    """Fits the performance-prediction model on pairs that both have labelled: `score` is called once a candidate split, with one
    label per pair. Raises InputError for sequences of different lengths and for fewer than two splits."""
    if not len(pairs) == len(cheap) == len(expensive) or not pairs or splits < 2:
        given = f"{len(pairs)} pairs, {len(cheap)} cheap and {len(expensive)} expensive labels, {splits} splits"
        raise InputError(f"{given}: expected one label of each a pair, and at least 2 splits")
    features_NF = features(pairs)
    edges_FB = edges(features_NF)
    tags_NT = tags(features_NF, edges_FB)
    counts_ST, scores_S = np.zeros((splits, tags_NT.shape[1])), np.zeros(splits)
    for split in range(splits):
        rng = rng_for(seed, "hyper-routing", split)
        logits_N = (tags_NT - tags_NT.mean(axis=0)) @ (TILT * rng.normal(size=tags_NT.shape[1])) + rng.normal()
        routed_N = rng.random(len(pairs)) < 1.0 / (1.0 + np.exp(-logits_N))
        counts_ST[split] = routed_N @ tags_NT
        labels = zip(expensive, cheap, routed_N, strict=True)
        scores_S[split] = score([rich if is_routed else poor for rich, poor, is_routed in labels])
    weights_T, explained = _ridge(counts_ST, scores_S)
    router = Router(edges_FB.tolist(), weights_T.tolist(), [], explained)
    return replace(router, gains=sorted(router.gain(pairs).tolist()))


def _ridge(x_ST: np.ndarray, y_S: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (of centred columns) of the strength that generalised cross-validation likes best, and the explained share."""
    x_ST, y_S = x_ST - x_ST.mean(axis=0), y_S - y_S.mean()
    u, s, vt = np.linalg.svd(x_ST, full_matrices=False)
    along = u.T @ y_S
    best, weights_T, explained = np.inf, np.zeros(x_ST.shape[1]), 0.0
    for strength in STRENGTHS * max(float(s[0]) ** 2, 1e-12):
        kept = s**2 / (s**2 + strength)
        left_S = y_S - u @ (kept * along)
        error = float(left_S @ left_S) / (len(y_S) - 1.0 - kept.sum()) ** 2 if len(y_S) > 1.0 + kept.sum() else np.inf
        if error < best:
            best, weights_T = error, vt.T @ (s / (s**2 + strength) * along)
            explained = 1.0 - float(left_S @ left_S) / max(float(y_S @ y_S), 1e-300)
    return weights_T, explained


class HyperRouting:
    """Asks the second of two `members`, the expensive one, about a share `budget` of the pairs, and the first about the rest;
    `persona` says which.

    router: a `Router` or the file of one; None sends pairs at random, which is what a router is to be compared with. budget: in
    [0, 1]. among: the items of the work: exactly that share of them is sent; without it, the share of pairs such as the router was
    fitted on. Where a pair is sent depends on the pair alone (at random: on the run's seed too)."""

    traits = Traits(symmetric=True)

    def __init__(
        self,
        members: Sequence[Annotator],
        router: Router | Path | str | None = None,
        budget: float = 0.2,
        among: Iterable[Item] | None = None,
        name: str = "",
    ) -> None:
        if len(members) != 2:
            raise InputError(f"a router has two members, the cheap one and the expensive one, and was given {len(members)}")
        if not isinstance(budget, int | float) or not 0.0 <= budget <= 1.0:
            raise InputError(f"the budget is {budget!r}; it is the share of pairs for the expensive member, in [0, 1]")
        if among is not None and router is None:
            raise InputError("`among` sets a router's threshold, and there is no `router`; give one, or leave both out")
        (self.cheap, self.expensive), self.budget = members, float(budget)
        self.router = router if router is None or isinstance(router, Router) else Router.load(router)
        self.name = name or f"hyper-routing({self.cheap.name}, {self.expensive.name}, {budget:g})"
        known = None if among is None else list({each.key: pair_of(each, self.name) for each in among}.values())
        self._threshold = 0.0 if self.router is None else self.router.threshold(self.budget, known)

    def is_sent(self, pair: Comparison, rng: Rng) -> bool:
        """Whether the expensive member is asked."""
        return bool(self.router.gain([pair])[0] >= self._threshold if self.router else rng.random() < self.budget)

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        member: Any = self.expensive if self.is_sent(pair, rng) else self.cheap
        return await ask_member(member, pair, ask, rng, self.name)
