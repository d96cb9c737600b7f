"""A question put to a language model, from a file of `templates/` whose every part can be replaced: what all prompted annotators
are made of. `Question` asks one about one item, holds the answer to a JSON Schema, and reads it; annotators that ask in several
steps share `together`, `heard`, `label_p_left` and `prose`.

Reasons stand before the verdict in every schema, so that they are written first (Wei et al. 2022, arXiv:2201.11903). Not every
engine holds to a schema, so `parsing` reads what comes."""

import asyncio
import json
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from ...core.errors import EngineError, InputError
from ...core.protocols import Ask, Rng, Unread
from ...core.records import Abstention, Feedback, Item, Message, Polarity, Reason
from ...core.registry import check_types
from ...core.requests import Reply, Request, Sampling, label_shares
from ..annotator import Traits, contained, foremost, request_seed
from ..parsing.objects import read_prose
from .template import Kind, Template

SHOWN_OF_A_REPLY = 60  # characters of an unreadable reply that its abstention shows


def _said_once(
    *, name: str, system: str, shared: str, persona: str, ask: str, think: str, max_tokens: int, temperature: float
) -> None:
    """Of what types the parts of every template are."""


class Prompted:
    """The question of `templates/<template>.toml`, any of its parts replaced.

    parts: the file's keys, given where the file's own are not wanted; None leaves the file's. They are `name`, `system` (blank for
    none), `shared`, the item's part (called `pair`, `answer` or `slate`, as `kind` says), `persona` (who judges), `ask` (the
    question at the end), `think` (which takes the place of `ask` where the model thinks first), `max_tokens` and `temperature`.
    schema: the JSON Schema that the answer is held to, where the engine can. thinks: end with `think`; `ask` is then put by
    `verdict_after`. Raises InputError for an unknown part, one that nothing would use, and a template that does not fit (see
    `Template`)."""

    def __init__(
        self,
        template: str,
        *,
        kind: Kind = "pair",
        extras: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        labels: Sequence[str] = (),
        thinks: bool = False,
        **parts: Any,
    ) -> None:
        own = template_file(template)
        known = ("name", "system", "shared", kind, "persona", "ask", "think", "max_tokens", "temperature", *own)
        for part in (each for each in parts if each not in known):
            raise InputError(f"the template {template!r} has no part {part!r}; its parts: {', '.join(dict.fromkeys(known))}")
        given = {key: each for key, each in parts.items() if each is not None}
        check_types(_said_once, given, f"the template {template!r}")
        unused = [] if thinks else [each for each in ("think", *(("max_tokens", "temperature") if labels else ())) if each in given]
        if unused:
            which = "`think`, `max_tokens` and `temperature` are" if labels else "`think` is"
            why = f"{which} of a judge that thinks first; give it thinks = true, or leave this out"
            raise InputError(f"the template {template!r} was given {unused[0]} = {given[unused[0]]!r}: {why}")
        merged = own | {key: each for key, each in given.items() if key != "name" or each}
        self.name = str(merged.get("name", template))
        self.ask = str(merged.get("ask", "")).strip()
        if thinks and not (self.ask and merged.get("think")):
            raise InputError(f"the template of {self.name!r} is to think first and has no `think` or no `ask`; give it both")
        last = "\n\n".join(each for each in (merged.get("persona", ""), merged["think"] if thinks else self.ask) if each)
        self.template = Template(self.name, merged.get("shared", ""), merged.get(kind, ""), last, kind=kind, extras=extras)
        self._before = (Message("system", merged["system"]),) if merged.get("system") else ()
        self._labels = tuple(labels)
        try:
            self.sampling = Sampling(
                max_tokens=int(merged.get("max_tokens", 1 if labels and not thinks else 512)),
                temperature=float(merged.get("temperature", 0.0)),
                labels=() if thinks else self._labels,
                schema=json.dumps(schema, ensure_ascii=False) if schema else "",
            )
        except ValueError as error:
            raise InputError(f"the template {template!r} cannot be asked: {error}; give another, or leave it out") from error

    def request(self, item: Item, seed: int = 0, **extras: str | Sequence[str]) -> Request:
        """The question about `item`. seed: of the engine's draws, where the temperature is not 0."""
        asked = Message("user", self.template.render(item, **extras))
        sampling = replace(self.sampling, seed=seed) if seed else self.sampling
        return Request((*self._before, asked), sampling)

    def verdict_after(self, request: Request, thoughts: Reply) -> Request:
        """The second turn of one that thinks first: its thoughts, and `ask`, answered by one label."""
        turns = (*request.messages, Message("assistant", thoughts.text), Message("user", self.ask))
        return Request(turns, Sampling(max_tokens=1, labels=self._labels), model=request.model)

    def unread(self, item: Item, request: Request, reply: Reply, why: str) -> Abstention:
        """The abstention for a reply that could not be read; the runner takes that reply out of the store."""
        return unread(item, request, reply, why, self.name)


