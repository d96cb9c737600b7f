"""What AlpacaEval published, read from its own tables: leaderboards, weights, instruction difficulty and the gamed baseline.

The tables are CSVs, as AlpacaEval's repository has them (`leaderboards/data_AlpacaEval_2/JUDGE_leaderboard.csv` and
`metrics/weights/JUDGE/length_controlled_v1/baseline_MODEL.csv`, in `src/alpaca_eval`), or all in one folder
(`data_AlpacaEval_2__JUDGE_leaderboard.csv`, `lc_weights__JUDGE.csv`). Beside them, from its hub: `instruction_difficulty*.csv`
(index, instruction_difficulty) and `df_gamed*.csv` (index, std_delta_len, preference). What is not there is None or empty.

AlpacaEval joins difficulty by the row's position in the annotations file, so that a model with a missing row is given other
instructions' difficulties from there on. `refit` does it either way, so that the fault's size can be told."""

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.files.cells import name_of, number_of
from ...core.files.tables import read_rows
from ...core.text import listed, one_line
from ..files.judgments import Judgments
from .length_control import FOLDS, Anchor, ControlledWinRate, length_controlled_win_rate, predictions_from_weights

LENGTH, DIFFICULTY, MODEL = "np.tanh(std_delta_len)", "instruction_difficulty", "not_gamed_baseline.astype(float)"
NO_DIFFICULTY = "there is no published difficulty of the instructions (instruction_difficulty*.csv)"
OLD_SUITE_BASELINE = "text_davinci_003"
PUBLISHED = (
    "data_AlpacaEval_2/JUDGE_leaderboard.csv or weights/JUDGE/length_controlled_v1/baseline_MODEL.csv (as in AlpacaEval's "
    "src/alpaca_eval), instruction_difficulty.csv or df_gamed.csv"
)
"""What `read_published` looks for, in words."""


@dataclass(frozen=True, slots=True)
class Published:
    """leaderboards: by (suite, judge), then model, the row's numbers (rates in percent). weights: by (judge, baseline), then model;
    a blank baseline is the new suite's. found: the files that all this was read from."""

    leaderboards: Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    weights: Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    difficulty: Mapping[int, float] | None = None
    anchor: Anchor | None = None
    found: tuple[Path, ...] = ()

    def row(self, of: Judgments) -> Mapping[str, float] | None:
        """The published row of this model, judge and baseline."""
        suite = "data_AlpacaEval" if of.baseline == OLD_SUITE_BASELINE else "data_AlpacaEval_2"
        return self.leaderboards.get((suite, plain_judge(of.judge)), {}).get(of.model)

    def weights_of(self, of: Judgments) -> Mapping[str, float] | None:
        judge = plain_judge(of.judge)
        return (self.weights.get((judge, of.baseline)) or self.weights.get((judge, ""), {})).get(of.model)

    def lacks_weights(self, of: Judgments) -> str:
        """Why published weights give no rate for this model; blank where they do."""
        judge = plain_judge(of.judge)
        if not self.weights:
            return "no published weights were found"
        if judge not in {name for name, _ in self.weights}:
            return f"there are no published weights for the judge {judge}"
        if self.weights_of(of) is None:
            return f"the published weights for the judge {judge} do not have this model and baseline"
        return NO_DIFFICULTY if self.difficulty is None else ""

    def lacks_difficulty(self, of: Judgments) -> str:
        """Why the published difficulty cannot be joined to these judgments; blank where it can."""
        if self.difficulty is None:
            return NO_DIFFICULTY
        strange = sum(name not in self.difficulty for name in of.ids)
        by_text = any(isinstance(name, str) for name in of.ids)
        way_out = " (they are named by their text; put AlpacaEval's instructions.csv beside, with index and instruction)" * by_text
        return f"{strange} of {len(of.ids)} instructions have no published difficulty{way_out}" if strange else ""

    def predictions(self, of: Judgments) -> np.ndarray:
        """P(the model wins) at equal length by the published weights, over all instructions, [P]; `lacks_weights` is blank."""
        weights = self.weights_of(of)
        assert weights is not None
        assert self.difficulty is not None
        return predictions_from_weights(weights, np.array(list(self.difficulty.values())))


def plain_judge(judge: str) -> str:
    """The judge's name without the folders above it."""
    return judge.rpartition("/")[2]


