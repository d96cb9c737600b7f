"""What `pasture annotate` wrote, as rows of AlpacaEval, so that a judge's verdicts become a leaderboard without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ...core.files.labels import read_labels
from ...core.files.tables import Row


def is_export(rows: Sequence[Row]) -> bool:
    """Whether rows are those that `pasture annotate` writes."""
    return {"p_chosen", "left_was_chosen"} <= set(rows[0])


def exported_rows(path: Path, model: str = "") -> list[Row]:
    """What `pasture annotate` wrote, ties and abstentions beside it too, as rows of AlpacaEval. The model is the side that bears
    the name `model`; where neither side does, it is the left one, as the first of two files of outputs is."""
    rows = list[Row]()
    for pair, p_left, _, annotator in read_labels(path):
        left_is_model = pair.right.model != model or pair.left.model == model
        candidate, baseline = (pair.left, pair.right) if left_is_model else (pair.right, pair.left)
        score = p_left if left_is_model else 1 - p_left
        rows.append({
            "instruction": pair.prompt.text, "annotator": annotator, "preference": None if math.isnan(score) else 1 + score,
            "output_1": baseline.text, "generator_1": baseline.model or "(not named)",
            "output_2": candidate.text, "generator_2": candidate.model,
        })  # fmt: skip
    return rows
