"""A suite: the fixed conditions under which methods are compared, read from one TOML."""

from __future__ import annotations

import tomllib
from dataclasses import field
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ...annotators import make_annotator
from ...core.errors import InputError, UnknownName
from ...core.files.reading import read_toml
from ...core.protocols import World
from ...core.text import one_line
from ...methods import METHODS
from ...simulators import WORLDS

Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Suite:
    """`[methods.NAME]` tables give a method's settings in this world; `ranked` names the methods to compare."""

    world: str
    ranked: tuple[str, ...]
    feedback: str = "pool"
    """Annotator that labels the training pairs."""
    flip: Annotated[float, Field(ge=0, lt=0.5)] = 0.25
    """Share of training labels flipped, on top of the annotator's own noise."""
    evaluator: str = "pool"
    """Annotator that judges the answers; never flipped."""
    labels: Count = 400
    """Label budget of each method and seed."""
    seeds: Count = 2
    prompts: Count = 200
    """Unlabelled prompts that a method may sample on."""
    eval_prompts: Count = 100
    samples: Count = 1
    """Answers judged for each evaluation prompt and seed."""
    engine: str = ""
    """Engine for annotators that need one (an LLM judge); blank where none does."""
    model: str = ""
    world_options: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)


def suite_names() -> list[str]:
    return sorted(
        each.name.removesuffix(".toml")
        for each in files(__package__ or "").joinpath("suites").iterdir()
        if each.name.endswith(".toml")
    )


def suite_for(world: str) -> str:
    """The shipped suite whose settings fit a world: of its own name, or of its family (`exact` for `exact-cyclic`).

    Raises UnknownName for an unknown world, InputError for one that no shipped suite fits."""
    WORLDS.entry(world)
    for name in (world, world.partition("-")[0]):
        if name in suite_names():
            return name
    raise InputError(f"no shipped suite fits the world {world!r}; give one with --suite path/to/suite.toml")


def load_suite(name: str, **overrides: Any) -> Suite:
    """The suite of a name or a TOML path, with `overrides` that are not None put over it."""
    if name.endswith(".toml"):
        table = read_toml(name, f"a TOML with a suite's settings, or one of: {', '.join(suite_names())}")
    elif name in suite_names():
        table = tomllib.loads(files(__package__ or "").joinpath("suites", f"{name}.toml").read_text(encoding="utf-8"))
    else:
        raise UnknownName("suite", name, suite_names(), "A suite of your own is given as path/to/suite.toml.")
    try:
        return TypeAdapter(Suite).validate_python(table | {k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"the suite {name!r} has {where} = {one_line(first['input'])}: {first['msg']}") from error


@lru_cache(maxsize=2)
def _world(name: str, options: tuple[tuple[str, Any], ...]) -> World:
    return WORLDS.load(name)(**dict(options))


def suite_world(suite: Suite) -> World:
    return _world(suite.world, tuple(sorted(suite.world_options.items())))


def check_suite(suite: Suite, *, yields: str | None = "policy") -> None:
    """Every name and setting of the suite is known, and every ranked method yields a policy, before anything is trained."""
    for name in suite.ranked:
        if yields and METHODS.entry(name).traits.get("yields", "policy") != yields:
            raise InputError(
                f"the method {name!r} yields a {METHODS.entry(name).traits['yields']}, which cannot be ranked; leave it out"
            )
        method_config(suite, name)
    if suite.model and not suite.engine:
        raise InputError(f"the model {suite.model!r} goes with an engine; name one, for instance --engine vllm")
    world = suite_world(suite)
    for amount, split in (("prompts", "unlabeled"), ("eval_prompts", "eval")):
        wanted, known = getattr(suite, amount), len(world.prompts(split))
        if wanted > known:
            raise InputError(
                f"the suite has {amount} = {wanted} and the world {suite.world!r} has {known} {split} prompts; lower `{amount}`"
            )
    make_annotator(suite.feedback, world=world)
    make_annotator(suite.evaluator, world=world)


def method_config(suite: Suite, name: str) -> Any:
    """The method's Config under the suite's settings."""
    settings = suite.methods.get(name, {})
    try:
        return METHODS.load(name).Config(**settings)
    except TypeError as error:
        known = ", ".join(METHODS.load(name).Config.__dataclass_fields__)
        raise InputError(f"the method {name!r} does not take {settings}: {error}; its settings are: {known}") from error
