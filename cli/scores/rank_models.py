"""`pasture rank-models`: a ranking of models from battles, or from each model's verdicts against one baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ...core.errors import InputError
from ...core.files.cells import given, number_of
from ...core.files.tables import read_rows
from ...core.results import Measure
from ...eval.files.battles import battles_of_rows
from ...eval.files.verdicts import read_verdicts
from ...eval.intervals.multiple import simultaneous_differences
from ...eval.rankings.leaderboards_compared import correlation_under_errors, separability
from ...eval.win_rates.win_rate import win_rate_from_scores
from ..shared.console import show_rows
from ..shared.options import BootstrapSeed, Json, Resamples
from .battles import RatingModel, ratings_of


def rank_models(
    files: Annotated[
        list[Path],
        typer.Argument(help="One file of battles (model_a, model_b, winner); or two or more of verdicts, one model each."),
    ],
    how: Annotated[
        RatingModel | None,
        typer.Option(
            help="How battles are rated. rao-kupper, davidson: with a parameter for ties; style: at equal style, from response_a "
            "and response_b; crowd: with each annotator's reliability. [default: bradley-terry]"
        ),
    ] = None,
    resamples: Resamples = 200,
    seed: BootstrapSeed = 0,
    against: Annotated[
        Path | None, typer.Option(help="For verdicts: another leaderboard's .json; does it order the models alike?")
    ] = None,
    json: Json = False,
) -> None:
    """Rank models. From battles: ratings on the arena's scale. From verdicts: win rates, and differences that hold all at once."""
    if len(files) > 1:
        if how:
            raise InputError(
                f"--how {how.value} rates one file of battles, and {len(files)} files of verdicts were given; leave it out"
            )
        show_rows(_of_verdicts(files, against, resamples, seed), json)
        return
    if against:
        raise InputError(f"--against {str(against)!r} goes with files of verdicts, and one file was given; leave it out")
    rows = read_rows(files[0])
    of = battles_of_rows(rows, files[0])
    rated = ratings_of(rows, of, files[0], how or RatingModel.bradley_terry, resamples, seed)
    show_rows(rated, json, facts={"notes": "; ".join(of.notes) or None})


def _of_verdicts(files: list[Path], against: Path | None, resamples: int, seed: int) -> list[Measure]:
    """Win rates, every paired difference with an interval that holds with all the others, and how many pairs are told apart."""
    read = {each.model or str(path): each.scores for path in files for each in [read_verdicts(path)]}
    rates = {name: win_rate_from_scores(s.scores_N, s.clusters_N, s.abstentions) for name, s in read.items()}
    order = sorted(rates, key=lambda name: -1.0 if (value := rates[name].value) is None else value, reverse=True)
    prompts = list(dict.fromkeys(prompt for scores in read.values() for prompt in scores.clusters_N))
    column = {prompt: at for at, prompt in enumerate(prompts)}
    sums_2MP = np.zeros((2, len(order), len(prompts)))
    for row, name in enumerate(order):
        for score, prompt in zip(read[name].scores_N, read[name].clusters_N, strict=True):
            sums_2MP[:, row, column[prompt]] += (score, 1)
    scores_MP = np.divide(sums_2MP[0], sums_2MP[1], out=np.full(sums_2MP.shape[1:], np.nan), where=sums_2MP[1] > 0)
    gaps = simultaneous_differences(dict(zip(order, scores_MP, strict=True)), seed=seed, resamples=max(resamples, 200))
    found = [Measure("win rate", name, rates[name], "share", "against the baseline") for name in order]
    found += [
        Measure("difference", f"{a} less {b}", each, "difference", "all these intervals hold together")
        for (a, b), each in gaps.items()
    ]
    gold_2M = None if against is None else _gold(against, order)
    apart = separability(scores_MP, None if gold_2M is None else gold_2M[0])
    found.append(Measure("ranking", "separable", apart.separable, "share", "pairs of models that are told apart"))
    if gold_2M is not None and apart.agreement is not None:
        found.append(Measure("ranking", "ordered alike", apart.agreement, "share", "of these, as the other leaderboard has them"))
        errors_M = np.array([rates[name].standard_error or 0.0 for name in order])
        values_M = np.array([np.nan if (value := rates[name].value) is None else value for name in order])
        like = correlation_under_errors(values_M, errors_M, *gold_2M, seed=seed)
        for name, each in (("Spearman", like.spearman), ("Kendall", like.kendall)):
            found.append(Measure("ranking", name, each, "correlation", "with the other leaderboard, under both tables' errors"))
    return found


def _gold(path: Path, models: list[str]) -> np.ndarray:
    """The other leaderboard's win rate of each model, in percent, and its standard error (0 where it has none), [2, M]."""
    where, found = repr(str(path)), {}
    for row in read_rows(path):
        error = number_of(row.get("standard_error"), f"{where}: `standard_error`")
        value = number_of(given(row, "win_rate", where), f"{where}: `win_rate`")
        found[str(given(row, "model", where))] = (value, 0.0 if np.isnan(error) else error)
    if missing := [name for name in models if name not in found]:
        raise InputError(f"{where} has no {', '.join(missing[:5])}; it has: {', '.join(list(found)[:10])}")
    return np.array([found[name] for name in models]).T
