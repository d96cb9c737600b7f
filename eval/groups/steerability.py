"""Does a policy told who it speaks to please that persona, and not just everyone? (Steerable pluralism; Sorensen et al. 2024,
arXiv:2402.05070; Castricato et al. 2024, arXiv:2407.17387.)

scores_GHP[g, h, p]: how the answer written for persona g fares against the answer written for nobody, on prompt p, as persona h
judges it; in [0, 1], NaN where not judged. An answer that is better for all fills the matrix evenly; steering stands on the
diagonal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core.errors import InputError
from ...core.records import Estimate
from ..intervals.clusters import mean_over_seeds


class Steerability(NamedTuple):
    """matrix_GG: mean scores, row the persona spoken to, column the judge; NaN where not judged. diagonal, off_diagonal: their
    means. steerability: diagonal less off-diagonal, in [-1, 1], 0 for a policy that ignores the persona."""

    matrix_GG: np.ndarray
    diagonal: Estimate
    off_diagonal: Estimate
    steerability: Estimate


def steerability(scores_GHP: np.ndarray) -> Steerability:
    """Each prompt counts the same, over those where something on and something off the diagonal was judged; t intervals over
    prompts. Undefined for fewer than 2 personas."""
    scores_GHP = np.asarray(scores_GHP, dtype=float)
    if scores_GHP.ndim != 3 or scores_GHP.shape[0] != scores_GHP.shape[1]:
        raise InputError(
            f"scores have shape {scores_GHP.shape}; give [persona spoken to, persona judging, prompt] with the same personas twice"
        )
    judged = np.isfinite(scores_GHP)
    if judged.any() and not (scores_GHP[judged].min() >= 0 and scores_GHP[judged].max() <= 1):
        raise InputError(
            f"scores go from {scores_GHP[judged].min():g} to {scores_GHP[judged].max():g}; a verdict's score is in [0, 1]"
        )
    matrix_GG = _mean(scores_GHP, axis=2)
    on_GG = np.eye(len(scores_GHP), dtype=bool)
    diagonal_P, rest_P = _mean(scores_GHP[on_GG], axis=0), _mean(scores_GHP[~on_GG], axis=0)
    both_P = np.isfinite(diagonal_P) & np.isfinite(rest_P)
    if not both_P.any():
        why = f"undefined: no prompt judged on and off the diagonal of {len(on_GG)} personas"
        nothing = Estimate(None, None, None, 0, why)
        return Steerability(matrix_GG, nothing, nothing, nothing)
    parts = (diagonal_P[both_P], rest_P[both_P], (diagonal_P - rest_P)[both_P])
    return Steerability(matrix_GG, *(mean_over_seeds(each_P[None]) for each_P in parts))


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean over what was judged; NaN where nothing was."""
    judged = np.isfinite(values)
    counts = judged.sum(axis=axis)
    return np.divide(np.where(judged, values, 0.0).sum(axis=axis), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
