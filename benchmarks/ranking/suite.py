"""A suite: the fixed conditions under which methods are compared, read from one TOML, and checked before anything is trained."""

import json
from collections.abc import Sequence
from dataclasses import asdict, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ...annotators import ANNOTATORS, make_annotator
from ...annotators.annotator import traits_of
from ...annotators.runner import annotate
from ...core.errors import InputError, UnknownName
from ...core.files.reading import read_toml, reading
from ...core.protocols import World
from ...core.text import one_line
from ...methods import METHODS
from ...simulators import WORLDS, make_world
from ...simulators.material import world_items

Count = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Name = Annotated[str, Field(min_length=1)]
PROBES = 8
"""Pairs that an annotator of the user's is asked about, to find out whether it asks an engine."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Suite:
    """`[methods.NAME]` tables give a method's settings in this world; `ranked` names the methods to compare. A method of a file or
    a module, `path/to/simpo.py`, may have its table under the short name, `[methods.simpo]`."""

    world: Name
    ranked: tuple[Name, ...]
    feedback: Name = "pool"
    """Annotator that labels the training pairs."""
    flip: Annotated[float, Field(ge=0, lt=0.5, strict=True, allow_inf_nan=False)] = 0.0
    """Share of training labels flipped, on top of the annotator's own noise."""
    evaluator: Name = "pool"
    """Annotator that judges the answers; never flipped."""
    labels: Count = 400
    """Label budget of each method and seed."""
    seeds: Count = 2
    prompts: Count = 200
    """Unlabelled prompts that a method may sample on."""
    eval_prompts: Count = 100
    samples: Count = 1
    """Answers judged for each evaluation prompt and seed."""
    abstained: Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)] = 0.2
    """Share of a method's training labels above which abstentions are named in the headline."""
    engine: str = ""
    """Engine for annotators that need one (an LLM judge); blank where none does."""
    model: str | dict[str, str] = ""
    """The engine's model; or several, by the names that requests call them by."""
    engine_options: dict[str, Any] = field(default_factory=dict)
    world_options: dict[str, Any] = field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)

    def settings(self, method: str) -> dict[str, Any]:
        """The method's table: under its name as it is ranked, or under its short one."""
        return self.methods.get(method) or self.methods.get(short_name(method), {})


def short_name(method: str) -> str:
    """`simpo` for `path/to/simpo.py` and `package.simpo`; the name itself where that would be a built-in method's."""
    file, _, attribute = method.partition(":")
    short = attribute or Path(file).name.removesuffix(".py").rpartition(".")[2]
    return method if short in METHODS.table else short


def suite_names() -> list[str]:
    """The suites that come with Pasture, sorted."""
    shipped = files(__package__ or "").joinpath("suites").iterdir()
    return sorted(each.name.removesuffix(".toml") for each in shipped if each.name.endswith(".toml"))


def suite_for(world: str) -> str:
    """The shipped suite whose settings fit a world: of its own name, or of its family (`exact` for `exact-cyclic`).

    Raises UnknownName for an unknown world, InputError for one that no shipped suite fits."""
    WORLDS.entry(world)
    for name in (world, world.partition("-")[0]):
        if name in suite_names():
            return name
    raise InputError(f"no shipped suite fits the world {world!r}; give one with --suite path/to/suite.toml")


def load_suite(name: str, *, add: Sequence[str] = (), settings_of: str = "", **overrides: Any) -> Suite:
    """The suite of a name or a TOML path, with `overrides` that are not None put over it.

    add: methods that are ranked beside its own. settings_of: a method that may have a table without being ranked. Labels of another
    `feedback` than the suite's are not flipped unless `flip` says so: the suite's share is made for its own annotator.
    Raises InputError for what is not a suite, for an unknown table or key, a value of a wrong kind or out of range, and for
    settings of a method that is not ranked."""
    table, given = _table(name), {key: value for key, value in overrides.items() if value is not None}
    own, own_feedback = tuple(each) if isinstance(each := table.get("ranked"), list) else (), table.get("feedback", "pool")
    if given.get("feedback", own_feedback) != own_feedback:
        given.setdefault("flip", 0.0)
    whole = table | given
    if add and isinstance(whole.get("ranked"), list | tuple):
        whole["ranked"] = [*whole["ranked"], *add]
    suite = suite_of(whole, f"the suite {name!r}")
    known = {*own, *suite.ranked, settings_of, "sft"} | {each for each in METHODS.table if not yields_policy(each)}
    for method in suite.methods:
        if method not in known | {short_name(each) for each in known}:
            hint = "Put it into `ranked`, or take its table out of the suite."
            raise UnknownName("ranked method", method, known - {""}, hint)
    return suite


