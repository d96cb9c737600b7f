"""A pool fitted to somebody's own labels: every candidate is asked about the labelled pairs, and the mixture that explains the
labels best is written as a TOML, an annotator like any other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...annotators.runner import Session
from ...core.errors import InputError
from ...core.files.tables import check_folder
from ...core.files.writing import write_atomically
from ...core.protocols import Annotator
from ...core.records import score_of
from ...eval.files.labelled_pairs import LabelledPairs
from ...eval.labels.pool_fit import PoolFit, fit_pool

LEAST_SHARE = 0.005  # a member with a smaller share is left out of the file


def fit_to_labels(labelled: LabelledPairs, members: Mapping[str, Annotator], session: Session) -> PoolFit:
    """Shares and flip rate of the `members` that make the labels likeliest.

    Ties and pairs without a verdict are not labels here; every one of several labels of a pair counts. Raises InputError where none
    is left, and BudgetExceeded where a member was asked about some pairs only, for it would be fitted to those."""
    is_label_AN = np.isfinite(labelled.labels_AN) & (labelled.labels_AN != 0.5)
    if not is_label_AN.any():
        raise InputError("there is no decided label to fit to; give preferences with a winner")
    asked, column_N = np.unique(np.nonzero(is_label_AN)[1], return_inverse=True)
    pairs = [labelled.pairs[item] for item in asked]
    p_left = {}
    for name, member in members.items():
        said = session.ask_all(pairs, member).results
        p_left[name] = np.array([score_of(each) for each in said])[column_N]
    labels_N = (labelled.labels_AN[is_label_AN] > 0.5).astype(float)
    return fit_pool(p_left, labels_N, [pairs[place].prompt.content for place in column_N], seed=session.seed)


def check_toml(path: Path) -> None:
    """Raises InputError for a path that `write_pool` and `write_table` could not write after the work."""
    if path.suffix != ".toml":
        raise InputError(f"--out is {str(path)!r}; what is fitted is written as a TOML: give a path that ends in .toml")
    check_folder(path)


def write_pool(path: Path, fit: PoolFit, specs: Mapping[str, Any]) -> None:
    """The fitted pool as a TOML: a mixture by the fitted shares, its labels flipped at the fitted rate. specs: what each member is
    made of, a name or a table with `use`. Raises InputError where noise decides every label."""
    told = {name: each.value for name, each in fit.shares.items() if each.value is not None and each.value >= LEAST_SHARE}
    if not told:
        raise InputError("no member tells anything about these labels: noise decides every one; try other members")
    lines = [
        f"# Fitted to {fit.flip.n} labels: {fit.flip.how}. Held out: {fit.log_loss.value:.4f} nats a label (a coin: 0.6931).",
        'kind = "flip"',
        f"rate = {fit.flip.value:.4f}",
        "",
        "[inner]",
        'use = "mixture"',
        f"weights = [{', '.join(f'{share:.4f}' for share in told.values())}]",
        f"members = [{', '.join(_toml(specs[name]) for name in told)}]",
    ]
    write_atomically(path, "\n".join(lines) + "\n")


def write_table(path: Path, table: Mapping[str, Any]) -> None:
    """A flat TOML of `table`."""
    write_atomically(path, "".join(f"{key} = {_toml(value)}\n" for key, value in table.items()))


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A string of JSON is one of TOML, but for DEL, which has to be escaped, and half a surrogate pair, which no file holds.
    said = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