def unread(item: Item, request: Request, reply: Reply, why: str, annotator: str) -> Abstention:
    """The same of an annotator without a template of its own."""
    said = f"{why}; it said {reply.text[:SHOWN_OF_A_REPLY]!r}"
    return Abstention(item, Reason.UNPARSABLE, annotator, said, unread=(request,))


@cache
def template_file(name: str) -> dict[str, Any]:
    """The parts of a shipped template. Raises InputError where there is none of this name."""
    folder = files(__package__ or "").joinpath("templates")
    try:
        found = tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))
        raise InputError(f"there is no shipped template {name!r}; there are: {', '.join(known)}") from None
    return {key: value for key, value in found.items() if key != "kind"}


def json_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a JSON object that has exactly these properties, in their order (a rationale before its verdict)."""
    return {"type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
POLARITY = {"enum": [each.value for each in Polarity]}


class Question(ABC):
    """Asks one question about one item and reads the one reply. parts: replace those of the template (see `Prompted`)."""

    traits: ClassVar[Traits]
    template: ClassVar[str]
    properties: ClassVar[Mapping[str, Any]]
    extras: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str = "", **parts: Any) -> None:
        schema = json_schema(self.properties)
        self.prompted = Prompted(self.template, kind=self.traits.item, extras=self.extras, schema=schema, name=name, **parts)
        self.name = self.prompted.name

    @abstractmethod
    def read(self, item: Item, said: str) -> Feedback | Abstention | None:
        """The record of a reply's text; None where it cannot be read."""

    async def annotate(self, item: Item, ask: Ask, rng: Rng) -> Feedback | Abstention:
        return await self.asked(item, ask, rng)

    async def asked(self, item: Item, ask: Ask, rng: Rng, **extras: str) -> Feedback | Abstention:
        """The answer to the template filled with `item` and `extras`."""
        request = self.prompted.request(item, request_seed(rng), **extras)
        reply = await ask(request)
        read = self.read(item, reply.text)
        return self.prompted.unread(item, request, reply, f"no plain {' and '.join(self.properties)}") if read is None else read


def parts(name: str, given: Mapping[str, Any] | None, **own: Any) -> dict[str, Any]:
    """The parts of a template (see `Prompted`): an annotator's own, and those that its caller gave in their place."""
    return {"name": name, **own, **(given or {})}


async def together(asked: Iterable[Awaitable[Any]]) -> list[Any]:
    """What each of them gives, in order. All are paid for, so all are waited for before a failure is raised; the unread
    requests of all are named then."""
    said = await asyncio.gather(*map(contained, asked), return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException) and not isinstance(each, Unread):
            raise each
    if silent := [each.because for each in said if isinstance(each, Unread)]:
        raise Unread(foremost(silent))
    return said


async def heard(asked: Iterable[Awaitable[Any]], item: Item, annotator: str) -> tuple[list[Any], tuple[Abstention, ...]]:
    """What those of them give that can be had, in order, and an abstention for each that was Unread or met an EngineError. All are
    waited for before BudgetExceeded, or any other failure, is raised."""
    said = await asyncio.gather(*map(contained, asked), return_exceptions=True)
    found, silent = list[Any](), list[Abstention]()
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
    """P(first label) among the two, see `label_shares`. Raises Unread where they are not a vote."""
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
