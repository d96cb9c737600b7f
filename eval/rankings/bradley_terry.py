"""Bradley-Terry strengths: P(i beats j) = sigmoid(s_i - s_j) (Bradley & Terry 1952), with a bootstrap over prompts.

A tie is half a win to each side; models of ties are in `tie_models`. The estimate is evalica's (Newman 2023, JMLR 24); the
resamples are fitted all at once by Newton's method from it. Departures: no regularisation unless asked for, and where the maximum
likelihood is infinite or not unique (Ford 1957, Am. Math. Monthly 64:28) there is a reason instead of a large number."""

from functools import partial
from typing import NamedTuple

import evalica
import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from ...core.errors import InputError
from ...core.records import Estimate
from ...core.seeds import rng_for
from ..intervals.interval import bootstrap_estimate, prompt_counts
from .battles import Battles, resampled_win_matrices, win_matrix
from .newton import ascend

ELO_A_NAT = 400 / np.log(10)  # points of the chess scale a nat of strength: 400 points are odds of 10 to 1


class StrengthFit(NamedTuple):
    """strengths_M: in nats, mean 0; None where undefined, and `reason` says why."""

    strengths_M: np.ndarray | None
    reason: str = ""


def bradley_terry(wins_MM: np.ndarray, prior: float = 0.0, names: tuple[str, ...] = ()) -> StrengthFit:
    """Maximum-likelihood strengths from wins_MM[i, j] >= 0, how often i beat j (ties half; fractions are fine). prior: pseudo-wins
    added each way to every pair, 0 for none; a positive one makes the answer finite. names: of the models, for the reason."""
    wins_MM = np.asarray(wins_MM, dtype=float)
    if wins_MM.ndim != 2 or wins_MM.shape[0] != wins_MM.shape[1]:
        raise InputError(f"the win matrix has shape {wins_MM.shape}; give one row and one column a model")
    if not (np.isfinite(wins_MM).all() and (wins_MM >= 0).all()):
        raise InputError("the win matrix holds a negative or undefined count; counts are finite and 0 or more")
    if np.diagonal(wins_MM).any():
        raise InputError("the win matrix says that a model beat itself; its diagonal is 0")
    if not prior >= 0:
        raise InputError(f"prior is {prior}; it is a number of pseudo-wins, 0 or more")
    wins_MM = wins_MM + prior * ~np.eye(len(wins_MM), dtype=bool)
    if reason := undefined(wins_MM, names):
        return StrengthFit(None, reason)
    winners, losers = np.nonzero(wins_MM)
    won, weights = [evalica.Winner.X] * len(winners), wins_MM[winners, losers].tolist()
    result = evalica.bradley_terry(winners.tolist(), losers.tolist(), won, weights=weights, tolerance=1e-13, limit=20_000)
    strengths_M = np.log(result.scores.sort_index().to_numpy())
    return StrengthFit(newton(wins_MM[None], strengths_M - strengths_M.mean())[0])


def bradley_terry_ratings(of: Battles, seed: int = 0, resamples: int = 200, *, prior: float = 0.0) -> dict[str, Estimate]:
    """Each model's strength in nats (mean 0 over the models), best first; `extra["elo"]` is 1000 + 400/ln(10) nats. Percentile
    interval of a bootstrap over prompts: drawing verdicts one by one gives intervals that are too narrow wherever a prompt was
    judged more than once. Resamples in which the strengths are undefined are left out and counted in
    `extra["undefined_resamples"]`; where they are more than a tail of the interval there is no interval."""
    fit = bradley_terry(win_matrix(of), prior, of.models) if len(of) else StrengthFit(None, "undefined: no verdicts")
    if fit.strengths_M is None:
        return no_ratings(of, fit.reason)
    counts_RP = prompt_counts(of.prompts, resamples, rng_for(seed, "bradley-terry"))
    wins_RMM = resampled_win_matrices(of, counts_RP) + prior * ~np.eye(len(of.models), dtype=bool)
    usable_R = strongly_connected(wins_RMM)
    drawn_RM = np.full(wins_RMM.shape[:2], np.nan)
    drawn_RM[usable_R] = newton(wins_RMM[usable_R], fit.strengths_M, tolerance=1e-9)
    how = "Bradley-Terry, ties half" + (f", {prior:g} pseudo-wins each way a pair" if prior else "")
    return strength_estimates(of, fit.strengths_M, drawn_RM, how)


def strength_estimates(of: Battles, strengths_M: np.ndarray, drawn_RM: np.ndarray, how: str) -> dict[str, Estimate]:
    """Estimates, best first, from the strengths and those of each resample, NaN where they were not defined."""
    fought_M = np.bincount(np.concatenate([of.left_N, of.right_N]), minlength=len(of.models))
    lost = float((~np.isfinite(drawn_RM).all(axis=1)).sum())
    found = {}
    for m in np.argsort(-strengths_M, kind="stable"):
        extra = {"elo": float(1000 + ELO_A_NAT * strengths_M[m]), "undefined_resamples": lost}
        value, n = float(strengths_M[m]), int(fought_M[m])
        found[of.models[m]] = bootstrap_estimate(value, drawn_RM[:, m], of.prompts, n, how, abstentions=of.abstentions, extra=extra)
    return found


