"""Text generation behind one protocol, `core.protocols.Engine`. Importing this imports no torch."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.errors import EngineError, InputError
from ..core.protocols import Engine
from ..core.public import public
from ..core.registry import Entry, Registry, parameters_of
from ..core.requests import Reply, Request

ENGINES = Registry(
    "engine",
    {
        "scripted": Entry("pasture.engines.scripted:ScriptedEngine", "answers by a Python function, or by a hash; no model"),
        "openai": Entry(
            "pasture.engines.openai.engine:OpenAIEngine",
            "any OpenAI-compatible server: hosted APIs, vLLM's own server; paced, with the batch API",
            traits={"model": "gpt-4o-mini"},
        ),
        "transformers": Entry(
            "pasture.engines.transformers_engine:TransformersEngine",
            "a Hugging Face checkpoint in batches, on a CPU or a GPU",
            traits={"model": "smollm2-135m"},
        ),
        "vllm": Entry(
            "pasture.engines.vllm_engine:VllmEngine",
            "a Hugging Face checkpoint through vLLM, with prefix caching, on a CPU or a GPU",
            "Kwon et al. 2023, arXiv:2309.06180",
            {"model": "smollm2-135m"},
        ),
    },
)
"""The trait `model` is of engines that serve one, and names an example."""


MEMBER = re.compile(r"([A-Za-z][\w-]*)=(.+)", re.DOTALL)


def named_models(given: Sequence[str]) -> str | dict[str, str]:
    """What a repeated option `--model` says: one model (blank for none), or models by the names that requests call them by.
    `NAME=MODEL` names one; without a name it answers requests that name none. A path with a `=` in it is written `./lr=1/model`.
    Raises InputError for a name that is given twice, blank included."""
    named: dict[str, str] = {}
    for each in given:
        found = MEMBER.fullmatch(each)
        name, model = found.groups() if found else ("", each)
        if name in named:
            what = f"the model {name!r} is" if name else "a model without a name is"
            raise InputError(f"{what} given twice; name each once, as in --model strong=A --model weak=B")
        named[name] = model
    return named.get("", "") if set(named) <= {""} else named


def make_engine(name: str, model: str | Mapping[str, str] = "", /, **options: Any) -> Engine:
    """The engine of this name serving `model`. vLLM loads the model when it is first asked.

    model: or several by name, each in an engine of its own behind `Routed`, by `Request.model`; one that is named "", or else the
    first, answers requests that name none. `options` are the keyword arguments of its class. Raises InputError for an unknown
    engine, model or option, for an option out of range, and where a package is missing; EngineError where it does not start."""
    if "model" in options:
        if model:
            raise InputError(f"the model is given twice, as {model!r} and as {options['model']!r}; give it once, by --model")
        model = options.pop("model")
    if isinstance(model, Mapping):
        return Routed({member: make_engine(name, each, **options) for member, each in model.items()})
    example = ENGINES.entry(name).traits.get("model")
    if example and not model:  # said before anything heavy is imported
        raise InputError(f"the engine {name!r} serves a model, and none was given; try --model {example}")
    make = ENGINES.load(name)
    known = parameters_of(make, f"the engine {name!r}")
    if unknown := sorted(set(options) - set(known)):
        names = ", ".join(option for option in known if option != "model")
        raise InputError(f"the engine {name!r} has no option {', '.join(map(repr, unknown))}; it has: {names}")
    if "model" in known:
        if not model and known["model"].default is inspect.Parameter.empty:
            raise InputError(f"the engine {name!r} serves a model, and none was given; try --model smollm2-135m")
        options["model"] = model
    made = ENGINES.make(name, **options)
    with ENGINES.explained(name):
        lacking = [each for each in ("name", "generate") if not hasattr(made, each)]
    if lacking:
        what = f"{name!r} makes a {type(made).__name__}, which has no `{lacking[0]}`"
        raise InputError(f"{what} and is not an engine; see core/protocols.py")
    return made


class Routed:
    """Several engines as one, for pools and juries of several models: each request goes to the member that its `model` names. Its
    identity is that of all its members, so that no member's answers are taken for another's.

    members: engines by the names that requests use. default: whose the requests are that name no model; blank is the member
    called "", or else the first one.

    `prices_by_model` are the members' own; `prices` are the highest of each, for callers that read those alone."""

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


__getattr__ = public(__name__)
