"""Verdicts between several models as arrays, and their counts: which beat which, how often.

A verdict is a probability, so that a soft judge and a tie (0.5) need no special case: it gives p wins to one side and 1 - p to the
other. Counts can be drawn again by prompt, because the verdicts on one prompt stand or fall together; prompts are numbered by name,
so that the order of the rows changes no draw."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ...core.errors import InputError
from ...core.records import Abstention, Feedback, labels_of
from ..intervals.clusters import cluster_index


@dataclass(frozen=True, slots=True)
class Battles:
    """N verdicts between M models on P prompts. left_N, right_N: places in `models`. p_left_N: in [0, 1], that left is better.
    prompts_N: 0 .. P-1. `abstentions` were asked for and gave no verdict. notes: what is to be said of how they were read. Make one
    with `battles` or `battles_of_feedback`: they check their input."""

    models: tuple[str, ...]
    left_N: np.ndarray
    right_N: np.ndarray
    p_left_N: np.ndarray
    prompts_N: np.ndarray
    abstentions: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.p_left_N)

    @property
    def prompts(self) -> int:
        return int(self.prompts_N.max()) + 1 if len(self) else 0


def battles(
    left: Sequence[str],
    right: Sequence[str],
    p_left: Sequence[float] | np.ndarray,
    prompts: Sequence[Hashable] | None = None,
    models: Sequence[str] | None = None,
    abstentions: int = 0,
) -> Battles:
    """Verdicts from four columns. prompts: the prompt of each; None takes each verdict as a prompt of its own. models: their order,
    and any that fought no battle; None takes them in order of appearance. A battle of a model with itself says nothing of
    strengths: it is left out, and counted in `abstentions` and `notes`. Raises InputError for columns of unequal length, and a
    p_left that is not a probability (NaN among them)."""
    p_left_N = np.asarray(p_left, dtype=float)
    sizes = {len(left), len(right), len(p_left_N), len(p_left_N if prompts is None else prompts)}
    if len(sizes) > 1:
        raise InputError(f"the columns hold {sorted(sizes)} rows; left, right, p_left and prompts are equally long")
    if (bad_N := ~((p_left_N >= 0) & (p_left_N <= 1))).any():
        row = int(bad_N.argmax())
        why = f"battle {row + 1} has p_left {p_left_N[row]}; it is in [0, 1]; count what was not judged as abstentions instead"
        raise InputError(why)
    apart = [row for row, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
    if itself := len(p_left_N) - len(apart):
        left, right, p_left_N = [left[row] for row in apart], [right[row] for row in apart], p_left_N[apart]
        prompts = None if prompts is None else [prompts[row] for row in apart]
    notes = (f"{itself} battle{'s' * (itself > 1)} of a model with itself abstained",) if itself else ()
    names = list(dict.fromkeys(models if models is not None else (name for pair in zip(left, right, strict=True) for name in pair)))
    place = {name: index for index, name in enumerate(names)}
    if unknown := sorted({*left, *right} - set(names)):
        raise InputError(f"the battles name {unknown}, which `models` does not list; add them, or leave `models` out")
    left_N, right_N = (np.array([place[name] for name in side], dtype=np.intp) for side in (left, right))
    found = Battles(tuple(names), left_N, right_N, p_left_N, np.zeros(len(p_left_N), dtype=np.intp), abstentions + itself, notes)
    if prompts is None:
        return replace(found, prompts_N=np.argsort(_canonical_order(found)))
    index = cluster_index(prompts)
    return replace(found, prompts_N=np.array([index[prompt] for prompt in prompts], dtype=np.intp))


def in_canonical_order(of: Battles) -> Battles:
    """The same battles in an order that does not depend on the one they came in: by prompt, then by models and verdict."""
    order_N = _canonical_order(of)
    return replace(of, **{name: getattr(of, name)[order_N] for name in ("left_N", "right_N", "p_left_N", "prompts_N")})


def _canonical_order(of: Battles) -> np.ndarray:
    rank_M = np.argsort(np.argsort(np.array(of.models)))
    return np.lexsort((of.p_left_N, rank_M[of.right_N], rank_M[of.left_N], of.prompts_N))


def battles_of_feedback(feedback: Sequence[Feedback | Abstention], models: Sequence[str] | None = None) -> Battles:
    """Battles between the models that the answers name, from preferences and abstentions. Raises InputError for an answer that
    names no model, and ValueError for other feedback."""
    table = labels_of(feedback)
    said = [each for each in table if not each.abstained]
    if nameless := next((pair for pair, *_ in said if not (pair.left.model and pair.right.model)), None):
        raise InputError(f"an answer to the prompt {nameless.prompt.id!r} names no model; set Completion.model")
    left, right = [pair.left.model for pair, *_ in said], [pair.right.model for pair, *_ in said]
    prompts = [pair.prompt.content for pair, *_ in said]
    return battles(left, right, [each.p_left for each in said], prompts, models, len(table) - len(said))


def win_matrix(of: Battles) -> np.ndarray:
    """wins_MM[i, j]: how often i beat j, a tie half a win to each and a soft verdict its probability."""
    return resampled_win_matrices(of, np.ones((1, of.prompts)))[0]


def resampled_win_matrices(of: Battles, counts_RP: np.ndarray) -> np.ndarray:
    """wins_RMM: the win matrix with prompt p counted counts_RP[r, p] times, of each of R draws."""
    return _drawn(of, of.p_left_N, 1 - of.p_left_N, counts_RP)


def resampled_outcomes(of: Battles, counts_RP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(wins_RMM, ties_RMM): clear wins of i over j, and ties of i and j (symmetric, each tie once either way). Raises InputError
    where a verdict is neither 0, 0.5 nor 1: models of ties do not say what a soft verdict is."""
    soft_N = ~np.isin(of.p_left_N, (0.0, 0.5, 1.0))
    if soft_N.any():
        soft = f"{soft_N.sum()} of {len(of)} verdicts are soft (such as {of.p_left_N[soft_N][0]:g})"
        why = f"{soft}, and a model of ties needs 0, 0.5 or 1"
        raise InputError(f"{why}; round them, or rank with half-win Bradley-Terry, which takes them as they are")
    tied_N = (of.p_left_N == 0.5).astype(float)
    wins_RMM = _drawn(of, (of.p_left_N == 1).astype(float), (of.p_left_N == 0).astype(float), counts_RP)
    return wins_RMM, _drawn(of, tied_N, tied_N, counts_RP)


def _drawn(of: Battles, to_left_N: np.ndarray, to_right_N: np.ndarray, counts_RP: np.ndarray) -> np.ndarray:
    """What each battle gives to (left, right) and to (right, left), summed over the prompts as often as drawn."""
    many = len(of.models)
    rows = np.concatenate([of.prompts_N, of.prompts_N])
    columns = np.concatenate([of.left_N * many + of.right_N, of.right_N * many + of.left_N])
    cells = sparse.csr_array((np.concatenate([to_left_N, to_right_N]), (rows, columns)), shape=(of.prompts, many * many))
    return np.asarray(counts_RP @ cells).reshape(len(counts_RP), many, many)
