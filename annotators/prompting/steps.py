"""What annotators that ask in several steps share: waiting for all that was asked, and reading the prose of a step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from ...core.errors import EngineError
from ...core.protocols import Ask, Unread
from ...core.records import Abstention, Item, Reason
from ...core.requests import Request, label_shares
from ..panels.panel import foremost
from ..parsing.objects import read_prose
from .prompted import unread


def parts(name: str, given: Mapping[str, Any] | None, **own: Any) -> dict[str, Any]:
    """The parts of a template (see `Prompted`): an annotator's own, and those that its caller gave in their place."""
    return {"name": name, **own, **(given or {})}


async def together(asked: Iterable[Awaitable[Any]]) -> list[Any]:
    """What each of them gives, in order. All are paid for, so all are waited for before a failure is raised; the unread
    requests of all are named then."""
    said = await asyncio.gather(*asked, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException) and not isinstance(each, Unread):
            raise each
    silent = [each.because for each in said if isinstance(each, Unread)]
    if silent:
        raise Unread(foremost(silent))
    return said


async def heard(asked: Iterable[Awaitable[Any]], item: Item, annotator: str) -> tuple[list[Any], tuple[Abstention, ...]]:
    """What those of them give that can be had, in order, and an abstention for each that was Unread or met an EngineError. All are
    waited for before BudgetExceeded, or any other failure, is raised."""
    said = await asyncio.gather(*asked, return_exceptions=True)
    found: list[Any] = []
    silent: list[Abstention] = []
    for each in said:
        if isinstance(each, Unread):
            silent.append(each.because)
        elif isinstance(each, EngineError):
            silent.append(Abstention(item, Reason.ENGINE_FAILED, annotator, str(each)))
        elif isinstance(each, BaseException):
            raise each
        else:
            found.append(each)
    return found, tuple(silent)


async def label_p_left(request: Request, labels: tuple[str, str], item: Item, ask: Ask, annotator: str) -> float:
    """P(first label) among the two, see `label_shares`. Raises Unread where they are no vote."""
    reply = await ask(request)
    read = label_shares(reply, labels)
    if read.why:
        raise Unread(unread(item, request, reply, read.why, annotator))
    return read.shares[labels[0]]


async def prose(request: Request, key: str, item: Item, ask: Ask, annotator: str) -> str:
    """The text that a step writes: the property `key` of the JSON object asked for, or all of a reply that is plain prose (see
    `read_prose`). Raises Unread where there is neither."""
    reply = await ask(request)
    text = read_prose(reply.text, key)
    if text is None:
        raise Unread(unread(item, request, reply, f"no {key!r} in the reply", annotator))
    return text
