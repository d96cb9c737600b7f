"""How far the answers of a model are spread as people's are (distributional pluralism; Sorensen et al. 2024, arXiv:2402.05070).

p_QK and q_QK: one row a question, one column an option, rows are probabilities and sum to 1. All distances are in [0, 1], shape
[Q], 0 for equal rows. Jensen-Shannon is the distance (the root of the divergence, as scipy and GlobalOpinionQA), here in base 2;
OpinionQA's alignment is 1 less the normalised Wasserstein distance (Santurkar et al. 2023, arXiv:2303.17548)."""

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import entr

from ...core.errors import InputError


def jensen_shannon(p_QK: np.ndarray, q_QK: np.ndarray) -> np.ndarray:
    """1 where no option is shared."""
    p_QK, q_QK = _checked(p_QK, q_QK)
    distances = [jensenshannon(p_K, q_K, base=2) for p_K, q_K in zip(p_QK, q_QK, strict=True)]
    return np.nan_to_num(distances)  # of equal rows, the root of -1e-17


def wasserstein(p_QK: np.ndarray, q_QK: np.ndarray, values_K: np.ndarray | None = None) -> np.ndarray:
    """For options on a scale: the mean way that probability has to move, as a share of the whole scale. values_K: the options'
    places on it, rising; 0, 1, 2, ... unless given."""
    p_QK, q_QK = _checked(p_QK, q_QK)
    values_K = np.arange(p_QK.shape[1], dtype=float) if values_K is None else np.asarray(values_K, dtype=float)
    if len(values_K) != p_QK.shape[1] or len(values_K) < 2 or not (np.diff(values_K) > 0).all():
        raise InputError(f"the options stand at {values_K.tolist()}; give 2 or more rising places, one an option ({p_QK.shape[1]})")
    moved_QK = np.abs(np.cumsum(p_QK - q_QK, axis=1))[:, :-1]
    return moved_QK @ np.diff(values_K) / (values_K[-1] - values_K[0])


def total_variation(p_QK: np.ndarray, q_QK: np.ndarray) -> np.ndarray:
    """Half the summed difference: the largest difference in the probability of any set of options."""
    p_QK, q_QK = _checked(p_QK, q_QK)
    return np.abs(p_QK - q_QK).sum(axis=1) / 2


def argmax_match(p_QK: np.ndarray, q_QK: np.ndarray) -> np.ndarray:
    """How far the most frequent option is the same: 1, 0, or the chance for a draw from each side's most frequent ones."""
    p_QK, q_QK = _checked(p_QK, q_QK)
    top_p, top_q = ((each == each.max(axis=1, keepdims=True)).astype(float) for each in (p_QK, q_QK))
    return (top_p * top_q).sum(axis=1) / (top_p.sum(axis=1) * top_q.sum(axis=1))


def entropy_ratio(p_QK: np.ndarray, q_QK: np.ndarray) -> np.ndarray:
    """Entropy of p over that of q: below 1, p is narrower than q. NaN where q is certain."""
    p_QK, q_QK = _checked(p_QK, q_QK)
    of_p, of_q = entr(p_QK).sum(axis=1), entr(q_QK).sum(axis=1)
    return np.divide(of_p, of_q, out=np.full(len(of_q), np.nan), where=of_q > 1e-12)


def _checked(p_QK: np.ndarray, q_QK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p_QK, q_QK = np.atleast_2d(np.asarray(p_QK, dtype=float)), np.atleast_2d(np.asarray(q_QK, dtype=float))
    if p_QK.shape != q_QK.shape:
        what = f"the distributions have shapes {p_QK.shape} and {q_QK.shape}"
        raise InputError(f"{what}; give one row a question, one column an option")
    for name, each in (("first", p_QK), ("second", q_QK)):
        if not (each >= 0).all() or not np.allclose(each.sum(axis=1), 1, atol=1e-6):
            raise InputError(f"a row of the {name} distribution is not 0 or more summing to 1; divide counts by their row's sum")
    return p_QK, q_QK
