"""The judge that follows a constitution, given or extracted from preferences: Inverse Constitutional AI (Findeis et al. 2024,
arXiv:2406.06560). The verdict is read from label log-probabilities."""

import asyncio
import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....core.errors import InputError
from ....core.files.labels import read_preferences
from ....core.files.reading import read_text
from ....core.protocols import Ask, Rng, Unread
from ....core.records import Abstention, Comparison, Item, Preference, Reason
from ....core.registry import check_types
from ...annotator import Traits, pair_of
from ...panels.panel import nobody
from ...prompting.prompted import label_p_left
from .extraction import Extraction, Voter, extract

FIT = tuple(name for name in inspect.signature(extract).parameters if name not in ("preferences", "ask", "voter"))
"""Options of the extraction."""


class Icai:
    """Judges by principles. Give one of:

    constitution: the principles, a list of sentences, or a text file with one a line (blank lines and lines that begin with `#`
        are not read).
    preferences: preferences to extract them from, or a file of them; that is done by the same engine when the first pair is judged,
        and its requests are kept, budgeted and resumed as all others (`fit` holds the options of `extract`).
    judge: parts that replace those of `templates/icai.toml`. Abstains where the verdict cannot be read, and, while preferences are
    its source, where no principle was found."""

    traits = Traits(engine=True)

    def __init__(
        self,
        constitution: Sequence[str] | str | Path | None = None,
        preferences: Sequence[Preference] | str | Path | None = None,
        fit: dict[str, Any] | None = None,
        judge: dict[str, Any] | None = None,
        name: str = "icai",
    ) -> None:
        if (constitution is None) == (preferences is None):
            raise InputError("`icai` follows a `constitution` or extracts one from `preferences`; give one of the two")
        if fit and preferences is None:
            raise InputError(f"`fit` = {fit} says how to extract a constitution, and one was given; leave out one of the two")
        for option in (each for each in fit or {} if each not in FIT):
            raise InputError(f"`fit` has no option {option!r}; its options: {', '.join(FIT)}")
        check_types(extract, fit or {}, "`fit`")
        self.name = name
        self.voter = Voter(name=name, **(judge or {}))
        self.extraction: Extraction | None = None
        self._given = None if constitution is None else _principles(constitution)
        labelled = read_preferences(preferences) if isinstance(preferences, str | Path) else preferences
        self._preferences = tuple(labelled or ())
        self._fit = dict(fit or {})
        self._fitting: tuple[asyncio.AbstractEventLoop, asyncio.Task[Extraction]] | None = None

    @property
    def constitution(self) -> tuple[str, ...]:
        """The principles; empty until they are extracted."""
        extracted = self.extraction.constitution if self.extraction else ()
        return extracted if self._given is None else self._given

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Preference | Abstention:
        pair = pair_of(item, self.name)
        unheard: tuple[Abstention, ...] = ()
        try:
            if self._given is None and self.extraction is None:
                unheard = await self._extract(pair, ask)
            if not self.constitution:
                why = "no principle that was proposed agrees with the preferences"
                said = Abstention(pair, Reason.NOT_APPLICABLE, self.name, why)
            else:
                request = self.voter.request(pair, self.constitution)
                p_left = await label_p_left(request, self.voter.labels, pair, ask, self.name)
                return Preference(pair, p_left, self.name, silent=unheard)
        except Unread as unread:
            said = replace(unread.because, item=pair, annotator=self.name)
        return replace(said, unread=said.unread + tuple(request for each in unheard for request in each.unread))

    async def _extract(self, pair: Comparison, ask: Ask) -> tuple[Abstention, ...]:
        """One extraction a run, by the first item that asks, whose answer then says which were not answered in it; a run that fails
        leaves the next one to try again."""
        loop = asyncio.get_running_loop()
        leads = self._fitting is None or self._fitting[0] is not loop
        if leads:
            work = extract(self._preferences, ask, voter=self.voter, **self._fit)
            self._fitting = (loop, loop.create_task(work))
        assert self._fitting is not None
        try:
            found = await asyncio.shield(self._fitting[1])
            if found.says_nothing:
                raise Unread(nobody(pair, found.silent, self.name))
        except Unread:
            if leads:  # so that the runner, which asks for what it held and could not read once more, is heard
                self._fitting = None
            raise
        self.extraction = found
        return found.silent if leads else ()


def _principles(given: Sequence[str] | str | Path) -> tuple[str, ...]:
    if isinstance(given, str | Path):
        lines = read_text(given, "a text file with one principle per line, or a list").splitlines()
        given = [line for line in lines if not line.startswith("#")]
    if not all(isinstance(each, str) for each in given):
        raise InputError(f"the constitution is {given!r}; it is a list of sentences")
    found = tuple(each.strip() for each in given if each.strip())
    if not found:
        raise InputError("the constitution holds no principle; give at least one sentence")
    return found