def read_published(folder: Path) -> Published:
    """All the tables that a folder or those in it have, in either layout; an empty `Published` for none. Raises InputError naming
    the file for a table without its columns, and for a number that is none."""
    roots = [folder, *([folder.parent / "metrics"] if folder.name == "leaderboards" else [])]
    found, leaderboards = list[Path](), {}
    for path in _tables(roots, "*_leaderboard.csv"):
        suite, _, judge = path.name.removesuffix("_leaderboard.csv").rpartition("__")
        suite = suite or path.parent.name
        if suite.startswith("data_AlpacaEval"):
            leaderboards[suite, judge] = _by_model(path)
            found.append(path)
    flat, nested = _tables(roots, "lc_weights__*.csv"), _tables(roots, "length_controlled_v1/baseline_*.csv")
    weights = {(path.stem.removeprefix("lc_weights__"), ""): _weights(path) for path in flat}
    weights |= {(path.parent.parent.name, path.stem.removeprefix("baseline_")): _weights(path) for path in nested}
    difficulty, anchor = None, None
    if hard := _tables(roots, "instruction_difficulty*.csv")[:1]:
        index, values = _columns(hard[0], "index", DIFFICULTY)
        difficulty = dict(zip(map(int, index), values, strict=True))
    if gamed := _tables(roots, "df_gamed*.csv")[:1]:
        index, scores, delta = _columns(gamed[0], "index", "preference", "std_delta_len")
        anchor = Anchor([int(each) for each in index], np.array(scores), {"length": np.tanh(delta)})
    return Published(leaderboards, weights, difficulty, anchor, (*found, *flat, *nested, *hard, *gamed))


def _tables(roots: Sequence[Path], pattern: str) -> list[Path]:
    return [path for root in roots for path in sorted(root.rglob(pattern)) if path.is_file()]


def _by_model(path: Path) -> dict[str, dict[str, float]]:
    """The finite numbers of each row, by the name in its first column."""
    found = {}
    for row in read_rows(path):
        column, *_ = row
        numbers = {key: _number(cell) for key, cell in row.items()}
        found[name_of(row[column], f"{str(path)!r}: `{column}`")] = {key: n for key, n in numbers.items() if math.isfinite(n)}
    return found


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def _weights(path: Path) -> dict[str, dict[str, float]]:
    names = [name_of(cell, f"{str(path)!r}: `{column}`") for (column, cell), *_ in (row.items() for row in read_rows(path))]
    rows = zip(names, *_columns(path, LENGTH, DIFFICULTY, MODEL), strict=True)
    return {name: {"length": length, "difficulty": hard, "model": model} for name, length, hard, model in rows}


def _columns(path: Path, *names: str) -> list[list[float]]:
    """Columns of finite numbers. Raises InputError naming file, row and column."""
    rows = read_rows(path)
    if not set(names) <= set(rows[0]):
        raise InputError(f"{str(path)!r} has the columns {listed(rows[0])} and lacks one of the columns {', '.join(names)}")
    found: dict[str, list[float]] = {name: [] for name in names}
    for name, (at, row) in itertools.product(names, enumerate(rows, 1)):
        where = f"{str(path)!r}, row {at}: `{name}`"
        found[name].append(number_of(row[name], where))
        if not math.isfinite(found[name][-1]):
            raise InputError(f"{where} is {one_line(row[name])}; it is a finite number")
    return list(found.values())


def refit(of: Judgments, published: Published, by_position: bool = False, resamples: int = 0, seed: int = 0) -> ControlledWinRate:
    """AlpacaEval's fit (`length_controlled_v1`), with difficulty joined by instruction, or by row position as AlpacaEval does.
    Raises InputError where the published difficulty or the lengths are missing."""
    if published.difficulty is None or not of.has_lengths:
        lack = "lengths" if published.difficulty is not None else "published instruction difficulty"
        raise InputError(f"no {lack} for {of.model!r}; AlpacaEval's fit needs both")
    ids: Sequence[Any] = range(len(of.ids)) if by_position else of.ids
    tables: dict[str, Any] = {"difficulty": published.difficulty, "anchor": published.anchor, "resamples": resamples, "seed": seed}
    return length_controlled_win_rate(of.scores_N, ids, *of.lengths, folds=published_folds, solver=liblinear, **tables)


def liblinear(x_RK: np.ndarray, y_R: np.ndarray, weights_R: np.ndarray, penalty: float) -> np.ndarray:
    """The weights where liblinear stops, short of the optimum: up to .02 points of win rate, and so are the published ones."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / penalty, l1_ratio=1, solver="liblinear", random_state=123, fit_intercept=False)
    labels_2R = np.repeat([1, 0], len(y_R))
    model.fit(np.concatenate([x_RK, x_RK]), labels_2R, sample_weight=np.concatenate([y_R, 1 - y_R]) * np.tile(weights_R, 2))
    return model.coef_[0]


def published_folds(prompts: Sequence[Hashable]) -> np.ndarray:
    """The folds that AlpacaEval's fits had, by row. Its GroupKFold deals rows to folds in the order of np.argsort over equal group
    sizes, and NumPy's quicksort is not stable: the order is the one below. scikit-learn sorts stably since, so the same code now
    has other folds and often another penalty: that is why it no longer gives the published numbers."""
    order, parts = list(range(len(prompts))), [(0, len(prompts) - 1)]
    while parts:  # scalar quicksort: median of three, insertion sort below 17
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
    folds_N = np.empty(len(prompts), dtype=int)
    folds_N[order[::-1]] = np.arange(len(prompts)) % FOLDS
    return folds_N
