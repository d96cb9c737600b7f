"""A run folder: the cells that it holds, each read and written whole or not at all, and what those that it lacks would buy."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.ledger import Quote
from ...core.protocols import Annotator
from ...core.results import read_record
from ...simulators.material import world_items
from .cell import Cell
from .cell_key import cell_key
from .feedback import training_annotator
from .suite import Suite, suite_world

CELL: TypeAdapter[Cell] = TypeAdapter(Cell)
PROBES = 20  # pairs of the world whose dearest is taken for the price of every pair


def cell_path(folder: Path, method: str, seed: int, key: str) -> Path:
    """A cell's file in the run folder: its method and seed, for people, and its key."""
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in method)
    return folder / "cells" / f"{safe}-seed{seed}-{key}.json"


def cell_paths(suite: Suite, folder: Path, session: Session) -> Mapping[tuple[str, int], Path]:
    """The file of each (method, seed)."""
    keys = {method: cell_key(suite, method, session.engine.name if session.engine else "") for method in suite.ranked}
    return {(m, s): cell_path(folder, m, s, key) for m, key in keys.items() for s in range(suite.seeds)}


def write_cell(path: Path, cell: Cell) -> None:
    """Writes a cell as JSON, whole or not at all."""
    write_atomically(path, CELL.dump_json(cell))


def read_cell(path: Path, suite: Suite, method: str, seed: int) -> Cell:
    """The cell of a method and seed. Raises InputError for a file that is none, or another one's."""
    cell = read_record(path, Cell, "a cell that `pasture rank` wrote: delete the file, and it is made again")
    scores = [score for row in cell.scores_PK for score in row if score is not None]
    fits = {
        "another method or seed": (cell.method, cell.seed) == (method, seed),
        "scores of another shape": [len(row) for row in cell.scores_PK] == [suite.samples] * suite.eval_prompts,
        "scores outside of 0 to 1": all(0 <= score <= 1 for score in scores),
        "gold of another length": len(cell.gold_values_P) == len(cell.gold_win_rates_P) == suite.eval_prompts,
        "a count below 0": min(cell.labels, cell.label_abstentions, *cell.seconds.values(), 0) >= 0,
        "examples of another method": {(each.method, each.seed) for each in cell.examples} <= {(method, seed)},
        "a curve of another method": (cell.curve.method, cell.curve.seed) == (method, seed),
    }
    wrong = [fault for fault, holds in fits.items() if not holds]
    if wrong:
        raise InputError(f"{str(path)!r} holds {wrong[0]}; delete it and run `pasture rank` again")
    return cell


class RankingPrice(NamedTuple):
    """Trainings that the run folder lacks and those found in it, the labels and verdicts asked at most, and their price."""

    trainings: int
    found: int
    training_labels: int
    verdicts: int
    quote: Quote


def price_ranking(suite: Suite, folder: Path, session: Session) -> RankingPrice:
    """At most: each method may buy its labels again, beside those that all methods of a seed share. What an answer costs is that of
    the dearest of PROBES pairs of the world's own answers."""
    paths = cell_paths(suite, folder, session)
    missing = [key for key, path in paths.items() if not path.is_file()]
    seeds = {seed for _, seed in missing}
    labels = suite.labels * (len(seeds) + sum(method != "sft" for method, _ in missing))
    verdicts = len(missing) * suite.eval_prompts * suite.samples
    world = suite_world(suite)
    judging = price_of_pairs(suite, make_annotator(suite.evaluator, world=world), session, verdicts)
    quote = price_of_pairs(suite, training_annotator(suite, world), session, labels) + judging
    return RankingPrice(len(missing), len(paths) - len(missing), labels, verdicts, quote)


def price_of_pairs(suite: Suite, annotator: Annotator, session: Session, count: int) -> Quote:
    """Of so many pairs, each as dear as the dearest of a few of the world's own."""
    if session.engine is None:
        return Quote(count)
    return Quote.most([session.price([pair], annotator) for pair in world_items(suite_world(suite), "pair", PROBES)], count)
