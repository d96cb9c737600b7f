"""How often each option of a question is answered, in rows of `question, option, share` (counts will do)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import given, name_of, number_of
from ...core.files.tables import read_rows


def read_shares(model: Path, people: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By question: the model's shares and the people's, [K] each, options in the people's order. Raises InputError for a
    question that is in one file only, for an option that the people were not offered, and naming file, row and column."""
    of_model, of_people = _read(model), _read(people)
    found = {}
    for question, options in of_people.items():
        said = of_model.pop(question, None)
        if said is None:
            raise InputError(f"{str(model)!r} has no answer to {question!r}, which {str(people)!r} has; give the same questions")
        if unknown := sorted(set(said) - set(options)):
            raise InputError(
                f"{str(model)!r} answers {question!r} with {unknown}, which the people were not offered; give such options a share "
                f"of 0 in {str(people)!r}"
            )
        counts_2K = np.array([[each.get(option, 0.0) for option in options] for each in (said, options)])
        if not (counts_2K.sum(axis=1) > 0).all():
            raise InputError(f"nobody answered {question!r} in one of the files; leave it out of both")
        found[question] = tuple(counts_2K / counts_2K.sum(axis=1, keepdims=True))
    if of_model:
        raise InputError(
            f"{str(people)!r} has no answer to {next(iter(of_model))!r}, which {str(model)!r} has; give the same questions"
        )
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
