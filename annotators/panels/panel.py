"""Asking several about one pair at once: those who answer are the parts of the verdict, those who do not are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

import numpy as np

from ...core.errors import EngineError
from ...core.protocols import Annotator, Ask
from ...core.records import Abstention, Comparison, Preference, Reason
from ..wrappers.pairwise import renamed, verdict_of


async def ask_all(
    pair: Comparison, asked: Sequence[Awaitable[Preference | Abstention]], name: str
) -> tuple[tuple[Preference, ...], tuple[Abstention, ...]]:
    """(verdicts, abstentions) of those asked, in their order. An engine's failure silences only the one whom it met."""

    async def one(verdict: Awaitable[Preference | Abstention]) -> Preference | Abstention:
        try:
            return await verdict
        except EngineError as error:
            return Abstention(pair, Reason.ENGINE_FAILED, name, str(error))

    said = await asyncio.gather(*map(one, asked))
    verdicts = tuple(each for each in said if isinstance(each, Preference))
    return verdicts, tuple(each for each in said if isinstance(each, Abstention))


async def ask_member(member: Annotator, pair: Comparison, ask: Ask, rng: np.random.Generator, name: str) -> Preference | Abstention:
    """The verdict of one member in the panel's `name`; its `persona` says which member gave it."""
    verdict = verdict_of(await member.annotate(pair, ask, rng), member.name, name)
    if isinstance(verdict, Abstention):
        return renamed(verdict, name)
    return replace(verdict, annotator=name, persona=verdict.persona or member.name)


def foremost(silent: Sequence[Abstention]) -> Abstention:
    """The one that speaks for all who gave nothing: the first that could not be read, else the first; with the unread requests of
    all."""
    first = next((each for each in silent if each.reason is Reason.UNPARSABLE), silent[0])
    return replace(first, unread=tuple(request for each in silent for request in each.unread))


def nobody(pair: Comparison, silent: Sequence[Abstention], name: str) -> Abstention:
    """The abstention of a panel none of whom gave a verdict."""
    why = f"none of {len(silent)} gave a verdict; the first: {silent[0].detail}"
    because = foremost(silent)
    return Abstention(pair, because.reason, name, why, unread=because.unread)


def mean_verdict(
    pair: Comparison, verdicts: Sequence[Preference], silent: Sequence[Abstention], name: str
) -> Preference | Abstention:
    """The mean of p_left over those who gave a verdict, who are its parts."""
    if not verdicts:
        return nobody(pair, silent, name)
    return Preference(pair, float(np.mean([each.p_left for each in verdicts])), name, parts=tuple(verdicts), silent=tuple(silent))
