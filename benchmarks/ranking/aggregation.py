"""What the cells of a ranking say together: every method over its seeds, and the ranking by the evaluator beside that by gold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.manifest import manifest
from ...core.records import Estimate
from ...core.results import MethodResult, Pair, RankingResult
from ...eval.intervals.clusters import Scores, mean_over_seeds, means_over_seeds
from ...eval.rankings.rank_correlation import RankCorrelation, rank_correlation
from ...eval.win_rates.difference import paired_differences
from ...eval.win_rates.win_rate import win_rates_over_seeds
from .cell import Cell
from .feedback import training_annotator
from .suite import Suite, suite_record, suite_world


def aggregate(suite: Suite, cells: Mapping[str, Sequence[Cell]], **facts: Any) -> RankingResult:
    """The ranking by the evaluator, best first, beside the one by gold, their correlation with an interval, and how far every two
    methods are apart. facts: what else the manifest says."""
    verdicts = {name: [_verdicts(cell) for cell in of] for name, of in cells.items()}
    results = _method_results(cells, verdicts)
    results.sort(key=lambda each: -(each.win_rate.value if each.win_rate.value is not None else -1.0))
    order = [each.method for each in results]
    judged_MP = np.array([_mean_by_prompt(cells[name]) for name in order])
    gold_MP = np.array([_of_cells(cells[name], "gold_win_rates_P").mean(axis=0) for name in order])
    few = Estimate(None, None, None, len(order), f"undefined: methods are {len(order)}, and it needs 3")
    # two are in one order or in the other, whatever the noise
    correlation = rank_correlation(judged_MP, gold_MP, seed=0) if len(order) >= 3 else RankCorrelation(few, few)
    differences = paired_differences({name: verdicts[name] for name in order})
    return RankingResult(
        world=suite.world,
        feedback=training_annotator(suite, suite_world(suite)).name,
        evaluator=suite.evaluator,
        methods=tuple(results),
        spearman=correlation.spearman,
        kendall=correlation.kendall,
        curves=tuple(cell.curve for name in order for cell in cells[name]),
        examples=tuple(each for name in order for cell in cells[name] for each in cell.examples),
        manifest=manifest(suite=suite_record(suite), **facts),
        pairs=tuple(Pair(better, worse, difference) for (better, worse), difference in differences.items()),
    )


def _of_cells(cells: Sequence[Cell], what: str) -> np.ndarray:
    """A field of the cells by seed, shape [S, ...]; NaN where it is not known."""
    return np.array([getattr(cell, what) for cell in cells], dtype=float)


def _mean_by_prompt(cells: Sequence[Cell]) -> np.ndarray:
    """Mean score of each prompt over samples and seeds, shape [P]; NaN where every answer was abstained on."""
    scores_SPK = _of_cells(cells, "scores_PK")
    known = np.isfinite(scores_SPK)
    total_P, count_P = np.where(known, scores_SPK, 0).sum(axis=(0, 2)), known.sum(axis=(0, 2))
    return np.divide(total_P, count_P, out=np.full(total_P.shape, np.nan), where=count_P > 0)


def _method_results(cells: Mapping[str, Sequence[Cell]], verdicts: Mapping[str, Sequence[Scores]]) -> list[MethodResult]:
    """Every method over its seeds. How much training varies is measured on all methods together: two seeds of one say little."""
    win_rates = win_rates_over_seeds(verdicts)
    gold_rates = means_over_seeds({name: _of_cells(of, "gold_win_rates_P") for name, of in cells.items()})
    gold_values = means_over_seeds({name: _of_cells(of, "gold_values_P") for name, of in cells.items()})
    return [
        MethodResult(
            method=name,
            win_rate=win_rates[name],
            gold_win_rate=gold_rates[name],
            gold_value=gold_values[name],
            kl=mean_over_seeds(_of_cells(of, "kl")[:, None]),
            length=float(np.mean([cell.length for cell in of])),
            seeds=len(of),
            labels=max(cell.labels for cell in of),
            seconds=float(np.mean([sum(cell.seconds.values()) for cell in of])),
            label_abstentions=max(cell.label_abstentions for cell in of),
        )
        for name, of in cells.items()
    ]


def _verdicts(cell: Cell) -> Scores:
    """A cell's verdicts, each with the place of its prompt; abstentions apart."""
    said = [(score, place) for place, row in enumerate(cell.scores_PK) for score in row]
    judged = [(score, place) for score, place in said if score is not None]
    return Scores(np.array([score for score, _ in judged]), [place for _, place in judged], len(said) - len(judged))
