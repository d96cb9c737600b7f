"""Pairs of a file that may be too large for memory: checked in one reading, then read anew whenever they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..errors import InputError
from ..records import Comparison, Prompt
from .pair_rows import check_ids, iter_pairs
from .tables import iter_rows


class PairFile:
    """`formats.read_pairs` without the list: its pairs, or the first `limit`, each time one iterates over it. Of .jsonl, .csv (also
    .gz) and .parquet few are in memory at a time.

    All rows are checked when it is made, so that a bad one at the end is known before there is work done. Raises InputError as
    `read_pairs` does.
    """

    def __init__(self, path: Path | str, limit: int | None = None) -> None:
        self.path = Path(path)
        self.has_history = False
        """Whether any of the prompts is a conversation."""
        self._count, self._limit = 0, limit
        check_ids(self.path, self._prompts)

    def __len__(self) -> int:
        return self._count if self._limit is None else min(self._count, self._limit)

    def __iter__(self) -> Iterator[Comparison]:
        number = 0
        for number, pair in enumerate(islice(self._pairs(), len(self)), 1):  # noqa: B007 (it is how many there were)
            yield pair
        if number < len(self):
            raise InputError(f"{str(self.path)!r} had {len(self)} pairs and now has {number}; leave it alone while it is read")

    def _pairs(self) -> Iterator[Comparison]:
        return iter_pairs(iter_rows(self.path), self.path)

    def _prompts(self) -> Iterator[Prompt]:
        """All of them; on the way they are counted."""
        self._count = 0
        for pair in self._pairs():
            self._count += 1
            self.has_history |= bool(pair.prompt.history) and (self._limit is None or self._count <= self._limit)
            yield pair.prompt