def suite_of(table: dict[str, Any], who: str) -> Suite:
    """The suite that a table describes, or InputError with the first thing that is wrong. who: as in "the suite 'exact'"."""
    try:
        suite = TypeAdapter(Suite).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise InputError(f"{who} has no `{where}`; give it one") from error
        if first["type"] == "unexpected_keyword_argument":
            raise InputError(f"{who} has an unknown key {where!r}; it may have: {', '.join(Suite.__dataclass_fields__)}") from error
        raise InputError(f"{who} has {where} = {one_line(first.get('input'))}: {first['msg']}") from error
    twice = [each for each in suite.ranked if suite.ranked.count(each) > 1]
    if twice or not suite.ranked:
        raise InputError(f"{who} ranks {f'{twice[0]!r} twice' if twice else 'no method'}; name each method once")
    return suite


def _table(name: str) -> dict[str, Any]:
    expected = f"a TOML with a suite's settings, or one of: {', '.join(suite_names())}"
    if not name.endswith(".toml") and name not in suite_names():
        raise UnknownName("suite", name, suite_names(), "A suite of your own is given as path/to/suite.toml.")
    path = name if name.endswith(".toml") else str(files(__package__ or "").joinpath("suites", f"{name}.toml"))
    table = read_toml(path, expected)
    with reading(path, expected):
        json.dumps(table, default=str)  # a whole number may be too large to be written
    return table


@lru_cache(maxsize=2)
def _world(name: str, options: str, sizes: tuple[tuple[str, int], ...]) -> World:
    with WORLDS.explained(name):
        own = json.loads(options)
        made = make_world(name, **own)
        more = {split: size for split, size in sizes if split not in own and len(made.prompts(split)) < size}
        if not more:
            return made
        try:
            return make_world(name, **own, **more)
        except InputError:  # the world cannot make more, and `check_suite` says so
            return made


def suite_world(suite: Suite) -> World:
    """The suite's world, with as many evaluation prompts and unlabelled prompts as the suite asks for where it can make them."""
    sizes = (("eval", suite.eval_prompts), ("unlabeled", suite.prompts))
    return _world(suite.world, json.dumps(suite.world_options, default=str), sizes)


def yields_policy(method: str) -> bool:
    """Whether a method trains a policy, and not a reward model."""
    return METHODS.entry(method).traits.get("yields", "policy") == "policy"


def check_suite(suite: Suite, *, ranked: bool = True, annotators: bool = True) -> None:
    """Every name and setting of the suite is known, and every ranked method yields a policy, before anything is trained.

    ranked: False where one method is trained, whatever it yields. annotators: False where others are asked than the suite's."""
    for name in suite.ranked:
        if ranked and not yields_policy(name):
            why = f"the method {name!r} yields a {METHODS.entry(name).traits['yields']}, which cannot be ranked"
            raise InputError(f"{why}; leave it out")
        method_config(suite, name)
    for what, given in (("the model", suite.model), ("the table engine_options", suite.engine_options)):
        if given and not suite.engine:
            raise InputError(f"{what} {given!r} goes with an engine; name one, for instance --engine vllm")
    world = suite_world(suite)
    for amount, split in (("prompts", "unlabeled"), ("eval_prompts", "eval")):
        wanted, known = getattr(suite, amount), len(world.prompts(split))
        if wanted > known:
            wrong = f"the suite has {amount} = {wanted} and the world {suite.world!r} has {known} {split} prompts"
            raise InputError(f"{wrong}; ask for at most {known}, or make the world larger in the suite's [world_options]")
    for name in {suite.feedback, suite.evaluator} if annotators else ():
        annotator = make_annotator(name, world=world)
        if not suite.engine and traits_of(annotator).engine:
            raise InputError(f"the annotator {name!r} asks an engine and none was given; name one, for instance --engine actor")
        if not suite.engine and name not in ANNOTATORS.table:
            annotate(world_items(world, "pair", PROBES), annotator)  # raises where it asks an engine, whatever its traits say


def method_config(suite: Suite, name: str) -> Any:
    """The method's Config under the suite's settings. Raises InputError for a setting that it does not have or take, and for a
    method without a `Config` or a `train`."""
    settings, who = suite.settings(name), f"the method {name!r}"
    with METHODS.explained(name):
        method = METHODS.load(name)
        missing = [part for part in ("Config", "train") if not callable(getattr(method, part, None))]
        if missing:
            raise InputError(f"{who} has no `{missing[0]}`; a method is a module with a `Config` dataclass and a function `train`")
        try:
            return method.Config(**settings)
        except TypeError as error:
            known = ", ".join(getattr(method.Config, "__dataclass_fields__", ())) or "none"
            raise InputError(f"{who} does not take {settings}: {error}; its settings are: {known}") from error


def suite_record(suite: Suite) -> dict[str, Any]:
    """The suite as JSON, for manifests."""
    return json.loads(json.dumps(asdict(suite), default=str))
