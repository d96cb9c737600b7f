"""One question to a language model about one item: a template of `templates/`, the JSON Schema of the answer, and `read`, which
makes the record of a reply or gives None; then the annotator abstains.

Reasons stand before the verdict in every schema, so that they are written first (Wei et al. 2022, arXiv:2201.11903). Not every
engine holds to a schema, so `parsing` reads what comes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...core.protocols import Ask
from ...core.records import Abstention, Feedback, Item, Polarity
from ..traits import Traits
from ..wrappers.pairwise import request_seed
from .prompted import Prompted, json_schema

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

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention:
        return await self.asked(item, ask, rng)

    async def asked(self, item: Item, ask: Ask, rng: np.random.Generator, **extras: str) -> Feedback | Abstention:
        """The answer to the template filled with `item` and `extras`."""
        request = self.prompted.request(item, request_seed(rng), **extras)
        reply = await ask(request)
        read = self.read(item, reply.text)
        return self.prompted.unread(item, request, reply, f"no plain {' and '.join(self.properties)}") if read is None else read
