"""The cells of a run folder: read and written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from ...core.errors import InputError
from ...core.files.writing import write_atomically
from ...core.results import read_record
from .cell import Cell
from .suite import Suite

CELL: TypeAdapter[Cell] = TypeAdapter(Cell)


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
