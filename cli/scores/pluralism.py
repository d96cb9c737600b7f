"""`pasture pluralism`: which groups are served and which are left out, and whether a policy speaks to the group it is told to."""

from pathlib import Path
from typing import Annotated

import numpy as np
from typer import Argument, Option

from ...core.results import Measure
from ...eval.files.group_scores import read_group_scores, read_shares
from ...eval.groups import distributions
from ...eval.groups.pluralism import pluralism as measured
from ...eval.groups.pluralism import steerability
from ...eval.intervals.clusters import clustered_mean
from ..shared.console import show_rows
from ..shared.options import BootstrapSeed, Json, Resamples


def pluralism(
    scores: Annotated[Path, Argument(help="Rows of group (or persona), prompt and score in [0, 1]; spoken_to for steering.")],
    people: Annotated[
        Path | None, Option(help="Instead: two files of question, option and share; SCORES are the model's, these the people's.")
    ] = None,
    seed: BootstrapSeed = 0,
    resamples: Resamples = 2000,
    json: Json = False,
) -> None:
    """Each group's win rate and what their mean hides; steerability; how far answers are spread as people's are."""
    show_rows(_distances(scores, people) if people else _groups(scores, seed, resamples), json)


def _groups(path: Path, seed: int, resamples: int) -> list[Measure]:
    read = read_group_scores(path)
    found = measured(read.scores_GP, read.groups, seed=seed, resamples=resamples)
    rows = [Measure("win rate", name, each, "share") for name, each in found.groups.items()]
    rows += [
        Measure("over groups", "mean", found.mean, "share", "each group alike"),
        Measure("over groups", "worst", found.worst, "share", "the lowest rate", found.worst_group or ""),
        Measure("over groups", "lowest tenth", found.p10, "share", "the rate that a tenth of the groups are at or below"),
        Measure("over groups", "Gini", found.gini, "number", "0 where all are served alike"),
    ]
    if read.spoken_GHP is not None:
        steered = steerability(read.spoken_GHP)
        of_all, ignoring = steered.steerability, "0 for a policy that ignores the group"
        rows += [
            Measure("steerability", "spoken to", steered.diagonal, "share", "judged by the group that the answer speaks to"),
            Measure("steerability", "others", steered.off_diagonal, "share", "judged by the other groups"),
            Measure("steerability", "steerability", of_all, "difference", ignoring),
        ]
    return rows


def _distances(model: Path, people: Path) -> list[Measure]:
    shares_QK = read_shares(model, people)
    kinds = [
        ("Jensen-Shannon", distributions.jensen_shannon, "distance in [0, 1]"),
        ("total variation", distributions.total_variation, "distance in [0, 1]"),
        ("Wasserstein", distributions.wasserstein, "options in the people's order, as a share of the scale"),
        ("same most frequent option", distributions.argmax_match, "share of questions"),
        ("entropy ratio", distributions.entropy_ratio, "below 1, the model is narrower than people"),
    ]
    rows = []
    for name, distance, means in kinds:
        values_Q = np.array([float(distance(p_K[None], q_K[None])[0]) for p_K, q_K in shares_QK.values() if len(q_K) > 1])
        rows.append(Measure("mean over questions", name, clustered_mean(values_Q, range(len(values_Q))), "number", means))
    return rows
