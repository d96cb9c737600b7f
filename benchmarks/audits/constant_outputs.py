"""Finds models that say the same whatever they are asked, from outputs alone (the null model; Zheng et al. 2024, arXiv:2410.07137).

Such a model need not be long, so length control does not stop it. Two outputs count as alike where, in lower case, with the prompt
cut out and all numbers made one, the word pairs that they share are at least `ALIKE` of those that either has (Jaccard), so a
constant with a few words changed by prompt is found too."""

import itertools
import re
import unicodedata
from collections.abc import Sequence

from ...core.records import Completion, Estimate
from ...eval.win_rates.win_rate import win_rate_from_scores

ALIKE = 0.8
NAMED_FROM = 0.5  # a model is named as constant where at least this share of its outputs is alike
FEWEST = 5  # prompts below which a share says nothing
TRIED = 20
"""Outputs, evenly spaced, that are each tried as the constant one: one of half of the outputs is missed about once in 2^20."""


def constant_share(outputs: Sequence[Completion]) -> Estimate:
    """Share in [0, 1] of a model's outputs that are alike, the largest such group; `value` is None on fewer than FEWEST prompts."""
    by_prompt = {each.prompt.id: each for each in outputs}
    if len(by_prompt) < FEWEST:
        why = f"undefined: {len(by_prompt)} prompts; at least {FEWEST} show whether outputs are constant"
        return Estimate(None, None, None, len(by_prompt), why)
    pairs = [_word_pairs(each) for each in by_prompt.values()]
    step = max(len(pairs) // TRIED, 1)
    groups = ([len(tried & each) / len(tried | each) >= ALIKE for each in pairs] for tried in pairs[::step])
    return win_rate_from_scores([float(alike) for alike in max(groups, key=sum)], list(by_prompt))


def is_constant(share: Estimate) -> bool:
    """Whether so large a share of answers is one text that the model is named as constant."""
    return share.value is not None and share.value >= NAMED_FROM


def _word_pairs(output: Completion) -> frozenset[tuple[str, ...]]:
    said, asked = (unicodedata.normalize("NFKC", text).casefold() for text in (output.text, output.prompt.text))
    if asked.strip():
        said = said.replace(asked.strip(), " ")
    words = re.sub(r"\d+", "0", said).split()
    return frozenset(itertools.pairwise(words)) or frozenset([tuple(words)])
