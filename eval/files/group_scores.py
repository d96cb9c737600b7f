"""How answers fare with each group of people, in rows of `group, prompt, score`, and `spoken_to` for answers written for a group;
and how often each option of a question is answered, in rows of `question, option, share` (counts will do).

`score` is in [0, 1]: the probability that the answer is preferred to its rival. `persona` is taken for `group`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import given, name_of, number_of
from ...core.files.tables import read_rows


class GroupScores(NamedTuple):
    """groups: by name. scores_GP: mean score by group and prompt, NaN where not judged. spoken_GHP: the same by the group spoken
    to, then the group judging; None where no row says which group an answer speaks to."""

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
    group_at, prompt_at = ({name: at for at, name in enumerate(each)} for each in (groups, prompts))
    if "spoken_to" in rows[0] and not all(each[0] for each in said):
        what = f"{str(path)!r} says in some rows only which user an answer speaks to"
        raise InputError(f"{what}; fill in `spoken_to`, or leave it out")
    judged, scores = [(group_at[group], prompt_at[prompt]) for _, group, prompt, _ in said], [each[3] for each in said]
    means_GP = _means(judged, scores, (len(groups), len(prompts)))
    if "spoken_to" not in rows[0]:
        return GroupScores(groups, means_GP, None)
    keys = [(group_at[each[0]], *key) for each, key in zip(said, judged, strict=True)]
    return GroupScores(groups, means_GP, _means(keys, scores, (len(groups), len(groups), len(prompts))))


def _means(keys: Sequence[tuple[int, ...]], scores: Sequence[float], shape: tuple[int, ...]) -> np.ndarray:
    sums, counts = np.zeros(shape), np.zeros(shape)
    for key, score in zip(keys, scores, strict=True):
        if not np.isnan(score):
            sums[key] += score
            counts[key] += 1
    return np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0)


def read_shares(model: Path, people: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By question: the model's shares and the people's, [K] each, options in the people's order. Raises InputError for a question
    that is in one file only, for an option that the people were not offered, and naming file, row and column."""
    of_model, of_people = _read(model), _read(people)
    found = {}
    for question, options in of_people.items():
        said = of_model.pop(question, None)
        if said is None:
            raise InputError(f"{str(model)!r} has no answer to {question!r}, which {str(people)!r} has; give the same questions")
        if unknown := sorted(set(said) - set(options)):
            wrong = f"{str(model)!r} answers {question!r} with {unknown}, which the people were not offered"
            raise InputError(f"{wrong}; give such options a share of 0 in {str(people)!r}")
        counts_2K = np.array([[each.get(option, 0.0) for option in options] for each in (said, options)])
        if not (counts_2K.sum(axis=1) > 0).all():
            raise InputError(f"nobody answered {question!r} in one of the files; leave it out of both")
        found[question] = tuple(counts_2K / counts_2K.sum(axis=1, keepdims=True))
    if of_model:
        what = f"{str(people)!r} has no answer to {next(iter(of_model))!r}, which {str(model)!r} has"
        raise InputError(f"{what}; give the same questions")
    return found


def _read(path: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for at, row in enumerate(read_rows(path), 1):
        where = f"{str(path)!r}, row {at}"
        question, option = (name_of(given(row, each, where), f"{where}: `{each}`") for each in ("question", "option"))
        share = number_of(given(row, "share", where), f"{where}: `share`")
        if not 0 <= share < float("inf"):
            raise InputError(f"{where}: `share` is {share:g}; it is 0 or more")
        if option in found.setdefault(question, {}):
            raise InputError(f"{where}: the option {option!r} of {question!r} is there twice; give each once")
        found[question][option] = share
    return found
