"""How answers fare with each group of people, in rows of `group, prompt, score`, and `spoken_to` for answers written for a group.

`score` is in [0, 1]: the probability that the answer is preferred to its rival. `persona` is taken for `group`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import given, name_of, number_of
from ...core.files.tables import read_rows


class GroupScores(NamedTuple):
    """groups: by name. scores_GP: mean score by group and prompt, NaN where not judged. spoken_GHP: the same by the group spoken
    to, then the group judging; None where no row says to whom an answer speaks."""

    groups: tuple[str, ...]
    scores_GP: np.ndarray
    spoken_GHP: np.ndarray | None


def read_group_scores(path: Path) -> GroupScores:
    """Raises InputError naming file, row and column."""
    rows = read_rows(path)
    column = "group" if "group" in rows[0] else "persona"
    said: list[tuple[str, str, str, float]] = []
    for at, row in enumerate(rows, 1):
        where = f"{str(path)!r}, row {at}"
        score = number_of(row.get("score"), f"{where}: `score`")
        if not (np.isnan(score) or 0 <= score <= 1):
            raise InputError(f"{where}: `score` is {score:g}; it is in [0, 1], or empty where nothing was judged")
        group, prompt = (name_of(given(row, each, where), f"{where}: `{each}`") for each in (column, "prompt"))
        said.append((name_of(row.get("spoken_to"), f"{where}: `spoken_to`"), group, prompt, score))
    groups = tuple(sorted({name for spoken, group, _, _ in said for name in (spoken, group) if name}))
    prompts = sorted({prompt for _, _, prompt, _ in said})
    places = [{name: at for at, name in enumerate(each)} for each in (groups, groups, prompts)]
    spoken = "spoken_to" in rows[0]
    if spoken and not all(each[0] for each in said):
        raise InputError(
            f"{str(path)!r} says in some rows only which user an answer speaks to; fill in `spoken_to`, or leave it out"
        )
    keys = [
        tuple(place[name] for place, name in zip(places, each[:3] if spoken else ("", *each[1:3]), strict=True) if name)
        for each in said
    ]
    shape = (len(groups), len(groups), len(prompts)) if spoken else (len(groups), len(prompts))
    means = _means(keys, [each[3] for each in said], shape)
    if not spoken:
        return GroupScores(groups, means, None)
    judged = [key[1:] for key in keys]
    return GroupScores(groups, _means(judged, [each[3] for each in said], (len(groups), len(prompts))), means)


def _means(keys: Sequence[tuple[int, ...]], scores: Sequence[float], shape: tuple[int, ...]) -> np.ndarray:
    sums, counts = np.zeros(shape), np.zeros(shape)
    for key, score in zip(keys, scores, strict=True):
        if not np.isnan(score):
            sums[key] += score
            counts[key] += 1
    return np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0)
