"""Pairs with all labels that people, or a judge that was asked before, gave each of them, in files that `core.files.labels` reads.

Departure from AlpacaEval: labels are matched by the content of the pair, whichever way round a row has it, never by its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UnknownName
from ...core.files.labels import read_labels
from ...core.files.tables import tables_in
from ...core.records import Comparison

BESIDE = (".manifest.json", ".undecided.jsonl")  # what `pasture annotate` puts beside its preferences


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Different pairs, in order of appearance, and up to A labels of each. labels_AN: P(left is better) in [0, 1] as each label has
    it, NaN where a pair has fewer labels, or one without a verdict. dollars_AN: what each cost, NaN where that is not known."""

    pairs: tuple[Comparison, ...]
    labels_AN: np.ndarray
    dollars_AN: np.ndarray

    def first(self, n: int | None) -> LabelledPairs:
        """The first n pairs."""
        return LabelledPairs(self.pairs[:n], self.labels_AN[:, :n], self.dollars_AN[:, :n])

    def labels_of(self, pairs: Sequence[Comparison]) -> np.ndarray:
        """labels_AN of other pairs, matched by content whichever way round; NaN for those that are not here."""
        place = {pair.key: item for item, pair in enumerate(self.pairs)}
        labels_AN = np.full((len(self.labels_AN), len(pairs)), np.nan)
        for column, pair in enumerate(pairs):
            item = place.get(pair.key)
            if item is not None:
                label_A = self.labels_AN[:, item]
                labels_AN[:, column] = label_A if self.pairs[item].left.text == pair.left.text else 1 - label_A
        return labels_AN


def read_labelled(path: Path | str, annotator: str | None = None) -> LabelledPairs:
    """The labels of a file, or of a folder whose files each label the same pairs again (one per seed, by name). A pair that stands
    in several rows has several labels, and so several labellers. annotator: only rows of this one, where the files name any. Raises
    InputError naming file, row and column; UnknownName for an annotator that is not there."""
    path = Path(path)
    files = [each for each in tables_in(path) if not each.name.endswith(BESIDE)] if path.is_dir() else []
    rounds = [list(read_labels(each, as_shown=False)) for each in files or [path]]
    if annotator is not None:
        known = {label.judge for said in rounds for label in said if label.judge}
        if known and annotator not in known:
            raise UnknownName("annotator", annotator, known, f"These label the pairs of {str(path)!r}.")
        rounds = [[label for label in said if not known or label.judge == annotator] for said in rounds]
    pairs, rows = dict[str, Comparison](), list[dict[str, tuple[float, float]]]()
    for said in filter(None, rounds):  # the labels of a round take places of their own, so that the first round's come first
        by_pair = defaultdict[str, list[tuple[float, float]]](list)
        for pair, p_left, dollars, _ in said:
            is_same = pairs.setdefault(pair.key, pair).left.text == pair.left.text
            by_pair[pair.key].append((p_left if is_same else 1 - p_left, dollars))
        most = max(map(len, by_pair.values()))
        rows += [{key: each[row] for key, each in by_pair.items() if row < len(each)} for row in range(most)]
    table = np.array([[row.get(key, (np.nan, np.nan)) for key in pairs] for row in rows]).reshape(len(rows), len(pairs), 2)
    return LabelledPairs(tuple(pairs.values()), table[..., 0], table[..., 1])
