"""Puts each answer beside its rival, so that a judge cannot know which is whose.

Model names and sampled tokens are stripped (a rival from a file has no tokens, so they would tell). The order is drawn by the pair
alone: it is the same whichever of the two is called the candidate, and whatever else is judged."""

from collections.abc import Sequence

from ...core.errors import InputError
from ...core.records import Comparison, Completion, blind
from ...core.seeds import rng_for


def blind_pairs(candidates: Sequence[Completion], rivals: Sequence[Completion], seed: int) -> tuple[list[Comparison], list[bool]]:
    """(comparisons, candidate_is_left), one for each candidate, in order. `rivals` hold one answer to each prompt; several
    candidates may answer one prompt. Raises InputError for a candidate without a rival, or a prompt with two."""
    by_prompt: dict[str, Completion] = {}
    for rival in rivals:
        if rival.prompt.id in by_prompt:
            raise InputError(f"the rivals hold two answers to the prompt {rival.prompt.id!r}; give one answer per prompt")
        by_prompt[rival.prompt.id] = rival
    comparisons, candidate_is_left = [], []
    for candidate in candidates:
        if (prompt := candidate.prompt).id not in by_prompt:
            why = f"no rival answers the prompt {prompt.id!r} ({prompt.text[:60]!r}); the rivals answer {len(by_prompt)} prompts"
            raise InputError(f"{why}; give an answer of the rival to every prompt that is judged")
        pair = blind(Comparison(candidate, by_prompt[prompt.id]))
        canonical_first = rng_for(seed, "order", pair.key).random() < 0.5
        is_left = canonical_first == pair.is_canonical
        comparisons.append(pair if is_left else pair.swapped())
        candidate_is_left.append(is_left)
    return comparisons, candidate_is_left
