"""Which method is better? Methods x seeds under one source of feedback, ranked by an evaluator and by gold.

Every method gets the same labels, prompts and starting policy; the evaluator is the training pool without its noise, blind
to who made an answer; gold is what the world knows. Seeds run in processes of their own. A finished cell is a file in the
run folder, so that a run that was killed goes on where it stood, and a longer one reuses what is there.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from ...annotators import ANNOTATORS
from ...core.manifest import manifest, write_atomically
from ...core.registry import Registry
from ...core.results import MethodResult, RankingResult
from ...core.seeds import digest
from ...core.store import Store
from ...eval.intervals.clusters import Scores
from ...eval.intervals.mean import mean_over_seeds, means_over_seeds
from ...eval.rankings.rank_correlation import rank_correlation
from ...eval.win_rates.win_rate import win_rates_over_seeds
from ...methods import METHODS
from .cell import Cell, check_suite, make_ground, run_cell, suite_world, training_annotator
from .suite import Suite

ROOMS = ("core", "policies", "simulators", "annotators", "methods", "engines")

CELL: TypeAdapter[Cell] = TypeAdapter(Cell)

Report = Callable[[int, int, str], None]
"""Called with (cells done, cells in all, what was last done)."""


Paths = Mapping[tuple[str, int], Path]
"""Where the cell of each method and seed is kept."""


def rank(suite: Suite, folder: Path, *, jobs: int = 2, report: Report = lambda done, total, what: None) -> RankingResult:
    """Runs what the folder lacks, and aggregates. Raises InputError before any work where a name or setting is unknown."""
    check_suite(suite)
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    # Once, at the start: a method's file that is edited meanwhile changes what the next run is called, and not this one.
    paths = {(m, s): _path(suite, folder, m, s) for m in suite.ranked for s in range(suite.seeds)}
    missing = sorted({seed for (_, seed), path in paths.items() if not path.is_file()})
    found = sum(path.is_file() for path in paths.values())
    stages: dict[str, float] = {}
    if missing:
        report(found, len(paths), "preparing the base policy")

        def pretraining(step: int, steps: int, loss: float) -> None:
            report(found, len(paths), f"pre-training the base policy, once: step {step} of {steps}, loss {loss:.2f}")

        # Here, so that what is trained and cached is so once, and not by every process.
        suite_world(suite).base_policy(missing[0], on_progress=pretraining)
        stages["base policy"] = time.perf_counter() - started
        for grounds in _run_seeds(suite, folder, paths, missing, 1 if suite.engine else jobs, report):
            _add(stages, grounds)
    cells = {m: [CELL.validate_json(paths[m, s].read_bytes()) for s in range(suite.seeds)] for m in suite.ranked}
    for cell in (each for of_method in cells.values() for each in of_method):
        _add(stages, cell.seconds)
    seconds = time.perf_counter() - started
    facts = {"seconds": seconds, "trainings": len(paths), "trainings_found": found, "seconds_by_stage": stages}
    result = aggregate(suite, cells, **facts)
    result.save(folder / "ranking.json")
    write_atomically(folder / "manifest.json", json.dumps(result.manifest, indent=1) + "\n")
    return result


def _add(totals: dict[str, float], more: Mapping[str, float]) -> None:
    for stage, seconds in more.items():
        totals[stage] = totals.get(stage, 0.0) + seconds


def _run_seeds(
    suite: Suite, folder: Path, paths: Paths, seeds: Sequence[int], jobs: int, report: Report
) -> list[Mapping[str, float]]:
    """Runs the seeds, in processes where that pays; the stages of each seed's ground come back."""

    def progress() -> None:
        report(sum(path.is_file() for path in paths.values()), len(paths), "training and judging")

    if jobs == 1 or len(seeds) == 1:
        return [run_seed(suite, folder, paths, seed, progress) for seed in seeds]
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(min(jobs, len(seeds)), mp_context=context) as pool:
        futures = [pool.submit(run_seed, suite, folder, paths, seed) for seed in seeds]
        while wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
            progress()
            for failed in [each for each in futures if each.done() and each.exception()]:
                pool.shutdown(wait=False, cancel_futures=True)
                failed.result()
        return [each.result() for each in futures]


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
    suite: Suite, folder: Path, paths: Paths, seed: int, progress: Callable[[], None] = lambda: None
) -> Mapping[str, float]:
    """All cells of one seed that the folder lacks; the stages of the seed's ground come back."""
    store = Store(folder / "store.sqlite") if suite.engine else None
    ground = make_ground(suite, seed, store)
    for method in suite.ranked:
        if not paths[method, seed].is_file():
            cell = run_cell(suite, method, seed, ground, store)
            write_atomically(paths[method, seed], CELL.dump_json(cell).decode())
            progress()
    return ground.seconds