def no_ratings(of: Battles, reason: str) -> dict[str, Estimate]:
    """Of each model, that its rating is undefined, and why."""
    return dict.fromkeys(of.models, Estimate(None, None, None, len(of), reason, of.abstentions))


def newton(wins_RMM: np.ndarray, start_M: np.ndarray, tolerance: float = 1e-12, limit: int = 100) -> np.ndarray:
    """strengths_RM of R win matrices at once, each of which must have a finite answer (`strongly_connected`). Newton steps, halved
    until the likelihood does not fall, until no model's expected wins differ from its wins by more than `tolerance` a battle."""
    games_RMM = wins_RMM + wins_RMM.transpose(0, 2, 1)
    many = wins_RMM.shape[1]
    scale_R = games_RMM.sum(axis=(1, 2)) / 2
    strengths_RM = np.tile(start_M, (len(wins_RMM), 1)).astype(float)
    todo = np.arange(len(wins_RMM))
    for _ in range(limit):
        p_RMM = expit(strengths_RM[todo][:, :, None] - strengths_RM[todo][:, None, :])
        slope_RM = (wins_RMM[todo] - games_RMM[todo] * p_RMM).sum(axis=2)
        open_R = np.abs(slope_RM).max(axis=1) > tolerance * scale_R[todo]
        todo, p_RMM, slope_RM = todo[open_R], p_RMM[open_R], slope_RM[open_R]
        if not len(todo):
            return strengths_RM - strengths_RM.mean(axis=1, keepdims=True)
        # strengths are free up to a constant, and far from the answer the information vanishes: both are filled in
        filled_MM = np.full((many, many), 1 / many) + 1e-12 * np.eye(many)
        weight_RMM = games_RMM[todo] * p_RMM * (1 - p_RMM)
        information_RMM = weight_RMM.sum(axis=2)[:, :, None] * np.eye(many) - weight_RMM + filled_MM * scale_R[todo, None, None]
        step_RM = np.linalg.solve(information_RMM, slope_RM[..., None])[..., 0]
        moved = ascend(partial(_log_likelihood, wins_RMM[todo]), strengths_RM[todo], step_RM, slack=1e-12)
        stuck_R = (moved == strengths_RM[todo]).all(axis=1)
        strengths_RM[todo] = moved
        todo = todo[~stuck_R]  # at the precision of floating point
    assert not len(todo), "Newton's method did not converge on a likelihood that has a maximum"
    return strengths_RM - strengths_RM.mean(axis=1, keepdims=True)


def strongly_connected(wins_RMM: np.ndarray) -> np.ndarray:
    """Of each of R win matrices, whether chains of wins lead from each model to each: else strengths are not finite."""
    reach_RMM = (wins_RMM > 0).astype(np.float32) + np.eye(wins_RMM.shape[1], dtype=np.float32)
    for _ in range(max(wins_RMM.shape[1] - 1, 1).bit_length()):
        reach_RMM = np.minimum(reach_RMM @ reach_RMM, 1)
    return np.asarray((reach_RMM > 0).all(axis=(1, 2)))


def undefined(wins_MM: np.ndarray, names: tuple[str, ...] = ()) -> str:
    """Why the strengths are not defined, naming models; empty where they are."""
    many = len(wins_MM)
    shown = names or tuple(map(str, range(many)))
    if many < 2:
        return f"undefined: {many} model, and a ranking needs 2"
    parts, label_M = connected_components(wins_MM + wins_MM.T > 0, directed=False)
    if parts > 1:
        groups = "; ".join(_listed([shown[m] for m in np.flatnonzero(label_M == part)]) for part in range(parts))
        return f"undefined: {parts} groups were never compared with one another ({groups}); compare across them, or give a prior"
    groups, label_M = connected_components(wins_MM > 0, directed=True, connection="strong")
    if groups == 1:
        return ""
    for group in range(groups):
        inside = label_M == group
        inside_names = _listed([shown[m] for m in np.flatnonzero(inside)])
        if not wins_MM[np.ix_(inside, ~inside)].any():
            return f"undefined: {inside_names} never won against the others, so the strength is -infinite; give a prior"
        if not wins_MM[np.ix_(~inside, inside)].any():
            return f"undefined: {inside_names} never lost to the others, so the strength is infinite; give a prior"
    raise AssertionError("a graph that is not strongly connected has a component with no way out")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _log_likelihood(wins_RMM: np.ndarray, strengths_RM: np.ndarray) -> np.ndarray:
    return -(wins_RMM * np.logaddexp(0.0, strengths_RM[:, None, :] - strengths_RM[:, :, None])).sum(axis=(1, 2))
