"""How far two answers differ in what should not decide between them: length, lists, headers, bold.

Length as in AlpacaEval (Dubois et al. 2024, arXiv:2404.04475); style counts and their normalised difference as in Chatbot Arena's
style control (Li et al. 2024, FastChat). Signs are baseline less model, as in AlpacaEval's published weights."""

import re
from collections.abc import Sequence

import numpy as np

PATTERNS = {
    "lists": re.compile(r"^\s*(?:\d+[.)]|[-*+•])\s", re.MULTILINE),
    "headers": re.compile(r"^#{1,6}\s", re.MULTILINE),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
}
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def length_difference(lengths_N: np.ndarray, baseline_lengths_N: np.ndarray) -> np.ndarray:
    """tanh of (baseline length - model length) over its standard deviation across the prompts, in (-1, 1), shape [N].
    Unstandardised (all 0 or all alike) where the difference does not vary."""
    difference_N = np.asarray(baseline_lengths_N, dtype=float) - np.asarray(lengths_N, dtype=float)
    spread = difference_N.std(ddof=1) if len(difference_N) > 1 else 0.0
    return np.tanh(difference_N / spread) if spread > 0 else np.sign(difference_N)


def style_counts(text: str) -> dict[str, int]:
    """Markdown list items, headers and bold spans; those inside of fenced code do not count."""
    outside = FENCED.sub("", text)
    return {name: len(pattern.findall(outside)) for name, pattern in PATTERNS.items()}


def style_differences(outputs: Sequence[str], baseline_outputs: Sequence[str]) -> dict[str, np.ndarray]:
    """(baseline count - model count) / (their sum) for each style, in [-1, 1], 0 where neither has any; [N] each."""
    ours, theirs = ([style_counts(text) for text in side] for side in (outputs, baseline_outputs))
    found = {}
    for name in PATTERNS:
        ours_N, theirs_N = (np.array([each[name] for each in side], dtype=float) for side in (ours, theirs))
        found[name] = (theirs_N - ours_N) / np.maximum(ours_N + theirs_N, 1)
    return found
