"""Which method is better? Methods x seeds under one source of feedback, ranked by an evaluator and by gold.

Every method gets the same labels, prompts and starting policy; the evaluator is the training pool without its noise, blind
to the makers of answers; gold is what the world knows. Seeds run in processes of their own. A finished cell is a file in the
run folder, so that a run that was killed goes on where it stood, and a longer one reuses what is there."""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...annotators.runner import Session
from ...core.files.writing import write_atomically, writing
from ...core.manifest import manifest
from ...core.records import Estimate
from ...core.results import MethodResult, Pair, RankingResult
from ...eval.intervals.clusters import Scores, mean_over_seeds, means_over_seeds
from ...eval.rankings.rank_correlation import RankCorrelation, rank_correlation
from ...eval.win_rates.difference import paired_differences
from ...eval.win_rates.win_rate import win_rates_over_seeds
from ...simulators import WORLDS
from .cell import Cell, check_truth, make_ground, run_cell
from .feedback import suite_session, training_annotator
from .run_folder import cell_paths, read_cell, write_cell
from .suite import Suite, check_suite, suite_record, suite_world

Report = Callable[[int, int, str], None]  # called with (cells done, cells in all, what was last done)
Paths = Mapping[tuple[str, int], Path]  # where the cell of each method and seed is kept


def rank(
    suite: Suite, folder: Path, *, session: Session | None = None, jobs: int = 2, report: Report = lambda done, total, what: None
) -> RankingResult:
    """Runs what the folder lacks, and aggregates.

    session: how annotators are asked; by default the suite's engine, without a budget. Raises InputError before any work where a
    name or setting is unknown, or where a cell in the folder cannot be read, and BudgetExceeded where the session's budget ended:
    finished cells are kept."""
    check_suite(suite)
    if session is None:
        with suite_session(suite, folder / "store.sqlite") as session:
            return rank(suite, folder, session=session, jobs=jobs, report=report)
    started = time.perf_counter()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # Once, at the start: a method's file that is edited meanwhile changes what the next run is called, and not this one.
    paths = cell_paths(suite, folder, session)
    cells = {key: read_cell(path, suite, *key) for key, path in paths.items() if path.is_file()}
    missing, spent = sorted({seed for _, seed in paths.keys() - cells.keys()}), list[Mapping[str, float]]()
    if missing:
        report(len(cells), len(paths), "preparing the base policy")

        def pretraining(step: int, steps: int, loss: float) -> None:
            report(len(cells), len(paths), f"pre-training the base policy, once: step {step} of {steps}, loss {loss:.2f}")

        # Here, so that what is trained and cached is so once, and not by every process.
        with WORLDS.explained(suite.world):
            check_truth(suite, suite_world(suite).base_policy(missing[0], on_progress=pretraining))
        spent.append({"base policy": time.perf_counter() - started})
        spent += _run_seeds(suite, paths, missing, 1 if session.engine else jobs, report, session)
    by_method = {m: [cells.get((m, s)) or read_cell(paths[m, s], suite, m, s) for s in range(suite.seeds)] for m in suite.ranked}
    spent += [cell.seconds for of_method in by_method.values() for cell in of_method]
    stages = {stage: sum(each.get(stage, 0.0) for each in spent) for stage in dict.fromkeys(chain.from_iterable(spent))}
    facts = {"trainings": len(paths), "trainings_found": len(cells), "seconds_by_stage": stages}
    result = aggregate(suite, by_method, seconds=time.perf_counter() - started, **facts)
    result.save(folder / "ranking.json")
    write_atomically(folder / "manifest.json", json.dumps(result.manifest, indent=1) + "\n")
    return result


def _run_seeds(
    suite: Suite, paths: Paths, seeds: Sequence[int], jobs: int, report: Report, session: Session
) -> list[Mapping[str, float]]:
    """Runs the seeds, in processes where that pays; the stages of each seed's ground come back."""

    def progress() -> None:
        report(sum(path.is_file() for path in paths.values()), len(paths), "training and judging")

    if jobs == 1 or len(seeds) == 1:
        return [run_seed(suite, paths, seed, session, progress) for seed in seeds]
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(min(jobs, len(seeds)), context, _end_with_parent) as pool:
        futures = [pool.submit(run_seed, suite, paths, seed) for seed in seeds]
        while wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
            progress()
            for failed in [each for each in futures if each.done() and each.exception()]:
                pool.shutdown(wait=False, cancel_futures=True)
                failed.result()
        return [each.result() for each in futures]


def _end_with_parent() -> None:
    """In a process of the pool: it ends when its parent is gone, however that was ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="pasture-parent", daemon=True).start()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside use one thread each: the models are small, and two threads on them cost more than they give."""
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_seed(
    suite: Suite, paths: Paths, seed: int, session: Session | None = None, progress: Callable[[], None] = lambda: None
) -> Mapping[str, float]:
    """All cells of one seed that the folder lacks; the stages of the seed's ground come back. session: None in a process of its
    own, where no engine is asked."""
    session = session or Session()
    with WORLDS.explained(suite.world):
        ground = make_ground(suite, seed, session)
        for method in suite.ranked:
            if not paths[method, seed].is_file():
                write_cell(paths[method, seed], run_cell(suite, method, seed, ground, session))
                progress()
    return ground.seconds


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
