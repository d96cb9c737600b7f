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
from pathlib import Path

from ...annotators.runner import Session
from ...core.files.writing import write_atomically, writing
from ...core.results import RankingResult
from ...simulators import WORLDS
from .aggregation import aggregate
from .cell import check_truth, run_cell
from .feedback import suite_session
from .ground import make_ground
from .run_folder import cell_paths, read_cell, write_cell
from .suite import Suite, check_suite, suite_world

Report = Callable[[int, int, str], None]
"""Called with (cells done, cells in all, what was last done)."""
Paths = Mapping[tuple[str, int], Path]
"""Where the cell of each method and seed is kept."""


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
    missing, stages = sorted({seed for _, seed in paths.keys() - cells.keys()}), dict[str, float]()
    if missing:
        report(len(cells), len(paths), "preparing the base policy")

        def pretraining(step: int, steps: int, loss: float) -> None:
            report(len(cells), len(paths), f"pre-training the base policy, once: step {step} of {steps}, loss {loss:.2f}")

        # Here, so that what is trained and cached is so once, and not by every process.
        with WORLDS.explained(suite.world):
            check_truth(suite, suite_world(suite).base_policy(missing[0], on_progress=pretraining))
        stages["base policy"] = time.perf_counter() - started
        for grounds in _run_seeds(suite, folder, paths, missing, 1 if session.engine else jobs, report, session):
            _add(stages, grounds)
    by_method = {m: [cells.get((m, s)) or read_cell(paths[m, s], suite, m, s) for s in range(suite.seeds)] for m in suite.ranked}
    for cell in (each for of_method in by_method.values() for each in of_method):
        _add(stages, cell.seconds)
    facts = {"trainings": len(paths), "trainings_found": len(cells), "seconds_by_stage": stages}
    result = aggregate(suite, by_method, seconds=time.perf_counter() - started, **facts)
    result.save(folder / "ranking.json")
    write_atomically(folder / "manifest.json", json.dumps(result.manifest, indent=1) + "\n")
    return result


def _add(totals: dict[str, float], more: Mapping[str, float]) -> None:
    for stage, seconds in more.items():
        totals[stage] = totals.get(stage, 0.0) + seconds


def _run_seeds(
    suite: Suite, folder: Path, paths: Paths, seeds: Sequence[int], jobs: int, report: Report, session: Session
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