def _path(suite: Suite, folder: Path, method: str, seed: int) -> Path:
    """A cell's file. Its name holds a digest of all that can change the cell: the suite but for how much of it is run, Pasture's
    own source, and that of a method or an annotator of the user's."""
    told = asdict(replace(suite, ranked=(), seeds=1, methods={m: suite.methods.get(m, {}) for m in ("sft", method)}))
    sources = [_source(METHODS, method), _source(ANNOTATORS, suite.feedback), _source(ANNOTATORS, suite.evaluator)]
    key = digest(json.dumps(told, sort_keys=True), _own_source(), *sources).hex()[:10]
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in method)
    return folder / "cells" / f"{safe}-seed{seed}-{key}.json"


@cache
def _own_source() -> str:
    """Digest of the rooms that a cell is made in."""
    root = Path(__file__).parents[2]
    files = sorted(path for room in ROOMS for path in (root / room).rglob("*") if path.suffix in (".py", ".toml"))
    return digest(*(path.read_text(encoding="utf-8") for path in (*files, root / "benchmarks" / "ranking" / "cell.py"))).hex()


def _source(registry: Registry, name: str) -> str:
    """The source of what a user brought, the name of what is built in."""
    if name in registry.table:
        return name
    if name.endswith(".toml"):
        return Path(name).read_text(encoding="utf-8")
    found = registry.load(name)
    module = found if isinstance(found, ModuleType) else inspect.getmodule(found)
    path = getattr(module, "__file__", None)
    return Path(path).read_text(encoding="utf-8") if path else repr(found)


def aggregate(suite: Suite, cells: dict[str, list[Cell]], **facts: Any) -> RankingResult:
    """The ranking by the evaluator, best first, beside the one by gold, and their correlation with an interval."""
    results = _method_results(cells)
    results.sort(key=lambda each: -(each.win_rate.value if each.win_rate.value is not None else -1.0))
    order = [each.method for each in results]
    judged_MP = np.array([_mean_by_prompt(cells[name]) for name in order])
    gold_MP = np.array([np.mean([cell.gold_win_rates_P for cell in cells[name]], axis=0) for name in order])
    correlation = rank_correlation(judged_MP, gold_MP, seed=0)
    return RankingResult(
        world=suite.world,
        feedback=training_annotator(suite, suite_world(suite)).name,
        evaluator=suite.evaluator,
        methods=tuple(results),
        spearman=correlation.spearman,
        kendall=correlation.kendall,
        curves=tuple(cell.curve for name in order for cell in cells[name]),
        examples=tuple(each for name in order for cell in cells[name] for each in cell.examples),
        manifest=manifest(suite=json.loads(json.dumps(asdict(suite))), **facts),
    )


def _mean_by_prompt(cells: Sequence[Cell]) -> np.ndarray:
    """Mean score of each prompt over samples and seeds, shape [P]; NaN where every answer was abstained on."""
    scores_SPK = np.array([cell.scores_PK for cell in cells], dtype=float)
    known = np.isfinite(scores_SPK)
    total_P, count_P = np.where(known, scores_SPK, 0).sum(axis=(0, 2)), known.sum(axis=(0, 2))
    return np.divide(total_P, count_P, out=np.full(total_P.shape, np.nan), where=count_P > 0)


def _method_results(cells: dict[str, list[Cell]]) -> list[MethodResult]:
    """Every method over its seeds. How much training varies is measured on all methods together: two seeds of one say little."""
    win_rates = win_rates_over_seeds({name: [_verdicts(cell) for cell in of] for name, of in cells.items()})
    gold_rates = means_over_seeds({name: np.array([cell.gold_win_rates_P for cell in of]) for name, of in cells.items()})
    gold_values = means_over_seeds({name: np.array([cell.gold_values_P for cell in of]) for name, of in cells.items()})
    return [
        MethodResult(
            method=name,
            win_rate=win_rates[name],
            gold_win_rate=gold_rates[name],
            gold_value=gold_values[name],
            kl=mean_over_seeds(np.array([[cell.kl] for cell in of])),
            length=float(np.mean([cell.length for cell in of])),
            seeds=len(of),
            labels=max(cell.labels for cell in of),
            seconds=float(np.mean([sum(cell.seconds.values()) for cell in of])),
        )
        for name, of in cells.items()
    ]


def _verdicts(cell: Cell) -> Scores:
    """A cell's verdicts, each with the place of its prompt; abstentions apart."""
    said = [(score, place) for place, row in enumerate(cell.scores_PK) for score in row]
    judged = [(score, place) for score, place in said if score is not None]
    return Scores(np.array([score for score, _ in judged]), [place for _, place in judged], len(said) - len(judged))
