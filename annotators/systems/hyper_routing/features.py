"""What a router sees of a pair before anyone has judged it: a few numbers about the prompt and its two answers, and words that
mark a kind of question. The same for a pair and its swap.

After the lexical features and tags of HyPER (Miranda et al. 2024, arXiv:2410.19133). Departures: tags are found by words, where
the paper has a classifier's; similarity is of words and character trigrams, where it has embeddings'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ....core.records import Comparison
from ....simulators.noise import has_list, words

TAGS = {
    "asks for safety": r"\b(?:kill|weapon|bomb|drug|suicide|poison|hack|steal|illegal|dangerous|medical|doctor|legal advice)",
    "refuses": r"\b(?:i cannot|i can't|i can not|i'm sorry|i am sorry|unable to|as an ai|i won't)\b",
    "asks a question": r"\?",
    "asks for numbers": r"\d",
    "asks for code": r"```|\b(?:code|function|python|javascript|sql|script|program)\b",
    "asks for a list": r"\b(?:list|bullet|enumerate|steps?)\b",
    "asks for a length": r"\b(?:words?|sentences?|short|brief|long|at most|at least)\b",
    "asks to be formal": r"\b(?:formal(?:ly)?|polite(?:ly)?|professional(?:ly)?)\b",
    "asks to be casual": r"\b(?:casual(?:ly)?|friendly|informal(?:ly)?)\b",
    "forbids": r"\b(?:do not|don't|never|without|avoid|must not)\b",
    "asks for a word": r"\b(?:mention|include|use the word|contain)",
    "asks to write": r"\b(?:write|compose|draft|rewrite|summari[sz]e|translate)\b",
    "asks to explain": r"\b(?:why|explain|how)\b",
}
"""Regular expressions, by name; `refuses` looks at the answers (either), the others at the prompt."""
NUMBERS = ("prompt words", "shorter answer", "longer answer", "difference of length", "word overlap", "trigram similarity")
BINS = 3
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in TAGS.items()}
NAMES = (*NUMBERS, *TAGS, "one has a list")


def features(pairs: Sequence[Comparison]) -> np.ndarray:
    """[N, F], in the order of NAMES: counts of words, shares in [0, 1], and 0 or 1 for a tag."""
    return np.array([_features(pair) for pair in pairs], dtype=float).reshape(len(pairs), len(NAMES))


def _features(pair: Comparison) -> list[float]:
    left, right = pair.left.text, pair.right.text
    short, long = sorted((words(pair.left), words(pair.right)))
    numbers = [len(pair.prompt.text.split()), short, long, long - short]
    numbers += [_overlap(set(left.split()), set(right.split())), _overlap(_trigrams(left), _trigrams(right))]
    tags = [
        any(pattern.search(text) for text in ((left, right) if name == "refuses" else (pair.prompt.text,)))
        for name, pattern in _PATTERNS.items()
    ]
    return [*map(float, numbers), *map(float, tags), float(has_list(pair.left) != has_list(pair.right))]


def _overlap(one: set[str], other: set[str]) -> float:
    """Jaccard; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _trigrams(text: str) -> set[str]:
    return {text[k : k + 3] for k in range(len(text) - 2)}


def edges(features_NF: np.ndarray) -> np.ndarray:
    """[F, BINS - 1]: where the bins of the numbers end, at equal shares of these pairs; a tag's bins are 0 and 1."""
    shares = np.arange(1, BINS) / BINS
    found = np.quantile(features_NF, shares, axis=0).T
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
