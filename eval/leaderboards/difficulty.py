"""How hard each instruction is for the field of models, from their own verdicts: one joint logistic regression.

logit p[m, i] = theta_m + difficulty_i + mediators[m, i] . phi_m, as AlpacaEval estimated its own (its notebook
instruction_difficulty.ipynb, 123 models, dummies for instructions). Departures: the instructions are shrunk to their mean as a
random effect (ridge, standard deviation 1 nat), and `held_out_difficulty` never lets a model's verdicts into its own difficulty,
where they would be counted twice.

Shapes: _M models, _P prompts, _K mediators."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..files.judgments import Judgments
from .mediators import length_difference

GROUPS = 5
STEPS = 50
RIDGE, SMALL = 1.0, 0.01
"""Of the prompts' difficulties, and of each model's own weights, so that a model that always wins keeps them finite."""


def joint_difficulty(scores_MP: np.ndarray, mediators_MPK: np.ndarray) -> np.ndarray:
    """Log-odds by which each prompt helps a model win, mean 0, [P]. scores_MP in [0, 1], NaN, and mediators 0, if not judged."""
    judged_MP = np.isfinite(scores_MP)
    y_MP = np.where(judged_MP, scores_MP, 0.0)
    x_MPK = np.concatenate([np.ones((*scores_MP.shape, 1)), mediators_MPK], axis=2) * judged_MP[:, :, None]
    own_MK, hard_P = np.zeros((len(scores_MP), x_MPK.shape[2])), np.zeros(scores_MP.shape[1])
    for _ in range(STEPS):
        eta_MP = np.einsum("mpk,mk->mp", x_MPK, own_MK) + hard_P
        p_MP = 1 / (1 + np.exp(-np.clip(eta_MP, -30, 30)))
        rest_MP, curve_MP = (y_MP - p_MP) * judged_MP, np.maximum(p_MP * (1 - p_MP), 1e-9) * judged_MP
        pull_MK = np.einsum("mpk,mp->mk", x_MPK, rest_MP) - SMALL * own_MK
        pull_P, diagonal_P = rest_MP.sum(axis=0) - RIDGE * hard_P, curve_MP.sum(axis=0) + RIDGE
        cross_MKP = np.einsum("mpk,mp->mkp", x_MPK, curve_MP)
        flat = cross_MKP.reshape(own_MK.size, -1)
        schur = -(flat / diagonal_P) @ flat.T  # without the prompts' diagonal block, M * K unknowns are left
        for at, (cross_KP, x_PK) in zip(
            np.arange(own_MK.size).reshape(own_MK.shape), zip(cross_MKP, x_MPK, strict=True), strict=True
        ):
            schur[np.ix_(at, at)] += cross_KP @ x_PK + SMALL * np.eye(len(at))
        step = np.linalg.solve(schur, pull_MK.ravel() - flat @ (pull_P / diagonal_P))
        step_MK, step_P = step.reshape(own_MK.shape), (pull_P - step @ flat) / diagonal_P
        largest = max(np.abs(step_MK).max(), np.abs(step_P).max())
        scale = min(1.0, 2.0 / largest) if largest > 0 else 1.0
        own_MK, hard_P = own_MK + scale * step_MK, hard_P + scale * step_P
        if largest < 1e-8:
            break
    return hard_P - hard_P.mean()


def held_out_difficulty(scores_MP: np.ndarray, mediators_MPK: np.ndarray) -> np.ndarray | None:
    """Each model's difficulties from the verdicts on the other groups' models, in at most 5 groups, shape [M, P]; None for fewer
    than 2 models. Groups go by the models' order, so a model added at the end moves others' values a little."""
    models = len(scores_MP)
    if models < 2:
        return None
    group_M = np.arange(models) % min(GROUPS, models)
    by_group = [joint_difficulty(scores_MP[group_M != g], mediators_MPK[group_M != g]) for g in range(group_M.max() + 1)]
    return np.stack([by_group[g] for g in group_M])


class OwnDifficulty:
    """Difficulty of each instruction for each model of a group, from the verdicts on the others; fitted when first asked for."""

    def __init__(self, group: Sequence[Judgments]) -> None:
        self.group = [each for each in group if not each.is_itself and each.has_lengths]

    def of(self, judgments: Judgments) -> tuple[Mapping[Any, float] | None, str]:
        """(difficulty by instruction or None, where it comes from)."""
        found = self._by_model.get(id(judgments))
        return found, f"difficulty from {len(self.group)} models" if found else "no difficulty: one model only"

    @cached_property
    def _by_model(self) -> dict[int, Mapping[Any, float]]:
        ids = list(dict.fromkeys(name for each in self.group for name in each.ids))
        place = {name: at for at, name in enumerate(ids)}
        scores_MP = np.full((len(self.group), len(ids)), np.nan)
        mediators_MPK = np.zeros((*scores_MP.shape, 1))
        for m, each in enumerate(self.group):
            at = [place[name] for name in each.ids]
            scores_MP[m, at] = each.scores_N
            mediators_MPK[m, at, 0] = length_difference(*each.lengths)
        mediators_MPK[~np.isfinite(scores_MP)] = 0
        found_MP = held_out_difficulty(scores_MP, mediators_MPK)
        if found_MP is None:
            return {}
        return {id(each): dict(zip(ids, hard_P, strict=True)) for each, hard_P in zip(self.group, found_MP.tolist(), strict=True)}
