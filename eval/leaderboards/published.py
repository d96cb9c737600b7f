"""What AlpacaEval published, read from its own tables: leaderboards, weights, instruction difficulty and the gamed baseline.

The tables are a folder of CSVs: `data_AlpacaEval*__JUDGE_leaderboard.csv`, `lc_weights__JUDGE.csv`,
`instruction_difficulty*.csv` (index, instruction_difficulty) and `df_gamed*.csv` (index, std_delta_len, preference); whatever is
not there is None or empty.

AlpacaEval joins difficulty by the row's position in the annotations file, so that a model with a missing row is given other
instructions' difficulties from there on. `refit` does it either way, so that the fault's size can be told.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import name_of, number_of
from ...core.files.tables import read_rows
from ..files.alpaca_eval import Judgments
from .length_control import FOLDS, Anchor, ControlledWinRate, length_controlled_win_rate, win_rate_from_weights

LENGTH, DIFFICULTY, MODEL = "np.tanh(std_delta_len)", "instruction_difficulty", "not_gamed_baseline.astype(float)"
OLD_SUITE_BASELINE = "text_davinci_003"


@dataclass(frozen=True, slots=True)
class Published:
    """leaderboards: by (suite, judge), then model, the row's numbers (rates in percent). weights: by judge, then model."""

    leaderboards: Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    difficulty: Mapping[int, float] | None = None
    anchor: Anchor | None = None

    def row(self, of: Judgments) -> Mapping[str, float] | None:
        """The published row of this model, judge and baseline."""
        suite = "data_AlpacaEval" if of.baseline == OLD_SUITE_BASELINE else "data_AlpacaEval_2"
        return self.leaderboards.get((suite, plain_judge(of.judge)), {}).get(of.model)

    def weights_of(self, of: Judgments) -> Mapping[str, float] | None:
        return self.weights.get(plain_judge(of.judge), {}).get(of.model)


def plain_judge(judge: str) -> str:
    """The judge's name without the folders above it."""
    return judge.rpartition("/")[2]


def read_published(folder: Path) -> Published:
    """All the tables that a folder has; an empty `Published` for none."""
    leaderboards, weights = {}, {}
    for path in sorted(folder.glob("*_leaderboard.csv")):
        suite, _, judge = path.name.removesuffix("_leaderboard.csv").partition("__")
        leaderboards[suite, judge] = _by_model(path)
    for path in sorted(folder.glob("lc_weights__*.csv")):
        rows = _by_model(path)
        if any({LENGTH, DIFFICULTY, MODEL} - set(row) for row in rows.values()):
            raise InputError(f"{str(path)!r} lacks one of the columns {LENGTH}, {DIFFICULTY}, {MODEL}, or a number in one of them")
        weights[path.stem.removeprefix("lc_weights__")] = {
            model: {"length": row[LENGTH], "difficulty": row[DIFFICULTY], "model": row[MODEL]} for model, row in rows.items()
        }
    hard, gamed = (next(iter(sorted(folder.glob(pattern))), None) for pattern in ("instruction_difficulty*.csv", "df_gamed*.csv"))
    difficulty = dict(zip(map(int, _column(hard, "index")), _column(hard, DIFFICULTY), strict=True)) if hard else None
    return Published(leaderboards, weights, difficulty, _anchor(gamed) if gamed else None)


def _by_model(path: Path) -> dict[str, dict[str, float]]:
    """The numbers of each row, by the name in its first column. NaN and infinite ones are none."""
    rows = read_rows(path)
    name = next(iter(rows[0]))
    where = f"{str(path)!r}: `{name}`"
    return {
        name_of(row[name], where): {key: value for key, each in row.items() if (value := _number(each)) is not None} for row in rows
    }


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _column(path: Path, name: str) -> list[float]:
    """The numbers of a column, all of which are there."""
    found = [number_of(row.get(name), f"{str(path)!r}, row {at}: `{name}`") for at, row in enumerate(read_rows(path), 1)]
    if not all(map(math.isfinite, found)):
        raise InputError(f"{str(path)!r} lacks the column {name!r}, or a number in it is missing or infinite")
    return found


def _anchor(path: Path) -> Anchor:
    index, scores, delta = (_column(path, name) for name in ("index", "preference", "std_delta_len"))
    return Anchor([int(each) for each in index], np.array(scores), {"length": np.tanh(delta)})


def from_published_weights(of: Judgments, published: Published) -> float | None:
    """The length-controlled win rate in [0, 1] that the published weights give over all instructions; None without weights."""
    weights = published.weights_of(of)
    if weights is None or published.difficulty is None:
        return None
    return win_rate_from_weights(weights, np.array(list(published.difficulty.values())))


def refit(of: Judgments, published: Published, by_position: bool = False, resamples: int = 0, seed: int = 0) -> ControlledWinRate:
    """AlpacaEval's fit (`length_controlled_v1`), with difficulty joined by instruction, or by row position as AlpacaEval does.

    Raises InputError where the published difficulty or the lengths are missing.
    """
    if published.difficulty is None or of.lengths_N is None or of.baseline_lengths_N is None:
        lack = "lengths" if published.difficulty is not None else "published instruction difficulty"
        raise InputError(f"no {lack} for {of.model!r}; AlpacaEval's fit needs both")
    ids: Sequence[Any] = range(len(of.ids)) if by_position else of.ids
    return length_controlled_win_rate(
        of.scores_N,
        ids,
        of.lengths_N,
        of.baseline_lengths_N,
        difficulty=published.difficulty,
        anchor=published.anchor,
        folds=published_folds,
        solver=liblinear,
        resamples=resamples,
        seed=seed,
    )


def liblinear(x_RK: np.ndarray, y_R: np.ndarray, weights_R: np.ndarray, penalty: float) -> np.ndarray:
    """The weights where liblinear stops, short of the optimum: up to .02 points of win rate, and so are the published ones."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / penalty, l1_ratio=1, solver="liblinear", random_state=123, fit_intercept=False)
    labels_2R = np.repeat([1, 0], len(y_R))
    model.fit(np.concatenate([x_RK, x_RK]), labels_2R, sample_weight=np.concatenate([y_R, 1 - y_R]) * np.tile(weights_R, 2))
    return model.coef_[0]


def published_folds(prompts: Sequence[Hashable]) -> np.ndarray:
    """The folds that AlpacaEval's fits had, by row.

    Its GroupKFold deals rows to folds in the order of np.argsort over equal group sizes, and NumPy's quicksort is not stable: the
    order is the one below. scikit-learn sorts stably since, so the same code now has other folds and often another penalty:
    that is why it no longer gives the published numbers.
    """
    folds_N = np.empty(len(prompts), dtype=int)
    folds_N[_quicksort_order(len(prompts))[::-1]] = np.arange(len(prompts)) % FOLDS
    return folds_N


@cache
def _quicksort_order(n: int) -> np.ndarray:
    """Where NumPy's scalar quicksort (median of three, insertion sort below 17) leaves n equal keys."""
    order, parts = list(range(n)), [(0, n - 1)]
    while parts:
        low, high = parts.pop()
        while high - low > 15:
            middle = low + (high - low) // 2
            order[middle], order[high - 1] = order[high - 1], order[middle]
            up, down = low + 1, high - 2
            while up < down:
                order[up], order[down] = order[down], order[up]
                up, down = up + 1, down - 1
            order[up], order[high - 1] = order[high - 1], order[up]
            parts.append((up + 1, high))
            high = up - 1
    return np.array(order, dtype=int)
