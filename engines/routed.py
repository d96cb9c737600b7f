"""Several engines as one: each request goes to the member that its `model` names. For pools and juries of several models.

Its identity is that of all its members, so that no member's answers are taken for another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.protocols import Engine
from ..core.requests import Reply, Request


class Routed:
    """members: engines by the names that requests use. default: whose the requests are that name no model; blank is the member
    called "", or else the first one.

    `prices_by_model` are the members' own; `prices` are the highest of each, for whoever reads those alone.
    """

    def __init__(self, members: Mapping[str, Engine], default: str = "") -> None:
        if not members:
            raise InputError("a routed engine has no members; give at least one, by its name")
        self.default = default if default in members else next(iter(members))
        if default and self.default != default:
            raise InputError(f"the default is {default!r}, which is not a member; the members: {', '.join(map(repr, members))}")
        self.members = dict(members)
        parts = [f"{name}={engine.name}" for name, engine in self.members.items()]
        self.name = f"routed({';'.join(parts)};default={self.default})"
        self.prices_by_model = {name: engine.prices for name, engine in self.members.items()}
        self.prices_by_model.setdefault("", self.members[self.default].prices)
        self.prices = (max(p for p, _ in self.prices_by_model.values()), max(c for _, c in self.prices_by_model.values()))

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]:
        """Member by member, as each answers. A request for an unknown member fails alone."""
        shares: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            name = request.model if request.model in self.members else self.default
            if request.model not in ("", name):
                known = ", ".join(map(repr, self.members))
                yield index, EngineError(f"no member is called {request.model!r}; known: {known}. Name one with --model NAME=MODEL")
            else:
                shares.setdefault(name, []).append(index)
        for name, share in shares.items():
            for position, outcome in self.members[name].generate([replace(requests[index], model="") for index in share]):
                yield share[position], outcome

    def close(self) -> None:
        """Closes the members that can be closed."""
        for engine in self.members.values():
            close: Any = getattr(engine, "close", None)
            if close is not None:
                close()
