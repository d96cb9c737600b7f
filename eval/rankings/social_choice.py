"""Views of a preference matrix that do not suppose one number per model: Nash, Copeland, Borda, Condorcet, and its cycles.

`p_MM[i, j]` is the probability that i is preferred to j, with p[j, i] = 1 - p[i, j], 0.5 on the diagonal and NaN where the two
never met. The maximal lottery is the Nash equilibrium of the game whose payoff is p - 0.5 (Fishburn 1984; Munos et al. 2023,
arXiv:2312.00886)."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog, minimize

from ...core.errors import InputError
from ...core.records import Estimate

UNIQUE = 1e-6  # shares that differ by less are one solution, at the precision of the linear program


class Lottery(NamedTuple):
    """shares_M: how often to play each model, sums to 1; None where undefined. is_unique: whether another does as well."""

    shares_M: np.ndarray | None
    is_unique: bool
    reason: str = ""


def preference_matrix(wins_MM: np.ndarray) -> np.ndarray:
    """p_MM from counts wins_MM[i, j] of i over j (ties half): the share of their battles that i won; NaN where none was."""
    wins_MM = np.asarray(wins_MM, dtype=float)
    games_MM = wins_MM + wins_MM.T
    p_MM = np.divide(wins_MM, games_MM, out=np.full(wins_MM.shape, np.nan), where=games_MM > 0)
    np.fill_diagonal(p_MM, 0.5)
    return p_MM


def borda(p_MM: np.ndarray, opponents_M: np.ndarray | None = None) -> np.ndarray:
    """scores_M: each model's mean p against the others, all alike. opponents_M: weights of the opponents, itself among them, where
    they are not. NaN where a pair with weight never met. Bradley-Terry on enough data orders so under its weights."""
    p_MM = _checked(p_MM)
    weights_MM = 1.0 - np.eye(len(p_MM)) if opponents_M is None else np.tile(opponents_M, (len(p_MM), 1))
    with np.errstate(invalid="ignore"):
        return np.where(weights_MM > 0, weights_MM * p_MM, 0.0).sum(axis=1) / weights_MM.sum(axis=1)


def copeland(p_MM: np.ndarray) -> np.ndarray:
    """scores_M: how many models each beats by majority, a tie half. NaN for a model that did not meet all others."""
    p_MM = _checked(p_MM)
    beats_MM = np.where(np.isnan(p_MM), np.nan, (p_MM > 0.5) + 0.5 * (p_MM == 0.5))
    return beats_MM.sum(axis=1) - 0.5


def worst_case(p_MM: np.ndarray) -> np.ndarray:
    """rates_M: each model's p against its hardest opponent, itself among them, so 0.5 at most. NaN where it did not meet all."""
    return _checked(p_MM).min(axis=1)


def condorcet_winner(p_MM: np.ndarray) -> int | None:
    """The model that beats every other by majority; None where there is none, or a pair never met that matters."""
    beats_MM = (_checked(p_MM) > 0.5) | np.eye(len(p_MM), dtype=bool)
    winners = np.flatnonzero(beats_MM.all(axis=1))
    return int(winners[0]) if len(winners) else None


def maximal_lottery(p_MM: np.ndarray) -> Lottery:
    """The mixture of models that no model beats (each wins against it half the time at most). Where several do, the most even of
    them (least sum of squares), so that models in one position get one share. Undefined where a pair never met."""
    p_MM = _checked(p_MM)
    if missing := int(np.isnan(p_MM).sum() // 2):
        return Lottery(None, False, f"undefined: {missing} of {len(p_MM) * (len(p_MM) - 1) // 2} pairs never met")
    payoff_MM, many, ends = p_MM - 0.5, len(p_MM), []
    # shares @ payoff >= 0 against every model: an equilibrium, as the value of a symmetric game is 0
    game = {"A_ub": -payoff_MM.T, "b_ub": np.full(many, 1e-12), "A_eq": np.ones((1, many)), "b_eq": [1.0], "bounds": (0, 1)}
    for goal_M in (*np.eye(many), *-np.eye(many)):
        answer = linprog(goal_M, **game)
        assert answer.status == 0, f"a symmetric game has an equilibrium, and the linear program found none: {answer.message}"
        ends.append(answer.x)
    shares_M, is_unique = np.mean(ends, axis=0), bool((np.ptp(ends, axis=0) < UNIQUE).all())
    shares_M = (shares_M if is_unique else _most_even(payoff_MM, shares_M)).clip(min=0)
    return Lottery(shares_M / shares_M.sum(), is_unique)


def _most_even(payoff_MM: np.ndarray, start_M: np.ndarray) -> np.ndarray:
    """The equilibrium of least sum of squares."""
    limits = [
        {"type": "eq", "fun": lambda x: x.sum() - 1, "jac": np.ones_like},
        {"type": "ineq", "fun": lambda x: x @ payoff_MM, "jac": lambda _: payoff_MM.T},
    ]
    how = {"method": "SLSQP", "bounds": [(0, 1)] * len(start_M), "options": {"ftol": 1e-14, "maxiter": 500}}
    return minimize(lambda x: x @ x, start_M, jac=lambda x: 2 * x, constraints=limits, **how).x


def cyclic_triples(p_MM: np.ndarray) -> Estimate:
    """The share of triples that go round (i beats j beats k beats i), in [0, 1]: 0 for a transitive judge, 1/4 for coin flips. Over
    the triples of which all three pairs met and none tied, which `n` counts; `extra["left_out"]` counts the others. Chance verdicts
    make cycles, so compare it with that of a transitive judge asked as often. No interval."""
    p_MM = _checked(p_MM)
    many = len(p_MM)
    sign_MM = np.sign(np.nan_to_num(p_MM - 0.5))
    decided_MM = np.abs(sign_MM)
    triples = round(np.trace(decided_MM @ decided_MM @ decided_MM) / 6)
    beats_MM = (sign_MM > 0).astype(float)
    cycles = round(np.trace(beats_MM @ beats_MM @ beats_MM) / 3)
    extra = {"cyclic": float(cycles), "left_out": float(many * (many - 1) * (many - 2) // 6 - triples)}
    if not triples:
        return Estimate(None, None, None, 0, "undefined: no three models were all compared without a tie", extra=extra)
    return Estimate(cycles / triples, None, None, triples, f"share of {triples} triples; no interval", extra=extra)


def _checked(p_MM: np.ndarray) -> np.ndarray:
    p_MM = np.asarray(p_MM, dtype=float)
    if p_MM.ndim != 2 or p_MM.shape[0] != p_MM.shape[1] or not len(p_MM):
        raise InputError(f"the preference matrix has shape {p_MM.shape}; give one row and one column a model")
    met_MM = ~np.isnan(p_MM)
    if (p_MM[met_MM] < 0).any() or (p_MM[met_MM] > 1).any():
        why = f"the preference matrix goes from {p_MM[met_MM].min():g} to {p_MM[met_MM].max():g}; probabilities are in [0, 1]"
        raise InputError(why)
    sums_MM = np.where(met_MM | met_MM.T, p_MM + p_MM.T, 1.0)
    if not np.allclose(sums_MM, 1.0, atol=1e-9) or (np.diagonal(p_MM) != 0.5).any():
        why = "p[i, j] + p[j, i] is not 1 everywhere, with 0.5 on the diagonal; average the two orders, or use preference_matrix"
        raise InputError(why)
    return p_MM
